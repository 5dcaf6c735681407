import OctavoCore
import OctavoEngine
import OctavoTestSupport
import Synchronization
import Testing

@Suite struct ResumptionTests {
    /// Stopped after every number of steps, in the middle of prompts and of completions.
    @Test(arguments: [1, 2, 3, 5, 8, 13, 21, 34, 55])
    func `a batch that was stopped goes on to the same completions`(steps: Int) async {
        let requests = EngineDriver.requests(14, seed: 20)
        let undisturbed = await EngineDriver().run(requests).completions
        let runner = HashRunner(stepTokens: 48)
        let first = await EngineDriver(runner) { $0.checkpointTokens = 8 }.run(requests) { step, control in
            if step == steps { control.stop() }
        }
        #expect(first.lastIsCheckpoint || first.completions.count == requests.count)
        #expect(runner.livingSequences == 0)

        var rest: [GenerationRequest] = []
        for var request in requests where first.completions[request.id] == nil {
            request.generatedTokens = first.checkpointed(request)
            rest.append(request)
        }
        let second = await EngineDriver(HashRunner(stepTokens: 33, stepLogits: 16)).run(rest)
        #expect(first.completions.merging(second.completions) { $1 } == undisturbed)
        #expect(second.endings.count == rest.count)
    }

    @Test func `a batch stopped after every few steps comes to the same end`() async {
        let undisturbed = await EngineDriver().run(EngineDriver.requests(10, seed: 21)).completions
        var requests = EngineDriver.requests(10, seed: 21)
        var completions: [Int: Completion] = [:]
        var runs = 0
        while !requests.isEmpty, runs < 100 {
            runs += 1
            let driver = EngineDriver(HashRunner(stepTokens: 512, stepLogits: 512)) { $0.checkpointTokens = 4 }
            let outcome = await driver.run(requests) { step, control in
                if step == 5 { control.stop() }
            }
            completions.merge(outcome.completions) { $1 }
            requests = requests.compactMap { request in
                guard outcome.completions[request.id] == nil else { return nil }
                var request = request
                request.generatedTokens = outcome.checkpointed(request)
                return request
            }
        }
        #expect(completions == undisturbed)
        #expect(runs > 3)
    }

    @Test func `a stop string that a checkpoint cuts in half is found all the same`() async throws {
        var sampling = SamplingParameters()
        sampling.seed = 1
        sampling.temperature = 0
        sampling.maxTokens = 60
        sampling.topLogprobs = 1
        sampling.stop = ["never", "HIJAB"]
        let request = GenerationRequest(id: 0, promptTokens: [0], sampling: sampling)
        let whole = try #require(await EngineDriver(HashRunner(period: 10)).run([request]).completions[0])
        #expect(whole.text == "BCDEFG" && whole.tokens.count == 11 && whole.finishReason == .stop)
        for count in whole.tokens.indices {
            var resumed = request
            resumed.generatedTokens = Array(whole.tokens.prefix(count))
            #expect(await EngineDriver(HashRunner(period: 10)).run([resumed]).completions[0] == whole, "after \(count)")
        }
    }

    @Test func `tokens behind the end of a completion are not taken over`() async {
        var request = EngineDriver.requests(1, seed: 22)[0]
        let completion = await EngineDriver().run([request]).completions[0]
        request.generatedTokens = (completion?.tokens ?? []) + [1, 2, 3]
        #expect(await EngineDriver().run([request]).completions[0] == completion)
    }

    @Test func `a batch that is stopped before it begins gives nothing`() async {
        let driver = EngineDriver()
        let control = GenerationControl()
        control.stop()
        var outcome = EngineDriver.Outcome()
        for await event in driver.engine.generate(EngineDriver.requests(3, seed: 23), control: control) {
            outcome.add(event)
        }
        #expect(outcome.endings.isEmpty && outcome.steps.isEmpty && outcome.checkpoints.isEmpty)
    }
}

// MARK: - Checkpoints

extension ResumptionTests {
    /// Nothing is confirmed until the engine stands still: it must do so before more than the interval is at risk.
    @Test(arguments: [1, 2, 3, 8, 31])
    func `no more than the interval is generated past the last confirmed checkpoint`(interval: Int) async throws {
        var request = EngineDriver.requests(2, seed: 24)[1]
        request.sampling = SamplingParameters()
        request.sampling.seed = 1
        request.sampling.maxTokens = 100
        request.sampling.ignoresEndTokens = true
        let driver = EngineDriver { $0.checkpointTokens = interval }
        let control = GenerationControl()
        let heard = Mutex(EngineDriver.Outcome())
        let listening = Task { [request] in
            for await event in driver.engine.generate([request], control: control) {
                heard.withLock { $0.add(event) }
            }
        }
        var durable = 0
        while true {
            let outcome = await standstill(heard)
            let sampled = outcome.steps.reduce(0) { $0 + $1.sampledTokens }
            #expect(sampled - durable <= interval)
            guard outcome.completions.isEmpty else { break }
            let last = try #require(outcome.checkpoints.last)
            #expect(outcome.checkpointed(request).count > durable, "the engine stands still for nothing")
            durable = outcome.checkpointed(request).count
            control.acknowledge(last.number)
        }
        await listening.value
    }

    /// What was heard once nothing more is for 30 ms.
    private func standstill(_ heard: borrowing Mutex<EngineDriver.Outcome>) async -> EngineDriver.Outcome {
        var outcome = heard.withLock { $0 }
        var quiet = 0
        while quiet < 3, outcome.completions.isEmpty {
            try? await Task.sleep(for: .milliseconds(10))
            let now = heard.withLock { $0 }
            quiet = now.steps.count == outcome.steps.count && !now.steps.isEmpty ? quiet + 1 : 0
            outcome = now
        }
        return outcome
    }

    @Test func `checkpoints come as often as configured, and hold every token once`() async {
        var requests = EngineDriver.requests(3, seed: 25)
        for index in requests.indices {
            requests[index].sampling = SamplingParameters()
            requests[index].sampling.seed = Int64(index)
            requests[index].sampling.maxTokens = 40
            requests[index].sampling.ignoresEndTokens = true
        }
        let outcome = await EngineDriver(HashRunner(stepTokens: 512)) { $0.checkpointTokens = 10 }.run(requests)
        #expect(outcome.checkpoints.map(\.number) == Array(1...7))
        for request in requests {
            let entries = outcome.checkpoints.flatMap(\.entries).filter { $0.id == request.id }
            #expect(entries.map(\.firstToken) == Array(stride(from: 0, to: 35, by: 5)))
            #expect(entries.allSatisfy { $0.tokens.count == 5 })
            #expect(outcome.checkpointed(request) == Array((outcome.completions[request.id]?.tokens ?? []).prefix(35)))
        }
    }

    @Test func `time brings checkpoints, too`() async {
        var request = EngineDriver.requests(2, seed: 26)[1]
        request.sampling = SamplingParameters()
        request.sampling.seed = 3
        request.sampling.maxTokens = 40
        request.sampling.ignoresEndTokens = true
        let driver = EngineDriver(HashRunner(stepDuration: .milliseconds(5))) {
            $0.checkpointTokens = 10_000
            $0.checkpointInterval = .milliseconds(40)
        }
        let outcome = await driver.run([request])
        #expect(outcome.checkpoints.count >= 3)
    }

    @Test func `confirming a later checkpoint confirms those before it, and stopping ends the wait`() async {
        var request = EngineDriver.requests(2, seed: 27)[1]
        request.sampling = SamplingParameters()
        request.sampling.seed = 3
        request.sampling.maxTokens = 64
        request.sampling.ignoresEndTokens = true
        let driver = EngineDriver { $0.checkpointTokens = 4 }
        let confirmed = GenerationControl()
        confirmed.acknowledge(1000)
        var outcome = EngineDriver.Outcome()
        for await event in driver.engine.generate([request], control: confirmed) { outcome.add(event) }
        #expect(outcome.completions.count == 1)

        let stopped = GenerationControl()
        var events = 0
        for await event in driver.engine.generate([request], control: stopped) {
            events += 1
            if case .checkpoint = event { stopped.stop() }
        }
        #expect(events > 0)
        #expect(driver.runner.livingSequences == 0)
    }
}
