import Foundation
import OctavoTestSupport
import OctavoWeights
import Testing

@Suite struct `Folders in Meta's format` {
    @Test(arguments: ["tiny-untied", "tiny-llama31"])
    func `have the weights of their original, in its order of rows`(model: String) throws {
        let original = try Checkpoint.open(Fixtures.model("\(model)/hf"))
        let found = try Checkpoint.open(Fixtures.model("\(model)/meta"))
        for role in original.roles { #expect(try found.floats(role) == original.floats(role), "\(role)") }
        var configuration = original.configuration
        configuration.contextLength = found.configuration.contextLength
        #expect(found.configuration == configuration)
        #expect(found.configuration.contextLength == (model == "tiny-llama31" ? 131_072 : 8192))
        #expect(found.endTokens.isEmpty)
    }

    @Test(arguments: [(2, false), (2, true), (8, false), (8, true)])
    func `that are divided among files are the same model`(count: Int, dividesEmbeddingByColumns: Bool) throws {
        let builder = try TorchFileBuilder.tinyMeta()
        let whole = try Checkpoint.tinyMeta([builder.bytes])
        let files = builder.divided(among: count, embeddingByColumns: dividesEmbeddingByColumns).map(\.bytes)
        let found = try Checkpoint.tinyMeta(files)
        for role in whole.roles { #expect(try found.floats(role) == whole.floats(role), "\(role)") }
        #expect(try found.fingerprint() == whole.fingerprint())
    }

    @Test(arguments: [false, true])
    func `may leave the vocabulary's size to the weights`(dividesEmbeddingByColumns: Bool) throws {
        let params = Array(
            #"{"dim": 64, "n_layers": 2, "n_heads": 8, "n_kv_heads": 2, "vocab_size": -1, "norm_eps": 1e-05, "rope_theta": 5e5}"#
                .utf8)
        let files = try TorchFileBuilder.tinyMeta().divided(among: 2, embeddingByColumns: dividesEmbeddingByColumns)
        let found = try Checkpoint.tinyMeta(files.map(\.bytes), params: params)
        #expect(found.configuration.vocabularySize == 288 && found.configuration.intermediateSize == 192)
        #expect(found.configuration.ropeTheta == 500_000)
    }

    @Test func `with a file too few or parts that do not fit are refused`() throws {
        let files = try TorchFileBuilder.tinyMeta().divided(among: 2, embeddingByColumns: false)
        let half = try weightsFailure { _ = try Checkpoint.tinyMeta([files[0].bytes]) }
        #expect(half?.contains("tensor tok_embeddings.weight") == true, "\(half ?? "no error")")
        var odd = files[1]
        odd.tensors.removeAll { $0.name == "layers.1.attention.wo.weight" }
        let missing = try weightsFailure { _ = try Checkpoint.tinyMeta([files[0].bytes, odd.bytes]) }
        #expect(missing?.contains("tensor layers.1.attention.wo.weight") == true, "\(missing ?? "no error")")
        var contents = ["params.json": Array("{}".utf8), "consolidated.01.pth": files[1].bytes]
        let gap = try weightsFailure { _ = try Checkpoint.open(path: "meta", contents: contents) }
        #expect(gap == "meta: of 1 files consolidated.*.pth, consolidated.00.pth is missing")
        contents["consolidated.01.pth"] = nil
        let none = try weightsFailure { _ = try Checkpoint.open(path: "meta", contents: contents) }
        #expect(none == "meta: holds params.json, but no consolidated.00.pth")
    }

    @Test(arguments: ["quantization_args", "lora_args"])
    func `that are quantized or adapted are refused`(key: String) throws {
        let params = Array(#"{"dim": 64, "n_layers": 2, "n_heads": 8, "\#(key)": {"group_size": 32}}"#.utf8)
        let bytes = try TorchFileBuilder.tinyMeta().bytes
        let message = try weightsFailure { _ = try Checkpoint.tinyMeta([bytes], params: params) }
        #expect(message?.contains("params.json: key \(key): is not supported") == true)
    }

    @Test func `an adapter is told from a model`() throws {
        let message = try weightsFailure {
            _ = try Checkpoint.open(path: "lora", contents: ["adapter_config.json": Array("{}".utf8)])
        }
        #expect(message?.hasPrefix("lora: is an adapter (LoRA), not a model") == true)
    }
}
