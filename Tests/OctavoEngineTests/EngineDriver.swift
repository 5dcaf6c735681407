import OctavoCore
import OctavoEngine
import OctavoTestSupport
import Synchronization

/// Runs batches through a `LocalEngine` and keeps what it tells.
struct EngineDriver {
    let runner: HashRunner
    let engine: LocalEngine

    init(_ runner: HashRunner = HashRunner(), configure: (inout LocalEngine.Configuration) -> Void = { _ in }) {
        var configuration = LocalEngine.Configuration()
        configuration.checkpointInterval = .seconds(3600)
        // Tests count steps and tokens.
        configuration.speculativeTokens = 0
        configure(&configuration)
        self.runner = runner
        engine = LocalEngine(
            runner: runner, tokens: Letters(), endTokens: [Letters.end], configuration: configuration)
    }

    /// What came of a batch.
    struct Outcome {
        var completions: [Int: Completion] = [:]
        var failures: [Int: EngineError] = [:]
        var cancelled: Set<Int> = []
        var checkpoints: [GenerationCheckpoint] = []
        var steps: [StepStatistics] = []
        var times: [Int: GenerationTime] = [:]
        var lastIsCheckpoint = false
        /// Every event about a request, which must be one.
        var endings: [Int] = []

        mutating func add(_ event: GenerationEvent) {
            lastIsCheckpoint = false
            switch event {
            case .finished(let completion):
                completions[completion.id] = completion
                endings.append(completion.id)
            case .failed(let id, let error):
                failures[id] = error
                endings.append(id)
            case .cancelled(let id):
                cancelled.insert(id)
                endings.append(id)
            case .checkpoint(let checkpoint):
                checkpoints.append(checkpoint)
                lastIsCheckpoint = true
            case .step(let step): steps.append(step)
            case .measured(let id, let time): times[id] = time
            }
        }

        /// The tokens that checkpoints hold of a request, on top of what it began with.
        func checkpointed(_ request: GenerationRequest) -> [TokenID] {
            var tokens = request.generatedTokens
            for entry in checkpoints.flatMap(\.entries) where entry.id == request.id {
                precondition(entry.firstToken <= tokens.count, "a gap between checkpoints")
                tokens.replaceSubrange(entry.firstToken..., with: entry.tokens)
            }
            return tokens
        }
    }

    /// Runs a batch to its end, confirming checkpoints at once.
    ///
    /// - Parameter afterStep: is given the number of each step, and may use the control.
    func run(
        _ requests: [GenerationRequest], afterStep: (Int, GenerationControl) -> Void = { _, _ in }
    ) async -> Outcome {
        let control = GenerationControl()
        control.add(requests)
        control.finishAdding()
        return await run(control, afterStep: afterStep)
    }

    /// Runs a generation to its end, confirming checkpoints at once.
    func run(
        _ control: GenerationControl, afterStep: (Int, GenerationControl) -> Void = { _, _ in }
    ) async -> Outcome {
        var outcome = Outcome()
        for await event in engine.generate(control) {
            outcome.add(event)
            if case .checkpoint(let checkpoint) = event { control.acknowledge(checkpoint.number) }
            if case .step = event { afterStep(outcome.steps.count, control) }
        }
        return outcome
    }

    /// Requests of many kinds.
    static func requests(_ count: Int, seed: UInt64, maximumTokens: Int = 60) -> [GenerationRequest] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { id in
            var sampling = SamplingParameters()
            sampling.seed = Int64(id % 7)
            sampling.maxTokens = Int.random(in: 1...maximumTokens, using: &generator)
            sampling.temperature = [0, 0.7, 1, 1.5][id % 4]
            sampling.topLogprobs = id % 3 == 0 ? 2 : nil
            if id % 5 == 0 { sampling.topP = 0.8 }
            if id % 6 == 0 { sampling.frequencyPenalty = 0.3 }
            if id % 8 == 0 { sampling.stop = ["Q", "AB"] }
            if id % 9 == 0 { sampling.minTokens = 10 }
            let length = Int.random(in: 1...80, using: &generator)
            let prompt = (0..<length).map { _ in TokenID.random(in: 0..<46, using: &generator) }
            return GenerationRequest(id: id, promptTokens: prompt, sampling: sampling, sampleIndex: id % 2)
        }
    }
}
