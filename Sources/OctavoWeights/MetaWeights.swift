/// The weights of a folder in Meta's own format: `consolidated.00.pth` and, for large models, its neighbors, each with
/// an equal part of every matrix.
struct MetaWeights {
    /// The tensors of each file, in order.
    private let shards: [TorchFile]
    /// The first file's path, for errors.
    private let path: String

    /// Opens all files.
    ///
    /// - Throws: `WeightsError` when there is none, one is missing, or one cannot be read.
    init(_ folder: ModelFolder) throws(WeightsError) {
        let names = folder.names.filter { $0.hasPrefix("consolidated.") && $0.hasSuffix(".pth") }
        guard !names.isEmpty else {
            throw WeightsError(path: folder.path, reason: "holds params.json, but no consolidated.00.pth")
        }
        var shards: [TorchFile] = []
        for index in names.indices {
            let name = "consolidated.\(index < 10 ? "0" : "")\(index).pth"
            guard names.contains(name) else {
                throw WeightsError(
                    path: folder.path, reason: "of \(names.count) files consolidated.*.pth, \(name) is missing")
            }
            shards.append(try TorchFile(folder.file(name)))
        }
        self.shards = shards
        path = folder.path + "/consolidated.00.pth"
    }

    /// The shape that the tensor called `name` has in the first file.
    func partShape(_ name: String) throws(WeightsError) -> [Int] {
        guard let weight = shards[0].weights[name] else { throw failure(name, "is missing") }
        return weight.shape
    }

    /// An error about the tensor called `name`.
    func failure(_ name: String, _ reason: String) -> WeightsError {
        WeightsError(path: path, tensor: name, reason: reason)
    }

    /// How many files there are.
    var shardCount: Int { shards.count }

    /// Whether the model has a tensor called `name`.
    func contains(_ name: String) -> Bool { shards[0].weights[name] != nil }

    /// All tensors, by name, put together to the shapes that `shape` tells; the others as the first file has them.
    ///
    /// - Throws: `WeightsError` when a file lacks a tensor, or parts do not make up the shape.
    func assembled(_ shape: (_ name: String) -> [Int]?) throws(WeightsError) -> [String: StoredWeight] {
        var result: [String: StoredWeight] = [:]
        for name in shards[0].names {
            guard let first = shards[0].weights[name] else { continue }
            guard shards.count > 1, let shape = shape(name) else {
                result[name] = first
                continue
            }
            var parts: [StoredTensor] = []
            for shard in shards {
                guard let part = shard.weights[name], part.scale == nil else {
                    throw first.failure("one of the \(shards.count) files has no part of it, or an INT8 one")
                }
                parts.append(part.parts[0])
            }
            result[name] = try StoredWeight(parts: parts, shape: shape)
        }
        return result
    }
}
