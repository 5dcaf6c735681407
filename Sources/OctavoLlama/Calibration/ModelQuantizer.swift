internal import Foundation
public import OctavoCore
public import OctavoWeights

/// Writes the INT8 weights of a model, block by block, in bounded memory; cut off and run again, it goes on.
public struct ModelQuantizer: Sendable {
    /// How weights are rounded to INT8.
    public enum Rounding: Sendable {
        /// Each weight to the nearest.
        case nearest
        /// So that errors cancel on a sample of text; see `Calibration`.
        case calibrated([TokenID])
    }

    private let source: Checkpoint
    /// The source's, turned as the scheme asks.
    private let weights: any ModelWeights
    private let shards: QuantizedShards
    private let rounding: Rounding
    /// Whether the head becomes INT8, too.
    public let quantizesHead: Bool
    private let kernels: Kernels
    private let threads: ComputeThreads

    /// - Parameters:
    ///   - source: the model; INT8 weights that it holds are copied untouched.
    ///   - folder: an existing folder for the weights.
    ///   - identity: what source, scheme and sample are, for going on.
    public init(
        _ source: Checkpoint, scheme: QuantizationScheme, rounding: Rounding, folder: String, identity: String,
        kernels: Kernels = .best, threads: ComputeThreads
    ) throws(WeightsError) {
        let keepsInt8 = try source.holdsInt8()
        self.source = source
        weights = try scheme.prepare(source, threads: threads)
        self.rounding = keepsInt8 ? .nearest : rounding
        quantizesHead = try Self.quantizesHead(weights, scheme: scheme, rounding: self.rounding)
        shards = QuantizedShards(folder: folder, identity: identity, layerCount: source.configuration.layerCount)
        self.kernels = kernels
        self.threads = threads
    }

    /// The configuration of what is written.
    public var configuration: ModelConfiguration { weights.configuration }

    /// Writes what is not there yet.
    ///
    /// - Parameter progress: called before each block with its number and whether it was there already; throws to stop.
    /// - Throws: `WeightsError` when a tensor cannot be read or holds what is no finite number, or a file cannot be
    ///   written; what `progress` throws.
    public func run(progress: (_ layer: Int, _ isThere: Bool) throws -> Void) throws {
        let layers = weights.configuration.layerCount
        if !shards.isComplete(shards.embedding) {
            try checkFinite([.tokenEmbedding])
            try shards.write(shards.embedding, of: weights, [.tokenEmbedding], linears: [:])
        }
        let firstMissing = (0..<layers).first { !shards.isComplete(shards.block($0)) } ?? layers
        let (calibration, first) = try startCalibration(firstMissing: firstMissing)
        for layer in 0..<layers {
            try progress(layer, layer < first)
            guard layer >= first else { continue }
            try checkFinite(TensorRole.block(layer))
            let linears = try calibration?.quantize(block: layer) ?? nearest(layer)
            try shards.write(shards.block(layer), of: weights, TensorRole.block(layer), linears: linears)
            try calibration?.save(to: sampleState, identity: shards.identity)
        }
        if !shards.isComplete(shards.head) {
            let roles: [TensorRole] = weights.configuration.tiesEmbeddings ? [.outputNorm] : [.outputNorm, .outputHead]
            try checkFinite(roles)
            let head = quantizesHead ? try calibration?.quantizeHead() : nil
            try shards.write(shards.head, of: weights, roles, linears: head.map { [.outputHead: $0] } ?? [:])
        }
        try shards.writeIndex()
        unlink(sampleState)
    }

    /// A head that would become INT8 when loaded does so here, where its rounding errors can be made to cancel.
    private static func quantizesHead(
        _ weights: any ModelWeights, scheme: QuantizationScheme, rounding: Rounding
    ) throws(WeightsError) -> Bool {
        guard case .calibrated = rounding, !weights.configuration.tiesEmbeddings else { return false }
        let head = try weights.matrix(.outputHead)
        return scheme.quantizesHead(weights: head.rows * head.columns)
    }

    private func checkFinite(_ roles: [TensorRole]) throws(WeightsError) {
        for role in roles { try source.checkFinite(role, parallel: threads.parallel) }
    }

    /// What the sample was before the block to come, for going on.
    private var sampleState: String { shards.folder + "/.calibration" }

    /// The calibration, if there is to be one, and the block to begin at. A block whose shard was written but not what it
    /// made of the sample is made again.
    private func startCalibration(firstMissing: Int) throws(WeightsError) -> (Calibration?, first: Int) {
        let isComplete = firstMissing == weights.configuration.layerCount
        guard case .calibrated(let tokens) = rounding, !isComplete || (quantizesHead && !shards.isComplete(shards.head))
        else { return (nil, firstMissing) }
        let calibration = try Calibration(weights, tokens: tokens, kernels: kernels, threads: threads)
        calibration.restore(from: sampleState, identity: shards.identity)
        return (calibration, min(calibration.nextBlock, firstMissing))
    }

    private func nearest(_ layer: Int) throws(WeightsError) -> [TensorRole: QuantizedRows] {
        var linears: [TensorRole: QuantizedRows] = [:]
        for role in TensorRole.block(layer) where role.shape(in: weights.configuration).count == 2 {
            linears[role] = QuantizedRows(rounding: try weights.matrix(role), threads: threads)
            weights.releasePages()
        }
        return linears
    }
}
