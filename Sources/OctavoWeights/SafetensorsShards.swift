internal import Foundation
internal import OctavoCore

/// The tensors of a Hugging Face checkpoint folder, from one safetensors file or from several with an index.
enum SafetensorsShards {
    /// Finds and opens the files in `folder`: `model.safetensors`, or `model.safetensors.index.json` and its shards.
    ///
    /// - Throws: `WeightsError` when neither is there, a shard is missing or not a plain file name, or a tensor is not
    ///   in the shard that the index names.
    static func open(folder: String) throws(WeightsError) -> [String: StoredTensor] {
        let single = folder + "/model.safetensors"
        if FileManager.default.fileExists(atPath: single) {
            let file = try SafetensorsFile(path: single)
            return try tensors(file.names.map { ($0, file) })
        }
        let index = folder + "/model.safetensors.index.json"
        guard FileManager.default.fileExists(atPath: index) else {
            throw WeightsError(
                path: folder,
                reason:
                    "holds neither model.safetensors nor model.safetensors.index.json (PyTorch's .bin and .pth files "
                    + "are not supported yet; give a GGUF file by its own path)")
        }
        return try openShards(of: try ConfigurationFile(path: index), in: folder)
    }

    private static func openShards(
        of index: ConfigurationFile, in folder: String
    ) throws(WeightsError) -> [String: StoredTensor] {
        guard let map = try index.object("weight_map") else { throw index.failure("weight_map", "is missing") }
        var shards: [String: SafetensorsFile] = [:]
        var places: [(name: String, file: SafetensorsFile)] = []
        for member in map.members {
            let key = "weight_map.\(member.key)"
            guard let name = member.value.stringValue else { throw index.failure(key, "expected a file name") }
            guard !name.isEmpty, name != ".", name != "..", !name.utf8.contains(where: { $0 == 0x2F || $0 == 0 }) else {
                throw index.failure(key, "\(member.value.jsonText) is not a plain file name")
            }
            if shards[name] == nil { shards[name] = try SafetensorsFile(path: folder + "/" + name) }
            if let shard = shards[name] { places.append((member.key, shard)) }
        }
        return try tensors(places)
    }

    private static func tensors(
        _ places: [(name: String, file: SafetensorsFile)]
    ) throws(WeightsError) -> [String: StoredTensor] {
        var tensors: [String: StoredTensor] = [:]
        for (name, file) in places { tensors[name] = try file.tensor(name) }
        return tensors
    }
}
