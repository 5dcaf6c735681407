import Foundation
import OctavoCore
import OctavoWeights
import Testing

@Suite struct `Checkpoints in INT8` {
    static let folders = [
        ("tiny-untied/torchao-bin", "TorchAO Int8DynamicActivationInt8Weight, version 1"),
        ("tiny-llama31/torchao-bin", "TorchAO Int8DynamicActivationInt8Weight, version 1"),
        ("tiny-tied/torchao-safetensors", "TorchAO Int8DynamicActivationInt8Weight, version 2"),
        ("tiny-untied/compressed-tensors", "compressed-tensors int-quantized"),
        ("tiny-untied/fmo", "FriendliAI int8"), ("tiny-untied/fmo-0.1", "FriendliAI int8"),
    ]

    @Test(arguments: folders)
    func `values and scales of the seven linear layers are the file's own`(model: String, scheme: String) throws {
        let checkpoint = try Checkpoint.open(Fixtures.model(model))
        #expect(checkpoint.storedQuantization?.description == scheme)
        for role in checkpoint.roles where role.shape(in: checkpoint.configuration).count == 2 {
            let matrix = try checkpoint.matrix(role)
            guard let scales = matrix.channelScales else {
                #expect(role == .tokenEmbedding || role == .outputHead)
                continue
            }
            #expect(matrix.elementType == .i8 && scales.count == matrix.rows)
            let values = matrix.integers
            let products = values.indices.map { Float(values[$0]) * scales[$0 / matrix.columns] }
            #expect(matrix.floats(inPiecesOf: 7) == products)
        }
    }

    @Test func `a model of floats has no stored quantization`() throws {
        for model in ["tiny-untied/hf", "tiny-untied/meta", "tiny-untied/gguf/model-q8_0.gguf"] {
            let checkpoint = try Checkpoint.open(Fixtures.model(model))
            #expect(checkpoint.storedQuantization == nil)
            #expect(try checkpoint.matrix(.gate(0)).channelScales == nil)
        }
    }

    @Test func `-128 is read as it is`() throws {
        let checkpoint = try Checkpoint.open(Fixtures.model("tiny-untied/torchao-bin"))
        let values = try checkpoint.roles.flatMap { role -> [Int8] in
            role.shape(in: checkpoint.configuration).count == 2 ? try checkpoint.matrix(role).integers : []
        }
        #expect(values.min() == -128 && values.max() == 127)
    }

    @Test func `the fingerprint covers the scales`() throws {
        var contents = try Fixtures.contents("tiny-untied/fmo-0.1")
        let original = try Checkpoint.open(path: "fmo", contents: contents).fingerprint()
        let folder = Fixtures.model("tiny-untied/fmo-0.1/model.safetensors")
        let scale = try SafetensorsFile(path: folder).readFloats("model.layers.0.mlp.up_proj.weight_scale")
        var bytes = try #require(contents["model.safetensors"])
        let place = try #require(Data(bytes).range(of: Data(scale[0].littleEndianBytes + scale[1].littleEndianBytes)))
        bytes[place.lowerBound] ^= 1
        contents["model.safetensors"] = bytes
        #expect(try Checkpoint.open(path: "fmo", contents: contents).fingerprint() != original)
        bytes[place.lowerBound + 3] = 0x7F
        bytes[place.lowerBound + 2] = 0xFF
        contents["model.safetensors"] = bytes
        let damaged = try Checkpoint.open(path: "fmo", contents: contents)
        let message = try weightsFailure { _ = try damaged.matrix(.up(0)) }
        #expect(message?.contains("up_proj.weight_scale") == true && message?.contains("a scale is not finite") == true)
    }
}

@Suite struct `Quantized checkpoints that are refused` {
    /// The message about a folder in which `old` is replaced in one file.
    private func failure(_ model: String, _ file: String, _ old: String, _ new: String) throws -> String? {
        var contents = try Fixtures.contents(model)
        var data = Data(try #require(contents[file]))
        let place = try #require(data.range(of: Data(old.utf8)), "\(old)")
        data.replaceSubrange(place, with: Data(new.utf8))
        contents[file] = Array(data)
        return try weightsFailure { _ = try Checkpoint.open(path: "folder", contents: contents) }
    }

    static let compressedTensors = [
        (
            #""format": "int-quantized",\#n    "global"#, #""format": "pack-quantized",\#n    "global"#,
            "quantization_config.format"
        ),
        (#""kv_cache_scheme": null"#, #""kv_cache_scheme": {"num_bits": 8}"#, "quantization_config.kv_cache_scheme"),
        (#""transform_config": {}"#, #""transform_config": {"R1": 1}"#, "quantization_config.transform_config"),
        (#""sparsity_config": {}"#, #""sparsity_config": {"format": "2:4"}"#, "quantization_config.sparsity_config"),
        (#""strategy": "channel""#, #""strategy": "group""#, "group_0.weights.strategy"),
        (#""strategy": "token""#, #""strategy": "tensor""#, "group_0.input_activations.strategy"),
        (#""dynamic": true"#, #""dynamic": false"#, "group_0.input_activations.dynamic"),
        (#""num_bits": 8,"#, #""num_bits": 4,"#, "group_0.input_activations.num_bits"),
        (#""type": "int""#, #""type": "float""#, "group_0.input_activations.type"),
        (#""input_activations""#, #""input_activation""#, "group_0.input_activations.num_bits"),
        (#""config_groups""#, #""groups""#, "quantization_config.config_groups"),
        (#""compressed-tensors""#, #""gptq""#, "quantization_config.quant_method"),
    ]

    @Test(arguments: compressedTensors)
    func `another scheme of compressed-tensors is refused by its key`(old: String, new: String, key: String) throws {
        let message = try failure("tiny-untied/compressed-tensors", "config.json", old, new)
        #expect(message?.contains("folder/config.json: key ") == true, "\(message ?? "no error")")
        #expect(message?.contains("\(key): ") == true, "\(message ?? "no error")")
    }

    static let others = [
        ("tiny-untied/torchao-bin", #""SYMMETRIC""#, #""ASYMMETRIC""#, "act_mapping_type"),
        (
            "tiny-untied/torchao-bin", "Int8DynamicActivationInt8WeightConfig", "Int4WeightOnlyConfig",
            "quant_type.default._type"
        ),
        (
            "tiny-untied/torchao-bin", #""weight_only_decode": false"#, #""weight_only_decode": true"#,
            "weight_only_decode"
        ),
        ("tiny-untied/torchao-safetensors", #""PerRow""#, #""PerTensor""#, "granularity"),
        ("tiny-untied/torchao-safetensors", #""reduce_range": false"#, #""reduce_range": true"#, "reduce_range"),
        ("tiny-untied/fmo", #""quant_method": "int8""#, #""quant_method": "int8", "bits": 4"#, "bits"),
        ("tiny-untied/fmo", #""quant_method": "int8""#, #""quant_method": "int8", "mode": "static""#, "mode"),
        ("tiny-untied/fmo", #""quant_method": "int8""#, #""quant_method": "fp8""#, "quant_method"),
    ]

    @Test(arguments: others)
    func `another scheme of TorchAO or FriendliAI is refused by its key`(
        model: String, old: String, new: String, key: String
    ) throws {
        let message = try failure(model, "config.json", old, new)
        #expect(message?.contains("folder/config.json: key quantization_config.") == true, "\(message ?? "no error")")
        #expect(message?.contains(key) == true, "\(message ?? "no error")")
    }

    @Test func `FriendliAI's full configuration is accepted`() throws {
        let message = try failure(
            "tiny-untied/fmo-0.1", "config.json", #""quant_method": "int8""#,
            #""quant_method": "int8", "bits": 8, "mode": "dynamic", "zero_point": false, "quant_group_size": -1"#)
        #expect(message == nil)
    }

    @Test func `TorchAO's scheme by its older name is accepted`() throws {
        let config = String(
            decoding: try Fixtures.bytes(Fixtures.model("tiny-untied/torchao-bin/config.json")), as: UTF8.self)
        let start = try #require(config.range(of: #""quant_type": {"#)?.lowerBound)
        let end = try #require(config.range(of: #""quant_type_kwargs""#)?.lowerBound)
        let type = #""quant_type": "int8_dynamic_activation_int8_weight", "#
        #expect(try failure("tiny-untied/torchao-bin", "config.json", String(config[start..<end]), type) == nil)
    }

    @Test func `tensors that are described as another class, or whose zero point is not 0, are refused`() throws {
        let metadata = try failure(
            "tiny-untied/torchao-safetensors", "model.safetensors", #"\"Int8Tensor\""#, #"\"Int4Tensor\""#)
        #expect(
            metadata?.contains(#"key __metadata__: "Int4Tensor" is not supported"#) == true, "\(metadata ?? "none")")
        let static_ = try failure(
            "tiny-untied/compressed-tensors", "model.safetensors", "layers.0.input_layernorm.weight",
            "layers.0.input_layernorm.bias  ")
        #expect(static_ != nil)
    }

    @Test func `scales without a configuration are refused`() throws {
        let message = try failure(
            "tiny-untied/compressed-tensors", "config.json", #""quantization_config""#, #""quantization_note""#)
        #expect(
            message?.contains("I8 elements have no scale: the quantization_config of config.json is missing") == true)
    }

    @Test func `an unknown key at the top is ignored`() throws {
        let message = try failure(
            "tiny-untied/compressed-tensors", "config.json", #""quantization_config""#,
            #""octavo": {"made_by": 1}, "quantization_config""#)
        #expect(message == nil)
    }
}

extension WeightRows {
    /// All INT8 values; none of a matrix of floats.
    var integers: [Int8] {
        guard channelScales != nil else { return [] }
        var values = [Int8](repeating: 0, count: rows * columns)
        values.withUnsafeMutableBufferPointer { readInt8(rows: 0..<rows, into: $0) }
        return values
    }
}

extension Fixtures {
    /// The files of a tiny model's folder, by name.
    static func contents(_ model: String) throws -> [String: [UInt8]] {
        var contents: [String: [UInt8]] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: self.model(model)) {
            contents[name] = try bytes(self.model(model) + "/" + name)
        }
        return contents
    }
}

extension Float {
    fileprivate var littleEndianBytes: [UInt8] { withUnsafeBytes(of: bitPattern.littleEndian) { Array($0) } }
}
