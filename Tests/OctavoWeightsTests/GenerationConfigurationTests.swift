import OctavoCore
import OctavoWeights
import Testing

@Suite struct `Reading generation config json` {
    private func defaults(_ json: String) throws -> SamplingParameters {
        let folder = try TemporaryFolder()
        defer { extendLifetime(folder) }
        _ = try folder.write(Array(json.utf8), to: "generation_config.json")
        return try GenerationConfiguration.samplingDefaults(ofModel: folder.path)
    }

    @Test func `what is there is a default, and the rest is OpenAI's`() throws {
        var expected = SamplingParameters()
        expected.temperature = 0.6
        expected.topP = 0.9
        expected.topK = 50
        expected.minP = 0.05
        expected.repetitionPenalty = 1.1
        expected.defaultMaxTokens = 256
        let json = """
            {"do_sample": true, "temperature": 0.6, "top_p": 0.9, "top_k": 50, "min_p": 0.05, "repetition_penalty": 1.1,
             "max_new_tokens": 256, "max_length": 4096, "eos_token_id": [1, 2], "transformers_version": "4.43.0"}
            """
        #expect(try defaults(json) == expected)
        #expect(try defaults("{}") == SamplingParameters())
        #expect(try defaults(#"{"temperature": null, "top_k": -1}"#) == SamplingParameters())
    }

    @Test func `no sampling is a temperature of zero`() throws {
        #expect(try defaults(#"{"do_sample": false, "temperature": 0.6}"#).temperature == 0)
    }

    @Test func `a model without the file has no defaults`() throws {
        #expect(try GenerationConfiguration.samplingDefaults(ofModel: "/no/model.gguf") == SamplingParameters())
    }

    @Test(arguments: [
        ("temperature", #"{"temperature": -1}"#), ("temperature", #"{"temperature": "hot"}"#),
        ("top_p", #"{"top_p": 1.5}"#), ("top_k", #"{"top_k": 0.5}"#), ("min_p", #"{"min_p": 2}"#),
        ("repetition_penalty", #"{"repetition_penalty": 0}"#), ("max_new_tokens", #"{"max_new_tokens": 0}"#),
        ("max_new_tokens", #"{"max_new_tokens": 99999999999999999999}"#), ("do_sample", #"{"do_sample": 1}"#),
    ])
    func `a bad value is an error that names the key`(key: String, json: String) throws {
        let error = #expect(throws: WeightsError.self) { try defaults(json) }
        #expect(error?.key == key && error?.path.hasSuffix("generation_config.json") == true)
    }
}
