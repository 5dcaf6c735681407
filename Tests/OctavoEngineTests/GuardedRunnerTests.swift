import Foundation
import OctavoCore
import OctavoEngine
import OctavoTestSupport
import Synchronization
import Testing

@Suite struct GuardedRunnerTests {
    /// What a guard has reported.
    private final class Reports: Sendable {
        private let list = Mutex<[GuardedRunner.Failure]>([])

        var all: [GuardedRunner.Failure] { list.withLock { $0 } }

        func add(_ failure: GuardedRunner.Failure) { list.withLock { $0.append(failure) } }
    }

    /// Answers one prompt by ten tokens, and returns how that ended.
    private static func answer(_ prompt: String, by runner: any ModelRunner) async -> [GenerationEvent] {
        let engine = LocalEngine(runner: runner, tokens: ASCIITokens(), endTokens: [])
        var sampling = SamplingParameters()
        sampling.seed = 1
        sampling.maxTokens = 10
        let request = GenerationRequest(
            id: 0, promptTokens: prompt.utf8.map(TokenID.init), generatedTokens: [], sampling: sampling, sampleIndex: 0)
        let control = GenerationControl()
        var ends: [GenerationEvent] = []
        for await event in engine.generate([request], control: control) {
            switch event {
            case .checkpoint(let checkpoint): control.acknowledge(checkpoint.number)
            case .finished, .failed, .cancelled: ends.append(event)
            case .step, .measured: break
            }
        }
        return ends
    }

    @Test func `an answer is the same with a guard, and nothing is reported`() async throws {
        let reports = Reports()
        let guarded = GuardedRunner(ScriptedRunner(), stepLimit: .seconds(3600), onFailure: reports.add)
        try guarded.test()
        guard case .finished(let plain)? = await Self.answer("hello", by: ScriptedRunner()).first,
            case .finished(let watched)? = await Self.answer("hello", by: guarded).first
        else {
            Issue.record("an answer is missing")
            return
        }
        #expect(watched.tokens == plain.tokens && plain.tokens.count == 10)
        #expect(reports.all == [])
    }

    @Test func `a step that does not end is reported`() async {
        let reports = Reports()
        let runner = ScriptedRunner(stepLimit: 2)
        let guarded = GuardedRunner(runner, stepLimit: .milliseconds(100), onFailure: reports.add)
        async let ends = Self.answer("hello", by: guarded)
        #expect(await eventually { reports.all.contains(.stalled(limit: .milliseconds(100))) })
        runner.resume()
        #expect(await ends.count == 1)
    }

    @Test func `a prompt that makes the logits not finite does not condemn the runner`() async {
        let reports = Reports()
        let guarded = GuardedRunner(ScriptedRunner(), stepLimit: .seconds(3600), onFailure: reports.add)
        guard case .failed? = await Self.answer("a bad prompt!", by: guarded).first else {
            Issue.record("the prompt did not fail")
            return
        }
        #expect(reports.all == [])
    }

    @Test func `a runner that computes nothing finite fails its test`() {
        let reports = Reports()
        let guarded = GuardedRunner(
            NullRunner(stepDuration: .zero, goodSteps: 0), stepLimit: .seconds(3600), onFailure: reports.add)
        #expect(throws: GuardedRunner.Failure.unsound) { try guarded.test() }
    }

    @Test func `a runner that goes bad is reported at once`() async {
        let reports = Reports()
        let guarded = GuardedRunner(
            NullRunner(stepDuration: .zero, goodSteps: 4), stepLimit: .seconds(3600), onFailure: reports.add)
        _ = await Self.answer("hello", by: guarded)
        #expect(reports.all == [.unsound])
    }
}
