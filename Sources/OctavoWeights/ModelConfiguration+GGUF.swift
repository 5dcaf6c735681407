extension ModelConfiguration {
    /// Reads the metadata and, for what only the tensors tell, their list.
    ///
    /// - Throws: `WeightsError` for a missing or impossible size and, by name, for anything that would make the model
    ///   other than the Llama that Octavo computes.
    init(gguf file: GGUFFile) throws(WeightsError) {
        try Self.refuseUnsupported(in: file)
        let hiddenSize = try Self.size("llama.embedding_length", in: file)
        let headCount = try Self.size("llama.attention.head_count", in: file)
        let keyLength = "llama.attention.key_length"
        guard file.values[keyLength] != nil || hiddenSize % headCount == 0 else {
            throw file.failure("llama.attention.head_count", "\(headCount) heads do not divide \(hiddenSize)")
        }
        self.init(
            hiddenSize: hiddenSize,
            intermediateSize: try Self.size("llama.feed_forward_length", in: file),
            layerCount: try Self.size("llama.block_count", limit: Self.maximumLayerCount, in: file),
            headCount: headCount,
            keyValueHeadCount: try Self.size("llama.attention.head_count_kv", default: headCount, in: file),
            headDimension: try Self.size(keyLength, default: hiddenSize / headCount, in: file),
            vocabularySize: try Self.vocabularySize(in: file),
            contextLength: try Self.size("llama.context_length", limit: Self.maximumContextLength, in: file),
            rmsNormEpsilon: Float(try Self.number("llama.attention.layer_norm_rms_epsilon", in: file)),
            ropeTheta: try Self.number("llama.rope.freq_base", default: 10000, in: file),
            ropeScaling: nil,
            ropeFrequencyDivisors: try Self.ropeFrequencyDivisors(in: file),
            tiesEmbeddings: !file.names.contains(TensorRole.outputHead.ggufName))
        for key in ["llama.attention.value_length", "llama.rope.dimension_count"] {
            let length = try Self.size(key, default: headDimension, in: file)
            guard length == headDimension else {
                throw file.failure(key, "\(length) differs from the head dimension, \(headDimension)")
            }
        }
        if let contradiction { throw WeightsError(path: file.path, reason: contradiction) }
    }

    private static func refuseUnsupported(in file: GGUFFile) throws(WeightsError) {
        let key = "general.architecture"
        guard let architecture = try file.string(key) else { throw file.failure(key, "is missing") }
        guard architecture == "llama" else {
            throw file.failure(key, "\"\(architecture)\" is not supported, only \"llama\"")
        }
        if let type = try file.string("llama.rope.scaling.type"), type != "none" {
            throw file.failure("llama.rope.scaling.type", "\"\(type)\" is not supported")
        }
        if let count = try file.integer("llama.expert_count"), count != 0 {
            throw file.failure("llama.expert_count", "mixtures of experts are not supported")
        }
        if let count = try file.integer("llama.attention.sliding_window"), count != 0 {
            throw file.failure("llama.attention.sliding_window", "sliding-window attention is not supported")
        }
        if let count = try file.integer("split.count"), count > 1 {
            throw file.failure("split.count", "a model split over \(count) GGUF files is not supported")
        }
    }

    /// A size in 1...`limit`; required unless it has a default.
    private static func size(
        _ key: String, default fallback: Int? = nil, limit: Int = maximumSize, in file: GGUFFile
    ) throws(WeightsError) -> Int {
        guard let size = try file.integer(key) ?? fallback else { throw file.failure(key, "is missing") }
        guard (1...limit).contains(size) else { throw file.failure(key, "\(size) is not in 1...\(limit)") }
        return size
    }

    private static func number(
        _ key: String, default fallback: Double? = nil, in file: GGUFFile
    ) throws(WeightsError) -> Double {
        guard let number = try file.double(key) ?? fallback else { throw file.failure(key, "is missing") }
        return number
    }

    /// The number of embeddings; files need not repeat it among the metadata.
    private static func vocabularySize(in file: GGUFFile) throws(WeightsError) -> Int {
        let embedding = try file.tensor(TensorRole.tokenEmbedding.ggufName)
        return try size("llama.vocab_size", default: embedding.shape[0], in: file)
    }

    private static func ropeFrequencyDivisors(in file: GGUFFile) throws(WeightsError) -> [Float]? {
        let name = "rope_freqs.weight"
        guard file.names.contains(name) else { return nil }
        return try file.tensor(name).readFloats()
    }
}
