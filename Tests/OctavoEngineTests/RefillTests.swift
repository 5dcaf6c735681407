import OctavoCore
import OctavoEngine
import OctavoTestSupport
import Testing

/// How requests join a generation that is under way.
@Suite struct RefillTests {
    /// Requests that take exactly as many tokens as they may.
    private func requests(lengths: [Int]) -> [GenerationRequest] {
        lengths.enumerated().map { id, length in
            var sampling = SamplingParameters()
            sampling.seed = 1
            sampling.maxTokens = length
            sampling.ignoresEndTokens = true
            return GenerationRequest(id: id, promptTokens: [TokenID(id % 40)], sampling: sampling)
        }
    }

    private func driver(maximumBatch: Int, positions: Int = 1 << 16) -> EngineDriver {
        EngineDriver(HashRunner(positions: positions)) { $0.maximumBatch = maximumBatch }
    }

    @Test func `a request joins with the step after one has ended`() async {
        let driver = driver(maximumBatch: 3)
        let outcome = await driver.run(requests(lengths: [2, 5, 9, 4, 1, 6, 3]))
        #expect(outcome.completions.count == 7)
        // The fourth after the first's two steps, the fifth and sixth after six, the last after the sixth's one.
        #expect(driver.runner.steps.map(\.count) == [3, 3, 3, 3, 3, 3, 3, 3, 3, 1, 1, 1])
    }

    @Test func `completions are the same however many decode together, and in whatever batches`() async {
        let requests = EngineDriver.requests(40, seed: 31)
        let together = await EngineDriver().run(requests)
        for maximumBatch in [1, 3, 17] {
            let outcome = await driver(maximumBatch: maximumBatch).run(requests)
            #expect(outcome.completions == together.completions)
            #expect(outcome.endings.sorted() == requests.map(\.id))
        }
        let control = GenerationControl()
        for start in stride(from: 0, to: 40, by: 8) { control.add(requests[start..<start + 8], asBatch: true) }
        control.finishAdding()
        #expect(await driver(maximumBatch: 32).run(control).completions == together.completions)
    }

    @Test func `a batch begins when all requests before it have ended`() async {
        let requests = requests(lengths: [1, 4, 2, 2, 3])
        let control = GenerationControl()
        control.add(requests[..<2], asBatch: true)
        control.add(requests[2...], asBatch: true)
        control.finishAdding()
        let driver = driver(maximumBatch: 32)
        _ = await driver.run(control)
        #expect(driver.runner.steps.map(\.count) == [2, 1, 1, 1, 3, 3, 1])
    }

    @Test func `a request without room waits for it`() async {
        // Three blocks of 16: two short rows and a long one do not fit together.
        let driver = driver(maximumBatch: 32, positions: 48)
        let outcome = await driver.run(requests(lengths: [10, 12, 30, 10]))
        #expect(outcome.failures.isEmpty && outcome.completions.count == 4)
        #expect(driver.runner.steps.map(\.count).max() == 2)
        #expect(driver.runner.livingSequences == 0)
    }

    @Test func `requests that come later join those under way`() async {
        // A checkpoint with every token, so that the engine is never more than two steps ahead.
        let driver = EngineDriver { $0.checkpointTokens = 2 }
        let requests = requests(lengths: [20, 5, 5])
        let control = GenerationControl()
        control.add(requests[..<1])
        let outcome = await driver.run(control) { step, control in
            if step == 3 { control.add(requests[1...]) }
            if step == 4 { control.finishAdding() }
        }
        #expect(outcome.completions.count == 3)
        #expect(driver.runner.steps.map(\.count).max() == 3)
    }

    @Test func `an engine without requests waits for more until it is told that none come`() async {
        let driver = driver(maximumBatch: 8)
        let control = GenerationControl()
        async let outcome = driver.run(control)
        control.add(requests(lengths: [3]))
        #expect(await eventually { driver.runner.livingSequences == 0 && driver.runner.steps.count == 3 })
        control.add(requests(lengths: [4, 4]).dropFirst())
        control.finishAdding()
        #expect(await outcome.completions.count == 2)
    }

    @Test func `an engine that waits for requests can be stopped`() async {
        let control = GenerationControl()
        async let outcome = driver(maximumBatch: 8).run(control)
        control.stop()
        #expect(await outcome.endings.isEmpty)
    }

    @Test func `cancelled requests leave the line`() async {
        let control = GenerationControl()
        control.add(requests(lengths: [5, 5, 5]))
        control.cancel([1])
        control.finishAdding()
        let outcome = await driver(maximumBatch: 1).run(control)
        #expect(outcome.cancelled == [1])
        #expect(outcome.completions.keys.sorted() == [0, 2])
    }

    @Test func `whoever waits for a short line is woken when it is`() async {
        let driver = EngineDriver(HashRunner(stepDuration: .milliseconds(1))) { $0.maximumBatch = 1 }
        let control = GenerationControl()
        control.add(requests(lengths: [2, 2, 2, 2, 2, 2]))
        async let outcome = driver.run(control)
        await control.untilWaiting(atMost: 2)
        #expect(driver.runner.steps.count >= 6)
        control.finishAdding()
        #expect(await outcome.completions.count == 6)
    }
}
