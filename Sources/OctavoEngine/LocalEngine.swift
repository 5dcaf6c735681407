import Foundation
public import OctavoCore
import OctavoGrammar

/// An engine that runs a model on this machine, on a thread of its own.
public final class LocalEngine: InferenceEngine {
    /// How the engine works.
    public struct Configuration: Sendable, Hashable {
        /// The most completions decoded together.
        public var maximumBatch = 32
        /// The most tokens of a step of decoding that guesses fill up, in which few rows wait for memory; 0 is no guesses.
        public var speculativeTokens = 16
        /// The most generated tokens of a completion that a crash may lose.
        public var checkpointTokens = 32
        /// The longest time whose generated tokens a crash may lose.
        public var checkpointInterval = Duration.seconds(10)

        /// The defaults.
        public init() {}
    }

    /// What requests may ask for.
    public let capacity: EngineCapacity
    private let runner: any ModelRunner
    private let tokens: any TokenDecoding
    private let endTokens: Set<TokenID>
    private let structures: StructureLibrary
    private let configuration: Configuration
    /// Held by the generation that runs.
    private let turn = NSLock()

    /// An engine around a runner.
    ///
    /// - Parameter endTokens: the model's end-of-turn tokens.
    public init(
        runner: any ModelRunner, tokens: any TokenDecoding, endTokens: some Sequence<TokenID>,
        configuration: Configuration = Configuration()
    ) {
        self.runner = runner
        self.tokens = tokens
        self.endTokens = Set(endTokens)
        structures = StructureLibrary(vocabularySize: runner.vocabularySize, decoding: tokens)
        self.configuration = configuration
        capacity = EngineCapacity(
            maximumBatch: min(configuration.maximumBatch, runner.maximumStepLogits),
            maximumPositions: runner.maximumPositions, blockLength: runner.blockLength,
            contextLength: runner.contextLength)
    }

    /// Starts generating; see `InferenceEngine`.
    public func generate(_ control: GenerationControl) -> AsyncStream<GenerationEvent> {
        let (stream, continuation) = AsyncStream.makeStream(of: GenerationEvent.self)
        continuation.onTermination = { reason in
            if case .cancelled = reason { control.stop() }
        }
        // A thread, since the run blocks it: while it waits for requests, and for checkpoints to be durable.
        let thread = Thread { [runner, tokens, endTokens, structures, configuration, capacity, turn] in
            turn.lock()
            defer { turn.unlock() }
            var run = BatchRun(
                runner: runner, tokens: tokens, endTokens: endTokens, structures: structures,
                configuration: configuration, maximumRows: capacity.maximumBatch, control: control
            ) { continuation.yield($0) }
            run.run()
            continuation.finish()
        }
        thread.name = "octavo.engine"
        thread.qualityOfService = .userInitiated
        thread.start()
        return stream
    }
}
