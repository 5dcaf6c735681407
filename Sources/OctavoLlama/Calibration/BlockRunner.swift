import OctavoCore
import OctavoEngine
import OctavoWeights

extension LlamaRunner {
    /// A runner of a single block, for windows of tokens.
    convenience init(
        _ block: LlamaModel.Layer, isFloat: Bool, of configuration: ModelConfiguration, windowLength: Int,
        threads: ComputeThreads, kernels: Kernels
    ) {
        let model = LlamaModel(block, isFloat: isFloat, of: configuration)
        var limits = Configuration()
        limits.maximumStepTokens = windowLength
        limits.maximumStepLogits = 1
        let sizes = model.configuration
        let positions = (windowLength + limits.blockLength - 1) / limits.blockLength * limits.blockLength
        limits.kvCacheBytes = positions * 2 * sizes.keyValueHeadCount * Kernels.padded(sizes.headDimension) * 4
        self.init(model, threads: threads, kernels: kernels, configuration: limits)
    }

    /// Takes the residual streams of a window through the block.
    ///
    /// - Parameter residual: `[count][padded hiddenSize]`, replaced by the result.
    func runBlock(_ residual: UnsafeMutablePointer<Float>, count: Int) throws(EngineError) {
        let sequence = try makeSequence(length: count)
        defer { release(sequence) }
        let ids = Array(repeating: TokenID(0), count: count)
        var layout = StepLayout()
        place([StepRow(sequence: sequence, tokens: ids[...], logitsCount: 0)], into: &layout)
        divide(layout.tokens, into: &layout.stretches)
        let phases = StepPhases(handingTo: threads)
        computeAngles(layout.tokens, phases)
        memory.residual.base.update(from: residual, count: count * memory.hidden)
        attend(0, layout.tokens, layout.stretches, phases)
        feedForward(0, layout.tokens, phases)
        residual.update(from: memory.residual.base, count: count * memory.hidden)
    }
}
