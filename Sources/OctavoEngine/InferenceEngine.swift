public import OctavoCore

/// Answers requests, as many together as it has room for.
///
/// A local model and a remote server look alike from here; which one it is, only the command line knows.
public protocol InferenceEngine: Sendable {
    /// What requests may ask of the engine.
    var capacity: EngineCapacity { get }

    /// Starts to answer the requests that `control` holds and will be given, and returns the events as they happen; the
    /// stream ends after the last.
    ///
    /// Every request ends in exactly one `finished`, `failed` or `cancelled`, unless `control` stops the generation
    /// first: then the last event is a checkpoint of everything begun and unfinished. One generation runs at a time; a
    /// second waits for the first.
    func generate(_ control: GenerationControl) -> AsyncStream<GenerationEvent>
}

extension InferenceEngine {
    /// Answers some requests and no others.
    public func generate(
        _ requests: [GenerationRequest], control: GenerationControl
    ) -> AsyncStream<GenerationEvent> {
        control.add(requests)
        control.finishAdding()
        return generate(control)
    }
}

/// Something that happened to a generation.
public enum GenerationEvent: Sendable {
    /// What it took to compute the completion that is finished next.
    case measured(id: Int, GenerationTime)
    /// A completion is finished.
    case finished(Completion)
    /// A request cannot be answered by this engine.
    case failed(id: Int, EngineError)
    /// A request was dropped, as `GenerationControl.cancel(_:)` asked.
    case cancelled(id: Int)
    /// What was generated since the last checkpoint. The engine goes on, but begins no further checkpoint until
    /// `GenerationControl.acknowledge(_:)` is called with its number.
    case checkpoint(GenerationCheckpoint)
    /// A step was computed.
    case step(StepStatistics)
}

/// The tokens of unfinished completions since the checkpoint before.
public struct GenerationCheckpoint: Sendable, Hashable {
    /// New tokens of one completion.
    public struct Entry: Sendable, Hashable {
        /// The `GenerationRequest.id`.
        public var id: Int
        /// The index of the first of `tokens` within the completion.
        public var firstToken: Int
        /// The tokens.
        public var tokens: [TokenID]
    }

    /// Counts the checkpoints of a generation from 1.
    public var number: Int
    /// One entry per unfinished completion with new tokens.
    public var entries: [Entry]
}

/// When a completion was computed, and how much of the engine's time was spent on it.
public struct GenerationTime: Sendable, Hashable {
    /// When it joined the others.
    public var start: ContinuousClock.Instant
    /// When its last step ended.
    public var end: ContinuousClock.Instant
    /// Its share of the steps it took part in: of each, the part that its tokens are of all that were computed. The
    /// shares of a step's rows add up to the step's duration.
    public var share: Duration

    /// Makes a value.
    public init(start: ContinuousClock.Instant, end: ContinuousClock.Instant, share: Duration) {
        self.start = start
        self.end = end
        self.share = share
    }
}

/// What one step computed.
public struct StepStatistics: Sendable, Hashable {
    /// Tokens of prompts (and of resumed completions) whose keys and values were computed.
    public var prefillTokens: Int
    /// Tokens of prompts whose keys and values were there already, since another request begins alike.
    public var cachedTokens: Int
    /// Tokens computed on a guess that was wrong.
    public var wastedTokens: Int
    /// Tokens sampled.
    public var sampledTokens: Int
    /// Completions unfinished after the step.
    public var activeRows: Int
    /// How long it took.
    public var duration: Duration
}

/// Why the engine cannot answer.
public enum EngineError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The model computed logits that are not numbers for this request.
    case notFinite(position: Int)
    /// The KV cache has no room for the request, though the batch stayed within the capacity announced.
    case outOfMemory(positions: Int)
    /// The structure that the request asks for cannot be followed, and why.
    case structure(String)

    /// What happened.
    public var description: String {
        switch self {
        case .notFinite(let position): "the model's logits at position \(position) are not finite"
        case .outOfMemory(let positions): "the KV cache has no room for \(positions) positions"
        case .structure(let reason): "the structure asked for: \(reason)"
        }
    }
}
