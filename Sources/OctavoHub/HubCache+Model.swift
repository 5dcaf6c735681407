import Foundation
import OctavoCore

extension HubCache {
    /// The path of a cached model: a GGUF file, or the folder of a snapshot.
    ///
    /// A snapshot without other weights that holds exactly one GGUF stands for that file.
    ///
    /// - Returns: nil if nothing of that name is in the cache.
    /// - Throws: `HubError` when files are missing, or the snapshot holds several GGUF files and the name tells none.
    public func model(_ name: HubName) throws(HubError) -> String? {
        guard let commit = try commit(of: name) else { return nil }
        let folder = snapshot(commit, of: name.repository)
        guard let files = SnapshotFiles(folder: folder) else { return nil }
        if let file = name.file {
            guard files.present.contains(file) else { throw Self.missing(file, name, folder, pull: name.description) }
            return "\(folder)/\(file)"
        }
        if files.hasWeightsBesideGGUF || files.modelsInGGUF.isEmpty {
            if let missing = try files.firstMissing() {
                throw Self.missing(missing, name, folder, pull: name.snapshotName)
            }
            return folder
        }
        guard files.modelsInGGUF.count == 1, let file = files.modelsInGGUF.first else {
            throw Self.ambiguous(files.modelsInGGUF, name)
        }
        return "\(folder)/\(file)"
    }

    private static func missing(_ file: String, _ name: HubName, _ folder: String, pull: String) -> HubError {
        HubError(
            .notFound, name.description, "\(file) is missing from its snapshot in the Hugging Face cache, \(folder)",
            remedy: "Fetch it: octavo model pull \(pull)")
    }

    private static func ambiguous(_ files: [String], _ name: HubName) -> HubError {
        let revision = name.revision.map { "@" + $0 } ?? ""
        return HubError(
            .notFound, name.description, "holds \(files.count) GGUF files: \(GGUFNames.list(files))",
            remedy: "Name one, such as \(name.repository)/\(files[0])\(revision).")
    }
}

/// What lies in a snapshot.
private struct SnapshotFiles {
    let folder: String
    /// The paths of the files, and of the links that lead somewhere.
    let present: Set<String>
    /// The paths of the links that lead nowhere.
    let broken: [String]

    /// Nil if there is no such folder.
    init?(folder: String) {
        guard let paths = FileManager.default.enumerator(atPath: folder) else { return nil }
        let names = paths.compactMap { $0 as? String }
        guard !names.isEmpty else { return nil }
        self.folder = folder
        // Follows links.
        let present = Set(names.filter { FileManager.default.fileExists(atPath: "\(folder)/\($0)") })
        broken = names.filter { !present.contains($0) }.sorted()
        self.present = present
    }

    var modelsInGGUF: [String] { GGUFNames.models(in: (present.union(broken)).sorted()) }

    var hasWeightsBesideGGUF: Bool {
        present.union(broken).contains { name in
            !name.contains("/")
                && [".safetensors", ".bin", ".pth", ".index.json"].contains { name.hasSuffix($0) }
        }
    }

    /// A file that the snapshot should have and has not: a link's end, a shard that the index names, or `config.json`.
    func firstMissing() throws(HubError) -> String? {
        if let link = broken.first { return link }
        for (whole, index) in [
            ("model.safetensors", "model.safetensors.index.json"),
            ("pytorch_model.bin", "pytorch_model.bin.index.json"),
        ] where present.contains(index) && !present.contains(whole) {
            return try shards(of: index).first { !present.contains($0) }
        }
        return hasWeightsBesideGGUF && !present.contains("config.json") ? "config.json" : nil
    }

    /// The files that an index names, in order.
    private func shards(of index: String) throws(HubError) -> [String] {
        let path = "\(folder)/\(index)"
        guard let data = FileManager.default.contents(atPath: path), let value = try? JSONValue.parse(data),
            let map = value["weight_map"]?.objectValue
        else {
            throw HubError(.badData, path, "is no index of weights", remedy: "Delete it, and pull the model again.")
        }
        return Set(map.members.compactMap(\.value.stringValue)).sorted()
    }
}
