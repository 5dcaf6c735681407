import OctavoCore
import OctavoWeights
import Testing

@Suite struct `Reading config json` {
    /// Opens a copy of a model whose `config.json` has `change` applied.
    private func open(
        _ model: String = "tiny-llama31/hf", _ change: (inout JSONObject) -> Void
    ) throws -> ModelConfiguration {
        let folder = try TemporaryFolder()
        let path = try folder.copyModel(model)
        var object = try #require(try JSONValue.parse(Fixtures.bytes(path + "/config.json")).objectValue)
        change(&object)
        _ = try folder.write(Array(JSONValue.object(object).jsonText.utf8), to: "model/config.json")
        return try Checkpoint.open(path).configuration
    }

    @Test func `the spelling of transformers 5 means the same`() throws {
        let old = try open { _ in }
        let new = try open { object in
            object["rope_scaling"] = nil
            object["rope_theta"] = nil
            object["torch_dtype"] = nil
            object["dtype"] = "bfloat16"
            object["rope_parameters"] = [
                "factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
                "original_max_position_embeddings": 8192, "rope_theta": 500000.0, "rope_type": "llama3",
            ]
        }
        #expect(new == old)
    }

    @Test func `the first spelling of the RoPE type is read`() throws {
        let configuration = try open {
            $0["rope_scaling"] = [
                "type": "llama3", "factor": 2, "low_freq_factor": 1, "high_freq_factor": 3,
                "original_max_position_embeddings": 4096,
            ]
        }
        #expect(configuration.ropeScaling?.originalContextLength == 4096)
        #expect(try open { $0["rope_scaling"] = ["type": "default"] }.ropeScaling == nil)
    }

    @Test func `absent keys have the defaults of transformers`() throws {
        let configuration = try open("tiny-untied/hf") {
            for key in ["rope_theta", "rope_scaling", "rms_norm_eps", "max_position_embeddings", "head_dim"] {
                $0[key] = nil
            }
            for key in ["tie_word_embeddings", "hidden_act", "attention_bias", "mlp_bias"] { $0[key] = nil }
        }
        #expect(configuration.headDimension == 8)
        #expect(configuration.ropeTheta == 10000)
        #expect(configuration.ropeScaling == nil)
        #expect(configuration.rmsNormEpsilon == 1e-6)
        #expect(configuration.contextLength == 2048)
        #expect(!configuration.tiesEmbeddings)
    }

    static let refusals: [(key: String, value: JSONValue?, message: String)] = [
        ("model_type", "mistral", "key model_type: \"mistral\" is not supported, only \"llama\""),
        ("model_type", nil, "key model_type: is missing"),
        ("hidden_size", nil, "key hidden_size: is missing"),
        ("hidden_size", 0, "key hidden_size: expected a whole number in 1...1048576, found 0"),
        ("hidden_size", "64", "key hidden_size: expected a whole number in 1...1048576, found \"64\""),
        ("hidden_size", .bigInteger("99999999999999999999"), "found 99999999999999999999"),
        ("num_hidden_layers", 1_000_000, "key num_hidden_layers: expected a whole number in 1...4096"),
        ("num_hidden_layers", 3, "tensor model.layers.2.input_layernorm.weight: is missing"),
        ("num_hidden_layers", 1, "tensor model.layers.1.input_layernorm.weight at byte"),
        ("num_key_value_heads", 3, "4 attention heads are no multiple of 3 key-value heads"),
        ("num_attention_heads", 8, "self_attn.q_proj.weight at byte"),
        ("head_dim", 15, "the head dimension, 15, is odd"),
        ("vocab_size", 289, "the shape is [288, 64], expected [289, 64]"),
        ("rms_norm_eps", -1, "an RMSNorm epsilon of -1.0"),
        ("rms_norm_eps", 1e300, "an RMSNorm epsilon of inf"),
        ("rope_theta", 0, "a RoPE base of 0.0"),
        ("rope_theta", "big", "key rope_theta: expected a number, found \"big\""),
        ("attention_bias", true, "key attention_bias: biases are not supported"),
        ("mlp_bias", true, "key mlp_bias: biases are not supported"),
        ("mlp_bias", 1, "key mlp_bias: expected a boolean, found 1"),
        ("hidden_act", "gelu", "key hidden_act: \"gelu\" is not supported, only \"silu\""),
        ("sliding_window", 4096, "key sliding_window: sliding-window attention is not supported"),
        ("num_local_experts", 8, "key num_local_experts: mixtures of experts are not supported"),
        ("partial_rotary_factor", 0.5, "key partial_rotary_factor: partial rotary embedding is not supported"),
        ("rope_scaling", ["rope_type": "yarn"], "key rope_scaling.rope_type: \"yarn\" is not supported"),
        ("rope_scaling", ["type": "linear", "factor": 2], "key rope_scaling.type: \"linear\" is not supported"),
        ("rope_scaling", ["rope_type": "llama3"], "key rope_scaling.factor: is missing"),
        ("rope_scaling", ["beta_fast": 32], "key rope_scaling.beta_fast: is not supported"),
        ("rope_scaling", 8, "key rope_scaling: expected an object, found number"),
        ("rope_parameters", ["full_attention": [:]], "key rope_parameters.full_attention: is not supported"),
        (
            "quantization_config", ["quant_method": "torchao"],
            "key quantization_config.quant_type.default._type: is missing"
        ),
        ("tie_word_embeddings", "yes", "key tie_word_embeddings: expected a boolean, found \"yes\""),
    ]

    @Test(arguments: refusals)
    func `what Octavo cannot compute is refused by name`(key: String, value: JSONValue?, message: String) throws {
        let found = try weightsFailure { _ = try open { $0[key] = value } }
        #expect(found?.contains(message) == true, "\(found ?? "no error")")
    }

    @Test func `impossible scaling is refused`() throws {
        let message = try weightsFailure {
            _ = try open {
                $0["rope_scaling"] = [
                    "rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4,
                    "original_max_position_embeddings": 8192,
                ]
            }
        }
        #expect(message?.hasSuffix("RoPE scaling by impossible numbers") == true)
    }

    @Test(arguments: [
        (
            "{\"model_type\": \"llama\",",
            "config.json: at byte 23: is not JSON: expected a key in double quotes; correct it, or fetch it again"
        ),
        ("[]", "config.json: holds a JSON array, not an object"),
        ("", "config.json: at byte 0: is not JSON: unexpected end of the text; correct it, or fetch it again"),
    ])
    func `a file that is no JSON object is refused`(text: String, message: String) throws {
        let folder = try TemporaryFolder()
        _ = try folder.write(Array(text.utf8), to: "config.json")
        let found = try weightsFailure { _ = try Checkpoint.open(folder.path) }
        #expect(found?.hasSuffix(message) == true, "\(found ?? "no error")")
    }

    @Test(arguments: [#""two""#, "[1, -1]", "[4294967296]", "1.5"])
    func `end tokens that are no token ids are refused`(tokens: String) throws {
        let folder = try TemporaryFolder()
        let path = try folder.copyModel("tiny-tied/hf")
        _ = try folder.write(Array("{\"eos_token_id\": \(tokens)}".utf8), to: "model/generation_config.json")
        let found = try weightsFailure { _ = try Checkpoint.open(path) }
        #expect(found?.contains("generation_config.json: key eos_token_id: expected token ids") == true)
    }
}
