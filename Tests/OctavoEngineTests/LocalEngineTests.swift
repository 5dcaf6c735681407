import OctavoCore
import OctavoEngine
import OctavoTestSupport
import Testing

@Suite struct LocalEngineTests {
    @Test(arguments: [(64, 64), (16, 40), (1, 1), (7, 3), (4096, 64)])
    func `a completion does not depend on what is beside it or on how steps are cut`(
        stepTokens: Int, stepLogits: Int
    ) async {
        let requests = EngineDriver.requests(40, seed: 1)
        var alone: [Int: Completion] = [:]
        for request in requests { alone.merge(await EngineDriver().run([request]).completions) { $1 } }
        #expect(alone.count == requests.count)

        var generator = SeededGenerator(seed: UInt64(stepTokens))
        let runner = HashRunner(stepTokens: stepTokens, stepLogits: stepLogits)
        let outcome = await EngineDriver(runner).run(requests.shuffled(using: &generator))
        #expect(outcome.completions == alone)
        #expect(outcome.endings.sorted() == requests.map(\.id))
        #expect(runner.livingSequences == 0)
        for step in runner.steps {
            #expect(step.reduce(0) { $0 + $1.tokens } <= stepTokens)
        }
    }

    @Test func `completions in progress advance with every step of a long prompt`() async {
        var short = EngineDriver.requests(2, seed: 2)[1]
        short.promptTokens = [1]
        short.sampling.maxTokens = 40
        short.sampling.ignoresEndTokens = true
        var long = short
        long.id = 7
        long.promptTokens = (0..<200).map { TokenID($0 % 40) }
        let runner = HashRunner(stepTokens: 16)
        let outcome = await EngineDriver(runner).run([long, short])
        #expect(outcome.endings == [short.id, long.id])
        for step in runner.steps.prefix(short.sampling.maxTokens ?? 0).dropFirst() {
            #expect(step.contains { $0.tokens == 1 && $0.logits == 1 })
        }
    }

    @Test func `a finished completion costs nothing from the next step on`() async {
        let requests = EngineDriver.requests(12, seed: 3)
        let runner = HashRunner(stepTokens: 4096)
        let outcome = await EngineDriver(runner).run(requests)
        for (index, step) in runner.steps.enumerated() {
            let unfinished = requests.count { (outcome.completions[$0.id]?.tokens.count ?? 0) > index }
            #expect(step.count == unfinished)
            #expect(
                outcome.steps[index].activeRows == (index + 1 < runner.steps.count ? runner.steps[index + 1].count : 0))
        }
        let sampled = outcome.steps.reduce(0) { $0 + $1.sampledTokens }
        #expect(sampled == outcome.completions.values.reduce(0) { $0 + $1.tokens.count })
    }

    @Test func `no more is computed than the tokens that count`() async {
        let requests = EngineDriver.requests(12, seed: 4)
        let runner = HashRunner()
        let outcome = await EngineDriver(runner).run(requests)
        let computed = runner.steps.joined().reduce(0) { $0 + $1.tokens }
        // The last token of a completion is never fed back.
        let useful =
            requests.reduce(0) { $0 + $1.promptTokens.count }
            + outcome.completions.values.reduce(0) { $0 + $1.tokens.count - 1 }
        #expect(computed == useful)
    }

    @Test func `logits that are not finite fail their own request alone`() async {
        var requests = EngineDriver.requests(8, seed: 5)
        let healthy = await EngineDriver().run(requests).completions
        requests[3].promptTokens.append(HashRunner().poison)
        let runner = HashRunner()
        let outcome = await EngineDriver(runner).run(requests)
        #expect(outcome.failures == [3: .notFinite(position: requests[3].promptTokens.count - 1)])
        #expect(outcome.completions == healthy.filter { $0.key != 3 })
        #expect(outcome.endings.sorted() == Array(0..<8))
        #expect(runner.livingSequences == 0)
    }

    @Test func `a resumed request fails by logits that are not finite, though later ones are`() async {
        var request = EngineDriver.requests(1, seed: 6)[0]
        request.sampling.topLogprobs = 1
        request.sampling.maxTokens = 5
        request.sampling.stop = []
        request.generatedTokens = [1, HashRunner().poison, 2, 3]
        let outcome = await EngineDriver().run([request])
        #expect(outcome.endings == [0] && outcome.failures.count == 1)
    }

    @Test func `a request that can never have room fails alone`() async {
        var requests = EngineDriver.requests(4, seed: 7)
        requests[1].sampling.maxTokens = 400
        let runner = HashRunner(positions: 256)
        let outcome = await EngineDriver(runner).run(requests)
        #expect(outcome.failures == [1: .outOfMemory(positions: requests[1].maximumLength)])
        #expect(outcome.completions.keys.sorted() == [0, 2, 3])
    }

    @Test func `a request that is cancelled ends so, and is heard of no more`() async {
        var requests = EngineDriver.requests(6, seed: 8)
        for index in requests.indices {
            requests[index].sampling.maxTokens = 50
            requests[index].sampling.minTokens = 50
            requests[index].sampling.stop = []
        }
        let undisturbed = await EngineDriver().run(requests).completions
        let runner = HashRunner()
        let outcome = await EngineDriver(runner).run(requests) { step, control in
            if step == 3 { control.cancel([1, 4]) }
            if step == 5 { control.cancel([4, 99]) }
        }
        #expect(outcome.endings.sorted() == Array(0..<6))
        #expect(outcome.cancelled == [1, 4])
        #expect(outcome.completions == undisturbed.filter { ![1, 4].contains($0.key) })
        #expect(runner.livingSequences == 0)
    }

    @Test func `cancelling everything ends the batch`() async {
        let requests = EngineDriver.requests(5, seed: 9)
        let driver = EngineDriver(HashRunner(stepDuration: .milliseconds(2)))
        let outcome = await driver.run(requests) { step, control in
            if step == 1 { control.cancel(0..<5) }
        }
        #expect(outcome.completions.count < 5)
        #expect(outcome.completions.count + outcome.cancelled.count == 5)
        #expect(driver.runner.livingSequences == 0)
    }

    @Test func `an empty batch ends at once`() async {
        let outcome = await EngineDriver().run([])
        #expect(outcome.endings.isEmpty && outcome.steps.isEmpty)
    }

    @Test func `a consumer that goes away stops the batch`() async {
        var request = EngineDriver.requests(1, seed: 10)[0]
        request.sampling.maxTokens = 400
        request.sampling.minTokens = 400
        let driver = EngineDriver(HashRunner(stepDuration: .milliseconds(2)))
        let task = Task { await driver.run([request]) }
        #expect(await eventually { driver.runner.steps.count > 3 })
        task.cancel()
        _ = await task.value
        #expect(await eventually { driver.runner.livingSequences == 0 })
        #expect(driver.runner.steps.count < 300)
    }

    @Test func `a second batch waits for the first`() async {
        let driver = EngineDriver(HashRunner(stepLogits: 4))
        let requests = EngineDriver.requests(8, seed: 11)
        let expected = await EngineDriver().run(requests).completions
        async let first = driver.run(Array(requests[..<4]))
        async let second = driver.run(Array(requests[4...]))
        let completions = await [first, second].reduce(into: [:]) { $0.merge($1.completions) { $1 } }
        #expect(completions == expected)
        #expect(driver.runner.steps.allSatisfy { $0.count <= 4 })
    }

    @Test func `the minimum holds off end tokens and the request's stop tokens`() async {
        var request = EngineDriver.requests(2, seed: 12)[1]
        request.sampling = SamplingParameters()
        request.sampling.seed = 5
        request.sampling.maxTokens = 100
        request.sampling.minTokens = 30
        request.sampling.stopTokenIDs = (0..<40).map { TokenID($0) }
        let tokens = await EngineDriver().run([request]).completions[1]?.tokens ?? []
        #expect(tokens.count > 30)
        #expect(tokens.prefix(30).allSatisfy { $0 >= 40 && $0 != Letters.end })
        #expect(tokens.last.map { $0 < 40 || $0 == Letters.end } == true)
    }
}
