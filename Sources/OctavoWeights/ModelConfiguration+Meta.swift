internal import OctavoCore

extension ModelConfiguration {
    /// Reads Meta's `params.json`, and from the weights what it does not tell.
    ///
    /// - Throws: `WeightsError` for a missing or impossible size and, by name, for anything that would make the model
    ///   other than the Llama that Octavo computes.
    init(meta file: ConfigurationFile, _ weights: MetaWeights) throws(WeightsError) {
        for key in ["quantization_args", "lora_args", "moe_args", "vision_chunk_size"] where file.value(key) != nil {
            throw file.failure(key, "is not supported: use a plain Llama checkpoint")
        }
        let hiddenSize = try file.size("dim")
        let headCount = try file.size("n_heads")
        guard hiddenSize % headCount == 0 else {
            throw file.failure("n_heads", "\(headCount) heads do not divide dim, \(hiddenSize)")
        }
        let isScaled = try file.flag("use_scaled_rope")
        self.init(
            hiddenSize: hiddenSize,
            intermediateSize: try Self.intermediateSize(weights),
            layerCount: try file.size("n_layers", limit: Self.maximumLayerCount),
            headCount: headCount,
            keyValueHeadCount: try file.size("n_kv_heads", default: headCount),
            headDimension: hiddenSize / headCount,
            vocabularySize: try Self.vocabularySize(file, weights, hiddenSize: hiddenSize),
            contextLength: isScaled ? 131_072 : 8192,
            rmsNormEpsilon: Float(try file.number("norm_eps", default: 1e-5)),
            ropeTheta: try file.number("rope_theta", default: 10000),
            ropeScaling: isScaled ? Self.llama31Scaling : nil,
            ropeFrequencyDivisors: nil,
            tiesEmbeddings: !weights.contains(TensorRole.outputHead.metaName))
        if let contradiction { throw WeightsError(path: file.path, reason: contradiction) }
    }

    /// What `use_scaled_rope` stands for: constants in Meta's code (`apply_scaling` in llama-models).
    private static let llama31Scaling = RopeScaling(
        factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 8192)

    /// `params.json` has a rule for this size, with rounding; the matrices say it plainly. Files divide their rows.
    private static func intermediateSize(_ weights: MetaWeights) throws(WeightsError) -> Int {
        try size(TensorRole.gate(0).metaName, weights) { $0[0] * weights.shardCount }
    }

    /// `vocab_size`, or what the embedding has, where that is -1. Files divide its rows or its columns.
    private static func vocabularySize(
        _ file: ConfigurationFile, _ weights: MetaWeights, hiddenSize: Int
    ) throws(WeightsError) -> Int {
        guard file.value("vocab_size")?.integerValue ?? -1 == -1 else { return try file.size("vocab_size") }
        return try size(TensorRole.tokenEmbedding.metaName, weights) {
            $0[0] * ($0[1] == hiddenSize ? weights.shardCount : 1)
        }
    }

    /// A size taken from the shape of a matrix, checked as one from `params.json` is.
    private static func size(
        _ name: String, _ weights: MetaWeights, from shape: ([Int]) -> Int
    ) throws(WeightsError) -> Int {
        let part = try weights.partShape(name)
        guard part.count == 2, (1...maximumSize).contains(part[0]) else {
            throw weights.failure(name, "the shape is \(part), expected a matrix")
        }
        let size = shape(part)
        guard size <= maximumSize else { throw weights.failure(name, "\(size) is not in 1...\(maximumSize)") }
        return size
    }
}
