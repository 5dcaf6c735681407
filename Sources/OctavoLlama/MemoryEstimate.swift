public import OctavoWeights

/// The memory that a model takes on the CPU, in bytes, before any of it is read.
public struct MemoryEstimate: Sendable, Hashable {
    /// The blocks' linear layers and their scales.
    public var linearLayers: Int
    /// The token embedding.
    public var embedding: Int
    /// The output head; 0 if it is the embedding.
    public var head: Int
    /// Keys and values.
    public var cache: Int
    /// The buffers of a step.
    public var step: Int

    /// All of it.
    public var total: Int { linearLayers + embedding + head + cache + step }

    /// Estimates a model's memory.
    ///
    /// - Parameters:
    ///   - stored: the checkpoint.
    ///   - scheme: how its weights are used.
    ///   - rows: completions that are decoded together.
    ///   - contextLength: positions of each, prompt included.
    ///   - configuration: the runner's; the size of its cache does not matter.
    ///   - threads: how many compute.
    /// - Throws: `WeightsError` when the checkpoint lacks a matrix.
    public init(
        _ stored: any ModelWeights, scheme: QuantizationScheme, rows: Int, contextLength: Int,
        configuration: LlamaRunner.Configuration, threads: ComputeThreads
    ) throws(WeightsError) {
        let weights = try scheme.prepare(stored, threads: threads)
        let sizes = weights.configuration
        let floatType = scheme == .float ? try weights.matrix(.gate(0)).elementType : nil
        linearLayers = sizes.layerCount * Self.layer(sizes, floatType)
        embedding = Self.bytes(of: try weights.matrix(.tokenEmbedding))
        let stored = try weights.matrix(sizes.tiesEmbeddings ? .tokenEmbedding : .outputHead)
        if scheme.quantizesHead(weights: stored.rows * stored.columns) {
            head = Kernels.padded(stored.rows) * (Kernels.paddedDepth(stored.columns) + MemoryLayout<Float>.size)
        } else {
            head = sizes.tiesEmbeddings ? 0 : Self.bytes(of: stored)
        }
        let shape = KVCache.Shape(sizes, configuration)
        let blocks = (contextLength + shape.blockLength - 1) / shape.blockLength
        cache = rows * blocks * shape.blockBytes
        // Memory that nobody touches costs nothing, so that the buffers themselves can be asked.
        step =
            StepMemory(
                sizes, tokens: configuration.maximumStepTokens, logits: configuration.maximumStepLogits,
                threads: threads.count, isFloat: scheme == .float, scoreLength: contextLength,
                spreadsHeads: configuration.kvCachePrecision == .int8
            ).byteCount
    }

    /// The linear layers of one block, each with its padding: INT8, or floats if a type is given.
    private static func layer(_ sizes: ModelConfiguration, _ floatType: ElementType?) -> Int {
        let queries = sizes.headCount * sizes.headDimension
        let keys = sizes.keyValueHeadCount * sizes.headDimension
        let layers: [(outputs: [Int], inputs: Int)] = [
            ([queries, keys, keys], sizes.hiddenSize), ([sizes.hiddenSize], queries),
            ([sizes.intermediateSize, sizes.intermediateSize], sizes.hiddenSize),
            ([sizes.hiddenSize], sizes.intermediateSize),
        ]
        return layers.reduce(0) { sum, layer in
            let outputs = layer.outputs.reduce(0) { $0 + Kernels.padded($1) }
            let floats = floatType.map { Kernels.padded(layer.inputs) * FloatMatrix.Precision(keeping: $0).byteCount }
            return sum + outputs * (floats ?? Kernels.paddedDepth(layer.inputs) + MemoryLayout<Float>.size)
        }
    }

    /// A matrix that stays floats.
    private static func bytes(of matrix: any WeightRows) -> Int {
        matrix.rows * Kernels.padded(matrix.columns) * FloatMatrix.Precision(keeping: matrix.elementType).byteCount
    }
}
