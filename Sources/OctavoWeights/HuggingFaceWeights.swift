internal import OctavoCore

/// The weights of a Hugging Face folder by name, from one file or from several with an index.
struct HuggingFaceWeights {
    var weights: [String: StoredWeight] = [:]
    /// Strings that safetensors files carry beside their tensors.
    var metadata: [String: String] = [:]

    /// Finds and opens the files: safetensors before PyTorch's, one file before several.
    ///
    /// - Throws: `WeightsError` when there is none, a shard is missing or not a plain file name, or a tensor is not in
    ///   the shard that the index names.
    init(_ folder: ModelFolder) throws(WeightsError) {
        for name in ["model.safetensors", "pytorch_model.bin"] {
            if folder.contains(name) {
                let file = try Self.open(name, in: folder)
                (weights, metadata) = (file.weights, file.metadata)
                return
            }
            if folder.contains(name + ".index.json") {
                try readShards(of: ConfigurationFile(folder.file(name + ".index.json")), in: folder)
                return
            }
        }
        throw WeightsError(
            path: folder.path,
            reason: "holds neither model.safetensors nor pytorch_model.bin, nor an index of several "
                + "(model.safetensors.index.json); give a GGUF file by its own path")
    }

    private static func open(
        _ name: String, in folder: ModelFolder
    ) throws(WeightsError) -> (path: String, weights: [String: StoredWeight], metadata: [String: String]) {
        let mapped = try folder.file(name)
        guard name.hasSuffix(".safetensors") else { return (mapped.path, try TorchFile(mapped).weights, [:]) }
        let file = try SafetensorsFile(mapped)
        return (mapped.path, file.tensors.mapValues(StoredWeight.init), file.metadata)
    }

    private mutating func readShards(of index: ConfigurationFile, in folder: ModelFolder) throws(WeightsError) {
        guard let map = try index.object("weight_map") else { throw index.failure("weight_map", "is missing") }
        var shards: [String: (path: String, weights: [String: StoredWeight], metadata: [String: String])] = [:]
        for member in map.members {
            let key = "weight_map.\(member.key)"
            guard let name = member.value.stringValue else { throw index.failure(key, "expected a file name") }
            guard !name.isEmpty, name != ".", name != "..", !name.utf8.contains(where: { $0 == 0x2F || $0 == 0 }) else {
                throw index.failure(key, "\(member.value.jsonText) is not a plain file name")
            }
            if shards[name] == nil {
                let shard = try Self.open(name, in: folder)
                shards[name] = shard
                metadata.merge(shard.metadata) { first, _ in first }
            }
            guard let shard = shards[name], let weight = shard.weights[member.key] else {
                throw WeightsError(path: shards[name]?.path ?? "", tensor: member.key, reason: "is not in the file")
            }
            weights[member.key] = weight
        }
    }
}
