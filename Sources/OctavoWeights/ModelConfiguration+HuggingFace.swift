internal import OctavoCore

extension ModelConfiguration {
    /// Reads a Hugging Face `config.json`, in the spelling of transformers 4 or 5.
    ///
    /// - Throws: `WeightsError` for a missing or impossible size and, by name, for anything that would make the model
    ///   other than the Llama that Octavo computes.
    init(huggingFace file: ConfigurationFile) throws(WeightsError) {
        try Self.refuseUnsupported(in: file)
        let hiddenSize = try file.size("hidden_size")
        let headCount = try file.size("num_attention_heads")
        guard file.value("head_dim") != nil || hiddenSize % headCount == 0 else {
            throw file.failure("num_attention_heads", "\(headCount) heads do not divide hidden_size, \(hiddenSize)")
        }
        self.init(
            hiddenSize: hiddenSize,
            intermediateSize: try file.size("intermediate_size"),
            layerCount: try file.size("num_hidden_layers", limit: Self.maximumLayerCount),
            headCount: headCount,
            keyValueHeadCount: try file.size("num_key_value_heads", default: headCount),
            headDimension: try file.size("head_dim", default: hiddenSize / headCount),
            vocabularySize: try file.size("vocab_size"),
            contextLength: try file.size("max_position_embeddings", default: 2048, limit: Self.maximumContextLength),
            rmsNormEpsilon: Float(try file.number("rms_norm_eps", default: 1e-6)),
            ropeTheta: try Self.ropeTheta(in: file),
            ropeScaling: try Self.ropeScaling(in: file),
            ropeFrequencyDivisors: nil,
            tiesEmbeddings: try file.flag("tie_word_embeddings"))
        if let contradiction { throw WeightsError(path: file.path, reason: contradiction) }
    }

    private static func refuseUnsupported(in file: ConfigurationFile) throws(WeightsError) {
        guard let type = try file.string("model_type") else { throw file.failure("model_type", "is missing") }
        guard type == "llama" else { throw file.failure("model_type", "\"\(type)\" is not supported, only \"llama\"") }
        let activation = try file.string("hidden_act") ?? "silu"
        guard activation == "silu" else {
            throw file.failure("hidden_act", "\"\(activation)\" is not supported, only \"silu\"")
        }
        for key in ["attention_bias", "mlp_bias"] where try file.flag(key) {
            throw file.failure(key, "biases are not supported")
        }
        if file.value("sliding_window") != nil {
            throw file.failure("sliding_window", "sliding-window attention is not supported")
        }
        for key in ["num_local_experts", "num_experts", "n_routed_experts"] where file.value(key) != nil {
            throw file.failure(key, "mixtures of experts are not supported")
        }
        guard try file.number("partial_rotary_factor", default: 1) == 1 else {
            throw file.failure("partial_rotary_factor", "partial rotary embedding is not supported")
        }
    }
}

// MARK: - RoPE: `rope_theta` and `rope_scaling` in transformers 4, `rope_parameters` in 5

extension ModelConfiguration {
    private static func ropeTheta(in file: ConfigurationFile) throws(WeightsError) -> Double {
        if file.value("rope_parameters.rope_theta") != nil { return try file.number("rope_parameters.rope_theta") }
        return try file.number("rope_theta", default: 10000)
    }

    private static func ropeScaling(in file: ConfigurationFile) throws(WeightsError) -> RopeScaling? {
        let section = file.value("rope_parameters") != nil ? "rope_parameters" : "rope_scaling"
        guard let parameters = try file.object(section) else { return nil }
        try refuseUnknownRopeParameters(parameters, of: section, in: file)
        let typeKey = "\(section).\(parameters["rope_type"] != nil ? "rope_type" : "type")"
        switch try file.string(typeKey) ?? "default" {
        case "default": return nil
        case "llama3":
            return RopeScaling(
                factor: try file.number("\(section).factor"),
                lowFrequencyFactor: try file.number("\(section).low_freq_factor"),
                highFrequencyFactor: try file.number("\(section).high_freq_factor"),
                originalContextLength: try file.size(
                    "\(section).original_max_position_embeddings", limit: maximumContextLength))
        case let type:
            throw file.failure(typeKey, "\"\(type)\" is not supported, only \"default\" and \"llama3\"")
        }
    }

    private static func refuseUnknownRopeParameters(
        _ parameters: JSONObject, of section: String, in file: ConfigurationFile
    ) throws(WeightsError) {
        let known = [
            "rope_theta", "rope_type", "type", "factor", "low_freq_factor", "high_freq_factor",
            "original_max_position_embeddings", "partial_rotary_factor",
        ]
        for member in parameters.members where !member.value.isNull && !known.contains(member.key) {
            throw file.failure("\(section).\(member.key)", "is not supported")
        }
        guard try file.number("\(section).partial_rotary_factor", default: 1) == 1 else {
            throw file.failure("\(section).partial_rotary_factor", "partial rotary embedding is not supported")
        }
    }
}
