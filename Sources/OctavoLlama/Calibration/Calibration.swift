package import OctavoCore
package import OctavoWeights

/// Makes the linear layers of a model INT8, block after block, so that errors cancel on a sample of text.
///
/// Each block sees what the blocks before it, already INT8, make of the sample. It runs once as it is, to learn what its
/// layers' inputs are like, and once more as INT8, for the next block's inputs.
package final class Calibration {
    /// Tokens in a window of the sample.
    package static let windowLength = 512

    private let weights: any ModelWeights
    private let kernels: Kernels
    private let threads: ComputeThreads
    private let windowCount: Int
    /// The residual streams before the next block, `[windows][windowLength][padded hiddenSize]`.
    let residual: AlignedBuffer<Float>
    /// The block that `quantize` is to be called for next.
    package internal(set) var nextBlock = 0
    private let hidden: Int

    /// - Parameter weights: a float model's, turned as they are to be stored.
    /// - Parameter tokens: the sample; what is left over from whole windows is not used.
    /// - Throws: `WeightsError` when the embedding cannot be read.
    package init(
        _ weights: any ModelWeights, tokens: [TokenID], kernels: Kernels = .best, threads: ComputeThreads
    ) throws(WeightsError) {
        self.weights = weights
        self.kernels = kernels
        self.threads = threads
        windowCount = tokens.count / Self.windowLength
        hidden = Kernels.padded(weights.configuration.hiddenSize)
        residual = AlignedBuffer(count: windowCount * Self.windowLength * hidden)
        let embedding = try weights.matrix(.tokenEmbedding)
        for (index, token) in tokens.prefix(windowCount * Self.windowLength).enumerated() {
            let row = Int(token)
            precondition(row >= 0 && row < embedding.rows, "token \(token) is not in the vocabulary")
            embedding.read(
                rows: row..<row + 1,
                into: UnsafeMutableBufferPointer(start: residual.base + index * hidden, count: embedding.columns))
        }
    }

    /// Makes block `index` INT8; blocks must come in order.
    ///
    /// - Throws: `WeightsError` when a tensor cannot be read or is not finite.
    package func quantize(block index: Int) throws(WeightsError) -> [TensorRole: QuantizedRows] {
        precondition(index == nextBlock, "block \(index) is not the next one, \(nextBlock)")
        let statistics = try observe(block: index)
        var quantized: [TensorRole: QuantizedRows] = [:]
        for (site, roles) in Self.layers(ofBlock: index) {
            guard let inputs = statistics[site] else { preconditionFailure("no inputs were seen at \(site)") }
            let feedback = ErrorFeedback(inputs, kernels: kernels, threads: threads)
            for role in roles {
                quantized[role] = feedback.round(try weights.matrix(role), threads: threads)
                weights.releasePages()
            }
        }
        let block = QuantizedBlock(weights, quantized)
        let runner = try runner(ofBlock: index, block, isFloat: false)
        for window in 0..<windowCount { run(runner, window: window, residual.base) }
        nextBlock += 1
        return quantized
    }

    /// Makes the output head INT8, once all blocks are.
    ///
    /// - Throws: `WeightsError` when a tensor cannot be read.
    package func quantizeHead() throws(WeightsError) -> QuantizedRows {
        let sizes = weights.configuration
        precondition(nextBlock == sizes.layerCount, "block \(nextBlock) comes before the head")
        let norm = LlamaModel.Layer.padded(try weights.vector(.outputNorm))
        let inputs = ActivationStatistics(features: sizes.hiddenSize)
        let normalized = AlignedBuffer<Float>(count: Self.windowLength * hidden)
        let rows = FloatRows(
            base: normalized.base, count: Self.windowLength, width: sizes.hiddenSize, stride: hidden)
        for window in 0..<windowCount {
            let stream = FloatRows(
                base: residual.base + window * Self.windowLength * hidden, count: rows.count, width: rows.width,
                stride: hidden)
            threads.run { [kernels, threads] index in
                for row in threads.share(rows.count, index: index) {
                    kernels.normalize(
                        stream[row], weight: norm.base, epsilon: sizes.rmsNormEpsilon,
                        count: sizes.hiddenSize, into: rows[row])
                }
            }
            inputs.add(rows, kernels: kernels, threads: threads)
        }
        let feedback = ErrorFeedback(inputs, kernels: kernels, threads: threads)
        return feedback.round(try weights.matrix(.outputHead), threads: threads, letGo: weights.releasePages)
    }

    /// Runs the float block and returns what its layers' inputs are like.
    private func observe(block index: Int) throws(WeightsError) -> [LayerSite: ActivationStatistics] {
        let runner = try runner(ofBlock: index, weights, isFloat: true)
        var statistics: [LayerSite: ActivationStatistics] = [:]
        runner.observe = { [kernels, threads] site, rows in
            // The runner's only block is its first.
            guard let site = site.inBlock(index) else { return }
            let inputs = statistics[site] ?? ActivationStatistics(features: rows.width)
            inputs.add(rows, kernels: kernels, threads: threads)
            statistics[site] = inputs
        }
        let copy = AlignedBuffer<Float>(count: residual.count)
        copy.base.update(from: residual.base, count: residual.count)
        for window in 0..<windowCount { run(runner, window: window, copy.base) }
        return statistics
    }

    private func runner(
        ofBlock index: Int, _ weights: any ModelWeights, isFloat: Bool
    ) throws(WeightsError) -> LlamaRunner {
        let scheme: QuantizationScheme = isFloat ? .float : .rotated
        let layer = try LlamaModel.Layer(index, of: weights, scheme: scheme, threads: threads)
        return LlamaRunner(
            layer, isFloat: isFloat, of: weights.configuration, windowLength: Self.windowLength, threads: threads,
            kernels: kernels)
    }

    private func run(_ runner: LlamaRunner, window: Int, _ residual: UnsafeMutablePointer<Float>) {
        do {
            try runner.runBlock(residual + window * Self.windowLength * hidden, count: Self.windowLength)
        } catch {
            preconditionFailure("the cache was made for a window: \(error)")
        }
    }

    /// The linear layers of a block by what they read.
    private static func layers(ofBlock index: Int) -> [(LayerSite, [TensorRole])] {
        [
            (.attention(index), [.query(index), .key(index), .value(index)]),
            (.attentionOutput(index), [.attentionOutput(index)]),
            (.feedForward(index), [.gate(index), .up(index)]),
            (.down(index), [.down(index)]),
        ]
    }
}

/// A model of which the layers of one block have become INT8.
private struct QuantizedBlock: ModelWeights {
    var configuration: ModelConfiguration { source.configuration }
    var path: String { source.path }
    private let source: any ModelWeights
    private let quantized: [TensorRole: QuantizedRows]

    init(_ source: any ModelWeights, _ quantized: [TensorRole: QuantizedRows]) {
        self.source = source
        self.quantized = quantized
    }

    func matrix(_ role: TensorRole) throws(WeightsError) -> any WeightRows {
        if let rows = quantized[role] { return rows }
        return try source.matrix(role)
    }

    func vector(_ role: TensorRole) throws(WeightsError) -> [Float] { try source.vector(role) }

    func releasePages() { source.releasePages() }
}

extension LayerSite {
    /// The same input of a linear layer in block `index`; `nil` for what is none.
    fileprivate func inBlock(_ index: Int) -> LayerSite? {
        switch self {
        case .attention: .attention(index)
        case .attentionOutput: .attentionOutput(index)
        case .feedForward: .feedForward(index)
        case .down: .down(index)
        case .block: nil
        }
    }
}
