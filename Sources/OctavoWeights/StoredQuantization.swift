internal import OctavoCore

/// By which tool and scheme a checkpoint's linear layers are INT8 already, with one scale per output channel.
///
/// All of them compute alike: activations are quantized to INT8 per token as they come. A configuration that asks for
/// anything else is refused.
public enum StoredQuantization: Sendable, Hashable, CustomStringConvertible {
    /// TorchAO's `Int8DynamicActivationInt8Weight`, of version 1 (tensors of TorchAO 0.5 to 0.17) or 2 (0.17 and newer).
    case torchAO(version: Int)
    /// compressed-tensors' W8A8, format `int-quantized`.
    case compressedTensors
    /// FriendliAI's INT8.
    case friendli

    /// The tool and the scheme, for display.
    public var description: String {
        switch self {
        case .torchAO(let version): "TorchAO Int8DynamicActivationInt8Weight, version \(version)"
        case .compressedTensors: "compressed-tensors int-quantized"
        case .friendli: "FriendliAI int8"
        }
    }

    /// Reads `quantization_config` of a `config.json`.
    ///
    /// - Returns: `nil` if there is none.
    /// - Throws: `WeightsError` naming the key that asks for what Octavo does not compute.
    init?(_ file: ConfigurationFile) throws(WeightsError) {
        let section = "quantization_config"
        guard file.value(section) != nil else { return nil }
        switch try file.string("\(section).quant_method") {
        case "torchao": self = .torchAO(version: try Self.torchAOVersion(file))
        case "compressed-tensors":
            try Self.checkCompressedTensors(file)
            self = .compressedTensors
        case "int8":
            for (key, expected) in Self.friendliKeys { try file.expect("\(section).\(key)", expected) }
            self = .friendli
        case let method:
            throw file.failure(
                "\(section).quant_method",
                "\"\(method ?? "unknown")\" is not supported: use the original checkpoint, or one in INT8 by TorchAO, "
                    + "compressed-tensors or FriendliAI")
        }
    }

    private static let friendliKeys: [(String, JSONValue)] = [
        ("bits", 8), ("mode", "dynamic"), ("zero_point", false), ("quant_group_size", -1),
    ]

    /// `quant_type` is a name in older versions of transformers, and a described configuration in newer ones.
    private static func torchAOVersion(_ file: ConfigurationFile) throws(WeightsError) -> Int {
        let key = "quantization_config.quant_type"
        if case .string(let type)? = file.value(key) {
            guard type == "int8_dynamic_activation_int8_weight" else {
                throw file.failure(key, "\"\(type)\" is not supported, only \"int8_dynamic_activation_int8_weight\"")
            }
            return 1
        }
        let section = "\(key).default"
        guard file.value("\(section)._type") != nil else { throw file.failure("\(section)._type", "is missing") }
        try file.expect("\(section)._type", "Int8DynamicActivationInt8WeightConfig")
        try file.expect("\(section)._data.act_mapping_type._data", "SYMMETRIC")
        try file.expect("\(section)._data.layout._type", "PlainLayout")
        try file.expect("\(section)._data.granularity._type", "PerRow")
        try file.expect("\(section)._data.weight_only_decode", false)
        try file.expect("\(section)._data.reduce_range", false)
        return try file.size("\(section)._version", default: 1, limit: 2)
    }

    private static func checkCompressedTensors(_ file: ConfigurationFile) throws(WeightsError) {
        let section = "quantization_config"
        try file.expect("\(section).format", "int-quantized")
        try file.expect("\(section).kv_cache_scheme", .null)
        for key in ["transform_config", "sparsity_config"] {
            guard try file.object("\(section).\(key)")?.isEmpty ?? true else {
                throw file.failure("\(section).\(key)", "is not supported: quantize the model without it")
            }
        }
        guard let groups = try file.object("\(section).config_groups") else {
            throw file.failure("\(section).config_groups", "is missing")
        }
        for group in groups.members {
            try checkGroup(ConfigurationFile(path: file.path, root: group.value.objectValue ?? [:]), named: group.key)
        }
    }

    /// Checks a member of `config_groups`: INT8 weights per channel, and dynamic INT8 activations per token; a group of
    /// the head alone may leave the activations as they are, as Octavo does with every head.
    private static func checkGroup(_ group: ConfigurationFile, named name: String) throws(WeightsError) {
        let weights: [(String, JSONValue)] = [
            ("num_bits", 8), ("type", "int"), ("strategy", "channel"), ("symmetric", true),
        ]
        let activations: [(String, JSONValue)] = [
            ("num_bits", 8), ("type", "int"), ("strategy", "token"), ("symmetric", true), ("dynamic", true),
        ]
        do throws(WeightsError) {
            try group.expect("format", "int-quantized")
            try group.expect("output_activations", .null)
            try group.expect("weights.dynamic", false)
            var parts = [("weights", weights)]
            let isHead = group.value("targets") == ["lm_head"]
            if !isHead || group.value("input_activations") ?? .null != .null {
                parts.append(("input_activations", activations))
            }
            for (part, keys) in parts {
                for (key, expected) in keys {
                    guard group.value("\(part).\(key)") != nil else {
                        throw group.failure("\(part).\(key)", "is missing: expected \(expected.jsonText)")
                    }
                    try group.expect("\(part).\(key)", expected)
                }
            }
        } catch {
            var named = error
            named.key = "quantization_config.config_groups.\(name).\(error.key ?? "")"
            throw named
        }
    }
}

extension ConfigurationFile {
    /// Refuses a value at `key` other than the one that Octavo implements; an absent one is no matter.
    fileprivate func expect(_ key: String, _ expected: JSONValue) throws(WeightsError) {
        guard let value = value(key), value != expected else { return }
        guard expected != .null else { throw failure(key, "is not supported: quantize the model without it") }
        throw failure(key, "\(value.jsonText) is not supported, only \(expected.jsonText)")
    }
}
