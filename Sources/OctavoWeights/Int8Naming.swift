internal import OctavoCore

/// What a tool calls the tensors of a linear layer in INT8, after the layer's own name.
struct Int8Naming {
    let values: String
    let scale: String
    /// Zeros in every checkpoint that is supported.
    let zeroPoint: String

    /// The names of a scheme in safetensors files.
    init(_ quantization: StoredQuantization) {
        switch quantization {
        case .torchAO:
            (values, scale, zeroPoint) = ("._weight_qdata", "._weight_scale", "._weight_zero_point")
        case .compressedTensors: (values, scale, zeroPoint) = (".weight", ".weight_scale", ".weight_zero_point")
        case .friendli: (values, scale, zeroPoint) = (".weight", ".weight_scale", ".zeros")
        }
    }

    /// Puts values and scales together under the name that the layer's weight has in a model of floats.
    ///
    /// - Throws: `WeightsError` for a scale without values, or tensors that are not INT8 with a scale per row.
    func pair(_ weights: [String: StoredWeight]) throws(WeightsError) -> [String: StoredWeight] {
        var result = weights
        for (name, scaleWeight) in weights where name.hasSuffix(scale) {
            let layer = String(name.dropLast(scale.count))
            result[name] = nil
            guard let integers = result.removeValue(forKey: layer + values) else {
                throw scaleWeight.failure("is a scale, but \(layer + values) is not in the files")
            }
            let zeros = result.removeValue(forKey: layer + zeroPoint)
            result[layer + ".weight"] = try StoredWeight(
                int8: integers.parts[0], scale: scaleWeight.parts[0], zeroPoint: zeros?.parts[0])
        }
        return result
    }
}

/// What TorchAO writes about each tensor into the metadata of a safetensors file, as JSON.
enum TorchAOMetadata {
    /// Refuses tensors whose description is not that of `Int8DynamicActivationInt8Weight`.
    ///
    /// - Parameter path: the folder, for errors.
    static func check(_ metadata: [String: String], path: String) throws(WeightsError) {
        for (name, text) in metadata.sorted(by: { $0.key < $1.key }) where name.hasSuffix(".weight") {
            func failure(_ reason: String) -> WeightsError {
                WeightsError(path: path, tensor: name, key: "__metadata__", reason: reason)
            }
            guard let description = try? JSONValue.parse(text) else { throw failure("is not JSON") }
            let type = description["_type"]?.stringValue
            guard type != "Tensor" else { continue }
            guard type == "Int8Tensor", let data = description["_data"] else {
                throw failure("\(description["_type"]?.jsonText ?? "nothing") is not supported, only \"Int8Tensor\"")
            }
            let activations = data["act_quant_kwargs"]?["_data"]
            guard let activations, activations["mapping_type"]?["_data"] ?? "SYMMETRIC" == "SYMMETRIC",
                activations["granularity"]?["_type"] ?? "PerRow" == "PerRow",
                activations["reduce_range"] ?? false == false, data["reduce_range"] ?? false == false
            else { throw failure("its activations are not quantized per token, symmetrically and in full range") }
            guard let block = data["block_size"]?.arrayValue, block.count == 2, block[0] == 1 else {
                throw failure("its scales are not one per row")
            }
        }
    }
}
