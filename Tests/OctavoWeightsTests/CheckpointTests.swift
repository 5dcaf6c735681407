import Foundation
import OctavoCore
import OctavoWeights
import Testing

@Suite struct `Opening a checkpoint` {
    @Test func `a configuration has the sizes of config json`() throws {
        let configuration = try Checkpoint.open(Fixtures.model("tiny-llama31/hf")).configuration
        #expect(configuration.hiddenSize == 64)
        #expect(configuration.intermediateSize == 192)
        #expect(configuration.layerCount == 2)
        #expect(configuration.headCount == 4)
        #expect(configuration.keyValueHeadCount == 2)
        #expect(configuration.headDimension == 16)
        #expect(configuration.vocabularySize == 288)
        #expect(configuration.contextLength == 131072)
        #expect(configuration.rmsNormEpsilon == 1e-5)
        #expect(configuration.ropeTheta == 500000)
        #expect(
            configuration.ropeScaling
                == RopeScaling(
                    factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 8192))
        #expect(!configuration.tiesEmbeddings)
    }

    @Test(arguments: [
        ("tiny-untied/hf", "tiny-untied/gguf/model-q8_0.gguf"), ("tiny-tied/hf", "tiny-tied/gguf/model-f16.gguf"),
        ("tiny-llama31/hf", "tiny-llama31/gguf/model-f16.gguf"),
    ])
    func `a GGUF file has the configuration of its original, but for how it scales RoPE`(
        original: String, gguf: String
    ) throws {
        var expected = try Checkpoint.open(Fixtures.model(original)).configuration
        let found = try Checkpoint.open(Fixtures.model(gguf)).configuration
        let isScaled = expected.ropeScaling != nil
        expected.ropeScaling = nil
        expected.ropeFrequencyDivisors = isScaled ? found.ropeFrequencyDivisors : nil
        #expect(found == expected)
        #expect(found.ropeFrequencyDivisors?.count == (isScaled ? found.headDimension / 2 : nil))
    }

    @Test func `the RoPE divisors of a GGUF file are Llama 3's scaling`() throws {
        let configuration = try Checkpoint.open(Fixtures.model("tiny-llama31/gguf/model-f16.gguf")).configuration
        let divisors = try #require(configuration.ropeFrequencyDivisors)
        #expect(divisors.first == 1)
        #expect(divisors.last == 8)
    }

    @Test(arguments: [("tiny-llama31/hf", "tiny-llama31"), ("tiny-tied/hf", "tiny-tied")])
    func `formats with the same numbers decode to the same weights`(original: String, model: String) throws {
        let expected = try Checkpoint.open(Fixtures.model(original))
        let others = ["hf-sharded", "hf-f16", "gguf/model-f16.gguf"].map { Fixtures.model("\(model)/\($0)") }
        for path in others where FileManager.default.fileExists(atPath: path) {
            let other = try Checkpoint.open(path)
            for role in expected.roles {
                // Half precision rounds its subnormal numbers to multiples of 2⁻²⁴.
                for (a, b) in zip(try expected.floats(role), try other.floats(role)) where a != b {
                    #expect(abs(a) < 0x1p-14 && abs(a - b) <= 0x1p-25, "\(path) \(role)")
                }
            }
        }
    }

    @Test(arguments: ["tiny-untied/q8_0", "tiny-untied/q4_1", "tiny-tied/q8_0", "tiny-tied/q4_1", "tiny-llama31/q8_0"])
    func `quantized GGUF weights are near the original, in its row order`(file: String) throws {
        // Half a step of 1/127 of the block's largest weight, or 1/15 of its range, and the rounding of the scales.
        let (model, tolerance) = (file.prefix { $0 != "/" }, file.hasSuffix("q8_0") ? Float(1) / 220 : 1 / 14)
        let expected = try Checkpoint.open(Fixtures.model("\(model)/hf"))
        let quantized = try Checkpoint.open(Fixtures.model("\(model)/gguf/model-\(file.suffix(4)).gguf"))
        for role in expected.roles where role.shape(in: expected.configuration).count == 2 {
            let (a, b) = (try expected.floats(role), try quantized.floats(role))
            let isNear = stride(from: 0, to: a.count, by: 32).allSatisfy { start in
                let block = start..<start + 32
                let largest = a[block].map(abs).max() ?? 0
                return zip(a[block], b[block]).allSatisfy { abs($0 - $1) <= largest * tolerance }
            }
            #expect(isNear, "\(role)")
        }
    }

    @Test func `the head of a tied model is its embedding`() throws {
        for format in ["hf", "gguf/model-q4_1.gguf"] {
            let checkpoint = try Checkpoint.open(Fixtures.model("tiny-tied/\(format)"))
            #expect(try checkpoint.floats(.outputHead) == checkpoint.floats(.tokenEmbedding))
        }
    }

    @Test(arguments: [
        ("tiny-llama31/hf", [281, 286] as [TokenID]), ("tiny-llama31/gguf/model-f16.gguf", [286]),
        ("tiny-tied/hf-f16", [313, 318]),
    ])
    func `end tokens come from the model's files`(model: String, tokens: [TokenID]) throws {
        #expect(try Checkpoint.open(Fixtures.model(model)).endTokens == tokens)
    }

    @Test func `end tokens of config json serve where generation config has none`() throws {
        let folder = try TemporaryFolder()
        let model = try folder.copyModel("tiny-tied/hf")
        try FileManager.default.removeItem(atPath: model + "/generation_config.json")
        #expect(try Checkpoint.open(model).endTokens == [313, 318])
    }

    @Test func `a model is called after its folder or file`() throws {
        #expect(try Checkpoint.open(Fixtures.model("tiny-tied/hf-f16")).name == "hf-f16")
        #expect(try Checkpoint.open(Fixtures.model("tiny-tied/hf-f16/")).name == "hf-f16")
        #expect(try Checkpoint.open(Fixtures.model("tiny-tied/gguf/model-q8_0.gguf")).name == "model-q8_0")
    }

    @Test func `a role that the model lacks is an error`() throws {
        let checkpoint = try Checkpoint.open(Fixtures.model("tiny-tied/hf"))
        let message = try weightsFailure { _ = try checkpoint.matrix(.query(2)) }
        #expect(
            message?.hasSuffix("tensor model.layers.2.self_attn.q_proj.weight: the model has no such matrix") == true)
        #expect(try weightsFailure { _ = try checkpoint.vector(.query(0)) } != nil)
        #expect(try weightsFailure { _ = try checkpoint.matrix(.outputNorm) } != nil)
    }
}

@Suite struct `A checkpoint's fingerprint` {
    private func fingerprint(_ model: String) throws -> String {
        try Checkpoint.open(Fixtures.model(model)).fingerprint()
    }

    @Test func `is 64 hexadecimal digits and the same each time`() throws {
        let value = try fingerprint("tiny-tied/hf")
        #expect(value.count == 64 && value.allSatisfy(\.isHexDigit))
        #expect(try fingerprint("tiny-tied/hf") == value)
    }

    @Test func `does not depend on shards`() throws {
        #expect(try fingerprint("tiny-llama31/hf") == fingerprint("tiny-llama31/hf-sharded"))
    }

    @Test func `tells formats and models apart`() throws {
        let models = ["tiny-tied/hf", "tiny-tied/hf-f16", "tiny-tied/gguf/model-f16.gguf", "tiny-untied/hf"]
        #expect(Set(try models.map(fingerprint)).count == models.count)
    }

    @Test func `changes with one bit of a weight and with the configuration`() throws {
        let original = try fingerprint("tiny-tied/hf")
        let folder = try TemporaryFolder()
        let model = try folder.copyModel("tiny-tied/hf")
        var weights = try Fixtures.bytes(model + "/model.safetensors")
        weights[weights.count - 1] ^= 1
        _ = try folder.write(weights, to: "model/model.safetensors")
        let changedWeight = try Checkpoint.open(model).fingerprint()
        weights[weights.count - 1] ^= 1
        _ = try folder.write(weights, to: "model/model.safetensors")
        #expect(try Checkpoint.open(model).fingerprint() == original)

        let text = String(decoding: try Fixtures.bytes(model + "/config.json"), as: UTF8.self)
        let changed = text.replacingOccurrences(of: "10000.0", with: "10001.0")
        _ = try folder.write(Array(changed.utf8), to: "model/config.json")
        let changedConfiguration = try Checkpoint.open(model).fingerprint()
        #expect(Set([original, changedWeight, changedConfiguration]).count == 3)
    }
}
