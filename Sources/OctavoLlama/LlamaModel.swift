public import OctavoWeights

/// The weights of a Llama model, ready for the kernels.
public final class LlamaModel: Sendable {
    /// The weights of one transformer block.
    struct Layer: Sendable {
        /// `[hiddenSize]`, padded.
        var attentionNorm: AlignedBuffer<Float>
        /// Query, key and value projections, stacked: `[queries + keys + values, hiddenSize]`.
        var queryKeyValue: LinearLayer
        /// `[hiddenSize, queries]`.
        var attentionOutput: LinearLayer
        /// `[hiddenSize]`, padded.
        var feedForwardNorm: AlignedBuffer<Float>
        /// Gate and up projections, stacked: `[2 * intermediateSize, hiddenSize]`.
        var gateUp: LinearLayer
        /// `[hiddenSize, intermediateSize]`.
        var down: LinearLayer
    }

    /// The sizes.
    public let configuration: ModelConfiguration
    let layers: [Layer]
    let embedding: FloatMatrix
    let outputNorm: AlignedBuffer<Float>
    let head: LinearLayer
    let inverseFrequencies: [Float]
    /// How weights and activations became INT8.
    public let scheme: QuantizationScheme
    /// Whether the linear layers are not quantized.
    var isFloat: Bool { scheme == .float }

    /// Reads, quantizes and packs a model's weights, on all threads.
    ///
    /// - Parameter scheme: how; INT8 weights of a checkpoint are never rounded anew.
    /// - Parameter progress: called after each layer with the layers done so far.
    /// - Throws: `WeightsError` for a missing tensor or one of a wrong shape.
    public init(
        _ stored: any ModelWeights, scheme: QuantizationScheme = .plain, threads: ComputeThreads,
        progress: (_ layersDone: Int) -> Void = { _ in }
    ) throws(WeightsError) {
        let weights = try scheme.prepare(stored, threads: threads)
        self.scheme = scheme
        configuration = weights.configuration
        let arena = WeightArena()
        // The largest matrices first: what of their files is in memory, too, is let go before the rest comes.
        embedding = FloatMatrix(stacking: [try weights.matrix(.tokenEmbedding)], threads: threads)
        weights.releasePages()
        head = try Self.head(of: weights, embedding: embedding, scheme: scheme, in: arena, threads: threads)
        weights.releasePages()
        var layers: [Layer] = []
        for index in 0..<configuration.layerCount {
            layers.append(try Layer(index, of: weights, scheme: scheme, in: arena, threads: threads))
            progress(index + 1)
        }
        self.layers = layers
        outputNorm = Layer.padded(try weights.vector(.outputNorm))
        inverseFrequencies = RotaryEmbedding.inverseFrequencies(configuration)
    }

    /// A model of one block, without embedding and head.
    init(_ block: Layer, isFloat: Bool, of configuration: ModelConfiguration) {
        var configuration = configuration
        configuration.layerCount = 1
        self.configuration = configuration
        scheme = isFloat ? .float : .plain
        layers = [block]
        embedding = FloatMatrix(rows: 0, columns: configuration.hiddenSize, precision: .f32)
        head = .float(embedding)
        outputNorm = AlignedBuffer(count: 0)
        inverseFrequencies = RotaryEmbedding.inverseFrequencies(configuration)
    }

    private static func head(
        of weights: any ModelWeights, embedding: FloatMatrix, scheme: QuantizationScheme, in arena: WeightArena,
        threads: ComputeThreads
    ) throws(WeightsError) -> LinearLayer {
        let isTied = weights.configuration.tiesEmbeddings
        let stored = try weights.matrix(isTied ? .tokenEmbedding : .outputHead)
        if scheme.quantizesHead(weights: stored.rows * stored.columns) {
            return .int8(QuantizedMatrix(stacking: [stored], in: arena, threads: threads))
        }
        return .float(isTied ? embedding : FloatMatrix(stacking: [stored], threads: threads))
    }

    /// Weights of the seven linear layers of all blocks: INT8 multiply-accumulates per token.
    public var linearWeightCount: Int {
        let queries = configuration.headCount * configuration.headDimension
        let keys = configuration.keyValueHeadCount * configuration.headDimension
        let attention = configuration.hiddenSize * 2 * (queries + keys)
        return configuration.layerCount
            * (attention + 3 * configuration.hiddenSize * configuration.intermediateSize)
    }

    /// INT8 multiply-accumulates of a row of logits: two for each weight, since it is multiplied by two planes. 0 if the
    /// head is not INT8.
    public var headProductCount: Int {
        guard case .int8 = head else { return 0 }
        return 2 * configuration.vocabularySize * configuration.hiddenSize
    }
}

extension LlamaModel.Layer {
    /// Reads block `index` of weights that are prepared for the scheme.
    ///
    /// - Parameter arena: where INT8 weights are to lie.
    init(
        _ index: Int, of weights: any ModelWeights, scheme: QuantizationScheme, in arena: WeightArena? = nil,
        threads: ComputeThreads
    ) throws(WeightsError) {
        func linear(_ roles: TensorRole..., groups: Int = 1) throws(WeightsError) -> LinearLayer {
            var matrices: [any WeightRows] = []
            defer { weights.releasePages() }
            for role in roles { matrices.append(try weights.matrix(role)) }
            if scheme == .float { return .float(FloatMatrix(stacking: matrices, threads: threads)) }
            let packed = QuantizedMatrix(stacking: matrices, groups: groups, in: arena, threads: threads)
            guard packed.isFinite else {
                throw WeightsError(
                    path: weights.path, tensor: roles.map(\.huggingFaceName).joined(separator: " or "), key: nil,
                    offset: nil,
                    reason: "holds weights that are not finite numbers: the file is damaged; fetch it again")
            }
            return .int8(packed)
        }
        self.init(
            attentionNorm: Self.padded(try weights.vector(.attentionNorm(index))),
            queryKeyValue: try linear(.query(index), .key(index), .value(index)),
            attentionOutput: try linear(.attentionOutput(index)),
            feedForwardNorm: Self.padded(try weights.vector(.feedForwardNorm(index))),
            gateUp: try linear(.gate(index), .up(index)),
            down: try linear(
                .down(index), groups: scheme.downGroups(features: weights.configuration.intermediateSize)))
    }

    /// A vector with its padding.
    static func padded(_ vector: [Float]) -> AlignedBuffer<Float> {
        let buffer = AlignedBuffer<Float>(count: Kernels.padded(vector.count))
        buffer.base.update(from: vector, count: vector.count)
        return buffer
    }
}

/// The weights of a linear layer, or of several that share an input.
enum LinearLayer: Sendable {
    /// W8A8.
    case int8(QuantizedMatrix)
    /// Not quantized, nor are its activations.
    case float(FloatMatrix)
}
