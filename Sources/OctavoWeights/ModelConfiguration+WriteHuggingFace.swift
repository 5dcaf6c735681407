package import OctavoCore

extension ModelConfiguration {
    /// The configuration as Hugging Face's `config.json`, in the spelling of transformers 4, which 5 reads too.
    ///
    /// - Parameters:
    ///   - elementType: the type of the weights, or of those that are not quantized.
    ///   - bosToken: the token that begins a text.
    ///   - endTokens: the tokens that end one.
    ///   - path: the model, for messages.
    /// - Throws: `WeightsError` for a GGUF file's RoPE frequencies that no `config.json` can express.
    package func huggingFaceJSON(
        elementType: ElementType, bosToken: TokenID?, endTokens: [TokenID], path: String
    ) throws(WeightsError) -> JSONObject {
        var json: JSONObject = [
            "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
            "bos_token_id": bosToken.map { .integer(Int($0)) } ?? .null,
            "eos_token_id": .array(endTokens.map { .integer(Int($0)) }), "head_dim": .integer(headDimension),
            "hidden_act": "silu", "hidden_size": .integer(hiddenSize), "initializer_range": 0.02,
            "intermediate_size": .integer(intermediateSize), "max_position_embeddings": .integer(contextLength),
            "mlp_bias": false, "model_type": "llama", "num_attention_heads": .integer(headCount),
            "num_hidden_layers": .integer(layerCount), "num_key_value_heads": .integer(keyValueHeadCount),
            // In few digits, as it was written before it was rounded to single precision.
            "rms_norm_eps": .double(Double("\(rmsNormEpsilon)") ?? Double(rmsNormEpsilon)),
        ]
        json["rope_scaling"] = try storedRopeScaling(path)?.json ?? .null
        json["rope_theta"] = .double(ropeTheta)
        json["tie_word_embeddings"] = .bool(tiesEmbeddings)
        json["torch_dtype"] = .string(elementType.torchName)
        json["use_cache"] = true
        json["vocab_size"] = .integer(vocabularySize)
        return json
    }

    /// The scaling, also where a GGUF file stores a published model's as divisors; `nil` if there is none, or one of its own.
    package var publishedRopeScaling: RopeScaling? {
        ropeScaling ?? ropeFrequencyDivisors.flatMap { RopeScaling(divisors: $0, theta: ropeTheta) }
    }

    /// The scaling; GGUF's divisors as the scaling that they come from.
    private func storedRopeScaling(_ path: String) throws(WeightsError) -> RopeScaling? {
        guard let divisors = ropeFrequencyDivisors, !divisors.allSatisfy({ $0 == 1 }) else { return ropeScaling }
        guard let scaling = publishedRopeScaling else {
            throw WeightsError(
                path: path, tensor: "rope_freqs.weight",
                reason:
                    "scales RoPE as no Llama 3 does, which config.json cannot express: use the model's Hugging Face files"
            )
        }
        return scaling
    }
}

extension RopeScaling {
    fileprivate var json: JSONValue {
        [
            "factor": .double(factor), "high_freq_factor": .double(highFrequencyFactor),
            "low_freq_factor": .double(lowFrequencyFactor),
            "original_max_position_embeddings": .integer(originalContextLength), "rope_type": "llama3",
        ]
    }
}

extension ElementType {
    /// What PyTorch calls the type in which the elements are kept: single precision for those in blocks.
    package var torchName: String {
        switch self {
        case .f16: "float16"
        case .bf16: "bfloat16"
        default: "float32"
        }
    }
}
