/// The limits within which a batch must stay.
public struct EngineCapacity: Sendable, Hashable {
    /// The most completions decoded together.
    public var maximumBatch: Int
    /// The most positions (`GenerationRequest.maximumLength`, each rounded up to `blockLength`) held at once.
    public var maximumPositions: Int
    /// The positions in a block of the KV cache.
    public var blockLength: Int
    /// The most positions of one request, prompt and completion together.
    public var contextLength: Int

    /// Limits of an engine.
    public init(maximumBatch: Int, maximumPositions: Int, blockLength: Int, contextLength: Int) {
        self.maximumBatch = maximumBatch
        self.maximumPositions = maximumPositions
        self.blockLength = blockLength
        self.contextLength = contextLength
    }
}
