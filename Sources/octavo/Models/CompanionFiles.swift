import Foundation
import OctavoCore
import OctavoFiles
import OctavoWeights

/// What stands beside the weights in a Hugging Face folder: configuration, tokenizer, chat template, end tokens.
///
/// Everything is read when it is made, and composed where the source is no such folder, so that a source that cannot be
/// written is refused before its weights are touched.
struct CompanionFiles: Sendable {
    /// A file's name and contents.
    typealias File = (name: String, bytes: [UInt8])

    /// The source's `config.json`.
    let configuration: JSONObject
    /// The others.
    let files: [File]

    /// Reads a checkpoint in any format.
    ///
    /// - Throws: `WeightsError` or `TokenizerError` where the source is malformed, or has what a Hugging Face folder cannot
    ///   express.
    init(source path: String) throws {
        let checkpoint = try Checkpoint.open(path)
        if let gguf = checkpoint.gguf {
            self = try Self.gguf(gguf, checkpoint)
        } else if FileManager.default.fileExists(atPath: path + "/config.json") {
            self = try Self.huggingFace(folder: path, checkpoint)
        } else {
            self = try Self.meta(folder: path, checkpoint)
        }
    }

    init(configuration: JSONObject, files: [File]) {
        self.configuration = configuration
        self.files = files
    }

    /// Writes the files beside weights that are INT8 in the `int-quantized` form of compressed-tensors, each atomically.
    ///
    /// - Parameters:
    ///   - folder: where; it must exist.
    ///   - configuration: the model's as written: its embeddings may no longer be tied.
    ///   - quantizesHead: whether the output head is INT8, too.
    ///   - elementType: the type in which embedding, head and norms are written; the source's if `nil`.
    ///   - extra: what `config.json` gets at its end.
    /// - Throws: `BatchFileError`, naming the file that cannot be written.
    func write(
        to folder: String, configuration: ModelConfiguration, quantizesHead: Bool, elementType: ElementType? = nil,
        extra: JSONObject
    ) throws {
        var json = self.configuration
        json["tie_word_embeddings"] = .bool(configuration.tiesEmbeddings)
        if let elementType { json[json["dtype"] != nil ? "dtype" : "torch_dtype"] = .string(elementType.torchName) }
        // An older name of the same.
        json["compression_config"] = nil
        json["quantization_config"] = Self.quantization(ofHead: quantizesHead)
        for member in extra.members { json[member.key] = member.value }
        for file in files + [("config.json", Array(JSONValue.object(json).indentedText.utf8))] {
            try Self.write(file.bytes, to: "\(folder)/\(file.name)")
        }
    }

    private static func write(_ bytes: [UInt8], to path: String) throws {
        let file = try AtomicFile(path: path)
        try file.append { $0 += bytes }
        try file.finish()
        try file.commit()
    }

    /// What compressed-tensors writes for weights that are INT8 per output channel, and activations that become INT8 per
    /// token as they come; those of the head stay as they are.
    private static func quantization(ofHead quantizesHead: Bool) -> JSONValue {
        var groups: JSONObject = ["group_0": group("Linear", activations: int8("token", isDynamic: true))]
        if quantizesHead { groups["group_1"] = group("lm_head", activations: nil) }
        return [
            "config_groups": .object(groups), "format": "int-quantized", "global_compression_ratio": nil,
            "ignore": quantizesHead ? [] : ["lm_head"], "kv_cache_scheme": nil, "quant_method": "compressed-tensors",
            "quantization_status": "compressed",
        ]
    }

    private static func group(_ target: JSONValue, activations: JSONValue) -> JSONValue {
        [
            "format": "int-quantized", "input_activations": activations, "output_activations": nil,
            "targets": [target], "weights": int8("channel", isDynamic: false),
        ]
    }

    private static func int8(_ strategy: JSONValue, isDynamic: Bool) -> JSONValue {
        [
            "dynamic": .bool(isDynamic), "group_size": nil, "num_bits": 8, "strategy": strategy, "symmetric": true,
            "type": "int",
        ]
    }
}
