public import OctavoCore
public import OctavoEngine
import OctavoWeights

/// Steps a Llama model on the CPU.
///
/// A step takes all tokens of all rows side by side, `[tokens, hiddenSize]`, through the layers; nothing is padded but
/// vectors to whole lanes. Each token's arithmetic depends on its own sequence alone, so results do not depend on
/// what else is in the step.
public final class LlamaRunner: ModelRunner, @unchecked Sendable {
    // Used by one thread at a time, as `ModelRunner` demands; its compute threads work only within its calls.

    /// The memory that a runner takes.
    public struct Configuration: Sendable, Hashable {
        /// Bytes for keys and values.
        public var kvCacheBytes = 4 << 30
        /// Whether the cache is no larger than what all rows of a whole context could fill.
        public var limitsCacheToRows = false
        /// How keys and values are stored.
        public var kvCachePrecision = KVCachePrecision.f32
        /// Positions in a block of the cache.
        public var blockLength = 64
        /// Tokens in a step.
        public var maximumStepTokens = 512
        /// Rows of logits that a step gives at a time, and so completions decoded together.
        public var maximumStepLogits = 128

        /// The defaults.
        public init() {}
    }

    /// Tokens in the vocabulary.
    public var vocabularySize: Int { model.configuration.vocabularySize }
    /// Positions a sequence can have.
    public var contextLength: Int { min(model.configuration.contextLength, maximumPositions) }
    /// Tokens that one step can take.
    public let maximumStepTokens: Int
    /// Rows of logits that a step gives at a time.
    public let maximumStepLogits: Int
    /// Positions that all sequences together can have.
    public var maximumPositions: Int { cache.blockCount * cache.shape.blockLength }
    /// Positions in a block of the KV cache.
    public var blockLength: Int { cache.shape.blockLength }

    /// The model it runs.
    public let model: LlamaModel
    /// The kernels it runs on.
    public let kernels: Kernels
    /// The threads it runs on.
    public let threads: ComputeThreads
    let cache: KVCache
    let memory: StepMemory
    private var layout = StepLayout()
    /// Called with the values at each place inside the blocks, as they are computed.
    package var observe: ((_ site: LayerSite, _ rows: FloatRows) -> Void)?

    /// A runner of `model` with its own cache.
    public init(
        _ model: LlamaModel, threads: ComputeThreads, kernels: Kernels = .best,
        configuration: Configuration = Configuration()
    ) {
        self.model = model
        self.threads = threads
        self.kernels = kernels
        maximumStepTokens = configuration.maximumStepTokens
        maximumStepLogits = configuration.maximumStepLogits
        let sizes = model.configuration
        cache = KVCache(
            shape: KVCache.Shape(sizes, configuration), byteCount: configuration.cacheBytes(for: sizes))
        memory = StepMemory(
            sizes, tokens: configuration.maximumStepTokens, logits: configuration.maximumStepLogits,
            threads: threads.count, isFloat: model.isFloat,
            scoreLength: min(sizes.contextLength, cache.blockCount * configuration.blockLength),
            spreadsHeads: configuration.kvCachePrecision == .int8)
    }

    /// Reserves room for a sequence of at most `contextLength` positions; whole blocks of `prefix` are shared.
    public func makeSequence(prefix: ArraySlice<TokenID> = [], length: Int) throws(EngineError) -> SequenceID {
        // Attention's scratch has room for a whole context and no more.
        guard length <= contextLength else { throw .outOfMemory(positions: length) }
        return try cache.makeSequence(prefix: prefix, length: length)
    }

    /// The positions that a sequence holds; `nil` while another sequence computes the next.
    public func heldPositions(of sequence: SequenceID) -> Int? { cache.heldPositions(of: sequence) }

    /// Makes an empty sequence hold what another holds: the same tokens, not computed again.
    package func copy(_ source: SequenceID, to target: SequenceID) { cache.copy(source, to: target) }

    /// Makes a sequence forget all but its first `length` positions.
    public func truncate(_ sequence: SequenceID, to length: Int) { cache.truncate(sequence, to: length) }

    /// Gives a sequence's room back.
    public func release(_ sequence: SequenceID) { cache.release(sequence) }

    /// Calls `body` for every index below `count`, on all compute threads.
    public func parallel(_ count: Int, _ body: @Sendable (Int) -> Void) {
        threads.run { [threads] index in
            for item in stride(from: index, to: count, by: threads.count) { body(item) }
        }
    }

    /// Computes one step; see `ModelRunner`.
    public func step(_ rows: [StepRow], _ body: (borrowing Logits) throws -> Void) rethrows {
        layout.clear()
        place(rows, into: &layout)
        divide(layout.tokens, into: &layout.stretches)
        let (tokens, stretches, outputs) = (layout.tokens, layout.stretches, layout.outputs)
        precondition(tokens.count <= maximumStepTokens, "a step of \(tokens.count) tokens is too long")
        let apart = layout.areStretchesApart()
        runPhases { [self] phases in
            embed(tokens, phases)
            computeAngles(tokens, phases)
            for layer in model.layers.indices {
                attend(layer, tokens, stretches, phases, apart: apart)
                feedForward(layer, tokens, phases)
            }
        }
        // A block at a time, so that memory for logits does not grow with what is asked for.
        for start in stride(from: 0, to: outputs.count, by: maximumStepLogits) {
            let block = outputs[start...].prefix(maximumStepLogits)
            runPhases { [self] phases in computeLogits(block, phases) }
            try body(
                Logits(
                    lending: UnsafeBufferPointer(start: memory.logits.base, count: memory.logits.count),
                    count: block.count, vocabularySize: vocabularySize, stride: memory.logitsStride,
                    largest: UnsafeBufferPointer(start: memory.largestLogits.base, count: block.count)))
        }
    }

    /// Runs phases that follow one another. An observer is called by one thread, and may use the others.
    private func runPhases(_ body: @Sendable (StepPhases) -> Void) {
        if observe == nil {
            StepPhases.onEveryThread(threads, body)
        } else {
            body(StepPhases(handingTo: threads))
        }
    }

    /// Lays the rows' tokens side by side and makes room for them in their sequences.
    func place(_ rows: [StepRow], into layout: inout StepLayout) {
        for row in rows {
            let start = cache.length(of: row.sequence)
            cache.extend(row.sequence, by: row.tokens.count)
            let blocks = cache.blocks(of: row.sequence)
            for (offset, token) in row.tokens.enumerated() {
                if offset >= row.tokens.count - row.logitsCount { layout.outputs.append(layout.tokens.count) }
                layout.tokens.append(StepToken(id: token, position: start + offset, blocks: blocks))
            }
        }
    }

    /// Divides tokens into stretches whose keys and values attention reads once: as many consecutive positions as
    /// the scratch for scores has room for, and few enough that the threads share them evenly.
    func divide(_ tokens: [StepToken], into stretches: inout [Stretch]) {
        let group = model.configuration.headCount / model.configuration.keyValueHeadCount
        for (row, token) in tokens.enumerated() {
            if let last = stretches.last, last.blocks === token.blocks, last.position + last.count == token.position,
                last.count < Stretch.maximumCount,
                Kernels.scoreCount(
                    positions: last.count + 1, heads: group, headSize: memory.headSize, length: token.position + 1)
                    <= memory.scoreCapacity
            {
                stretches[stretches.count - 1].count += 1
            } else {
                stretches.append(Stretch(row: row, position: token.position, count: 1, blocks: token.blocks))
            }
        }
    }
}

extension LlamaRunner.Configuration {
    /// The bytes of a model's cache.
    func cacheBytes(for sizes: ModelConfiguration) -> Int {
        guard limitsCacheToRows else { return kvCacheBytes }
        let blocks = kvCacheBytes / KVCache.Shape(sizes, self).blockBytes
        let blocksPerRow = (sizes.contextLength - 1) / blockLength + 1
        // Compared by division, since a context may be of any length that a file says.
        guard blocks / blocksPerRow >= maximumStepLogits else { return kvCacheBytes }
        return maximumStepLogits * blocksPerRow * KVCache.Shape(sizes, self).blockBytes
    }
}

extension KVCache.Shape {
    /// The shape of a model's cache.
    init(_ sizes: ModelConfiguration, _ configuration: LlamaRunner.Configuration) {
        self.init(
            layerCount: sizes.layerCount, headCount: sizes.keyValueHeadCount,
            headSize: Kernels.padded(sizes.headDimension), blockLength: configuration.blockLength,
            precision: configuration.kvCachePrecision)
    }
}

extension LlamaRunner {
    /// What it runs on, for people: threads, kernels, cache.
    public var summary: String {
        "\(threads.count) threads, \(kernels.name), \(maximumPositions) cache positions in \(cache.shape.precision.rawValue)"
    }
}
