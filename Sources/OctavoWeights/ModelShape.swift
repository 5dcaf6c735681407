/// The sizes of a published model, for measurements that need no file.
package enum ModelShape: String, CaseIterable, Sendable {
    /// Meta-Llama-3-8B: "The Llama 3 Herd of Models", 2024, arXiv:2407.21783, table 3.
    case llama3Of8B = "llama-3-8b"
    /// SmolLM2-135M-Instruct: arXiv:2502.02737.
    case smolLM2Of135M = "smollm2-135m"

    /// The sizes and constants.
    package var configuration: ModelConfiguration {
        switch self {
        case .llama3Of8B:
            ModelConfiguration(
                hiddenSize: 4096, intermediateSize: 14336, layerCount: 32, headCount: 32, keyValueHeadCount: 8,
                headDimension: 128, vocabularySize: 128_256, contextLength: 8192, rmsNormEpsilon: 1e-5,
                ropeTheta: 500_000, ropeScaling: nil, ropeFrequencyDivisors: nil, tiesEmbeddings: false)
        case .smolLM2Of135M:
            ModelConfiguration(
                hiddenSize: 576, intermediateSize: 1536, layerCount: 30, headCount: 9, keyValueHeadCount: 3,
                headDimension: 64, vocabularySize: 49_152, contextLength: 8192, rmsNormEpsilon: 1e-5,
                ropeTheta: 100_000, ropeScaling: nil, ropeFrequencyDivisors: nil, tiesEmbeddings: true)
        }
    }
}
