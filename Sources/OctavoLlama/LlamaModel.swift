public import OctavoWeights

/// The weights of a Llama model, ready for the kernels.
public final class LlamaModel: Sendable {
    /// The weights of one transformer block.
    struct Layer: Sendable {
        /// `[hiddenSize]`, padded.
        var attentionNorm: AlignedBuffer<Float>
        /// Query, key and value projections, stacked: `[queries + keys + values, hiddenSize]`.
        var queryKeyValue: QuantizedMatrix
        /// `[hiddenSize, queries]`.
        var attentionOutput: QuantizedMatrix
        /// `[hiddenSize]`, padded.
        var feedForwardNorm: AlignedBuffer<Float>
        /// Gate and up projections, stacked: `[2 * intermediateSize, hiddenSize]`.
        var gateUp: QuantizedMatrix
        /// `[hiddenSize, intermediateSize]`.
        var down: QuantizedMatrix
    }

    /// The sizes.
    public let configuration: ModelConfiguration
    let layers: [Layer]
    let embedding: FloatMatrix
    let outputNorm: AlignedBuffer<Float>
    let head: FloatMatrix
    let inverseFrequencies: [Float]

    /// Reads, quantizes and packs a checkpoint's weights, on all threads.
    ///
    /// - Parameter progress: called after each layer with the layers done so far.
    /// - Throws: `WeightsError` for a missing tensor or one of a wrong shape.
    public init(
        _ checkpoint: Checkpoint, threads: ComputeThreads, progress: (_ layersDone: Int) -> Void = { _ in }
    ) throws(WeightsError) {
        configuration = checkpoint.configuration
        var layers: [Layer] = []
        for index in 0..<configuration.layerCount {
            layers.append(try Self.layer(index, of: checkpoint, threads: threads))
            progress(index + 1)
        }
        self.layers = layers
        embedding = FloatMatrix(try checkpoint.matrix(.tokenEmbedding), threads: threads)
        head =
            configuration.tiesEmbeddings
            ? embedding : FloatMatrix(try checkpoint.matrix(.outputHead), threads: threads)
        outputNorm = Self.padded(try checkpoint.vector(.outputNorm))
        inverseFrequencies = RotaryEmbedding.inverseFrequencies(configuration)
    }

    /// Weights of the seven linear layers of all blocks: INT8 multiply-accumulates per token.
    public var linearWeightCount: Int {
        let queries = configuration.headCount * configuration.headDimension
        let keys = configuration.keyValueHeadCount * configuration.headDimension
        let attention = configuration.hiddenSize * 2 * (queries + keys)
        return configuration.layerCount
            * (attention + 3 * configuration.hiddenSize * configuration.intermediateSize)
    }

    private static func layer(
        _ index: Int, of checkpoint: Checkpoint, threads: ComputeThreads
    ) throws(WeightsError) -> Layer {
        var matrices: [TensorRole: WeightMatrix] = [:]
        let roles: [TensorRole] = [
            .query(index), .key(index), .value(index), .attentionOutput(index), .gate(index), .up(index), .down(index),
        ]
        for role in roles { matrices[role] = try checkpoint.matrix(role) }
        func pack(_ roles: TensorRole...) throws(WeightsError) -> QuantizedMatrix {
            let packed = QuantizedMatrix(stacking: roles.compactMap { matrices[$0] }, threads: threads)
            guard packed.isFinite else {
                throw WeightsError(
                    path: checkpoint.path, tensor: roles.map(\.huggingFaceName).joined(separator: " or "), key: nil,
                    offset: nil, reason: "holds weights that are not finite numbers: the file is damaged")
            }
            return packed
        }
        return Layer(
            attentionNorm: padded(try checkpoint.vector(.attentionNorm(index))),
            queryKeyValue: try pack(.query(index), .key(index), .value(index)),
            attentionOutput: try pack(.attentionOutput(index)),
            feedForwardNorm: padded(try checkpoint.vector(.feedForwardNorm(index))),
            gateUp: try pack(.gate(index), .up(index)),
            down: try pack(.down(index)))
    }

    private static func padded(_ vector: [Float]) -> AlignedBuffer<Float> {
        let buffer = AlignedBuffer<Float>(count: Kernels.padded(vector.count))
        buffer.base.update(from: vector, count: vector.count)
        return buffer
    }
}
