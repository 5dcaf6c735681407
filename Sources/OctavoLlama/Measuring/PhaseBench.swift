import OctavoEngine
package import OctavoWeights

/// One phase of a step, to be measured.
package struct Workload {
    /// What is computed.
    package var name: String
    /// The sizes that matter.
    package var parameters: [(String, String)]
    /// What one repetition needs at least.
    package var cost: Cost
    /// Repeats the phase; consecutive numbers find other memory.
    package var run: (_ repetition: Int) -> Void
}

/// The phases of a step one by one, at the sizes of a model, as `LlamaRunner` computes them.
///
/// In a step every layer has weights of its own, so that none are in a cache when their turn comes. So it is here: each
/// phase cycles through copies of its weights, or its keys and values, that take more memory than any cache has.
package final class PhaseBench {
    let sizes: ModelConfiguration
    let runner: LlamaRunner
    /// Bytes that a phase cycles through.
    let workingSet: Int
    let weights: RandomWeights
    /// A block of no weights, which tells the phases before them what to prepare.
    let block: LlamaModel.Layer

    /// The most tokens of a step, and rows of logits.
    static let (mostTokens, mostLogits) = (512, 64)

    var memory: StepMemory { runner.memory }
    var phases: StepPhases { StepPhases(handingTo: runner.threads) }
    var shape: KVCache.Shape { runner.cache.shape }

    /// - Parameters:
    ///   - sizes: of the model; its number of blocks does not matter.
    ///   - precision: of keys and values.
    ///   - workingSet: bytes that a phase cycles through; more than all caches hold.
    package init(
        _ sizes: ModelConfiguration, threads: ComputeThreads, kernels: Kernels, precision: KVCachePrecision,
        workingSet: Int
    ) {
        self.sizes = sizes
        self.workingSet = workingSet
        weights = RandomWeights(sizes, seed: 1)
        block = Self.emptyBlock(sizes)
        var limits = LlamaRunner.Configuration()
        // Memory that a phase does not touch costs nothing.
        limits.maximumStepTokens = max(Self.mostTokens, Self.rows(of: sizes.hiddenSize, in: workingSet))
        limits.maximumStepLogits = max(Self.mostLogits, Self.rows(of: sizes.vocabularySize, in: workingSet))
        limits.kvCachePrecision = precision
        let headSize = Kernels.padded(sizes.headDimension)
        let position = 2 * sizes.keyValueHeadCount * precision.byteCount(headSize: headSize)
        limits.kvCacheBytes = workingSet + 2 * AttentionCase.mostPositions * position
        runner = LlamaRunner(
            LlamaModel(block, isFloat: false, of: sizes), threads: threads, kernels: kernels, configuration: limits)
    }

    private static func emptyBlock(_ sizes: ModelConfiguration) -> LlamaModel.Layer {
        func layer(inputs: Int, groups: Int = 1) -> LinearLayer {
            .int8(QuantizedMatrix(depth: Kernels.paddedDepth(inputs), panelCount: 0, groupCount: groups))
        }
        let norm = LlamaModel.Layer.padded([Float](repeating: 1, count: sizes.hiddenSize))
        return LlamaModel.Layer(
            attentionNorm: norm, queryKeyValue: layer(inputs: sizes.hiddenSize),
            attentionOutput: layer(inputs: sizes.headCount * sizes.headDimension), feedForwardNorm: norm,
            gateUp: layer(inputs: sizes.hiddenSize),
            down: layer(
                inputs: sizes.intermediateSize,
                groups: QuantizationScheme.rotated.downGroups(features: sizes.intermediateSize)))
    }

    /// Rows of so many floats that fill some bytes.
    static func rows(of width: Int, in bytes: Int) -> Int { max(1, (bytes - 1) / (4 * Kernels.padded(width)) + 1) }
}
