internal import Crypto
import Foundation

/// The files of tensors that stand beside an index: `train-00001-HASH.safetensors` beside `train.jsonl`.
///
/// A shard is named for its contents, so that writing another export to the same place never changes a file that an
/// index speaks of. The shards come first, then the index, then what only an older index spoke of is removed. Without
/// `commit()` all that was added is removed.
final class ShardFiles {
    private let folder: String
    private let stem: String
    private var names: [String] = []
    private var added: [String] = []

    private static let suffix = ".safetensors"

    /// - Parameter index: the path of the index.
    init(besides index: String) {
        let url = URL(fileURLWithPath: ExportPath(index).stem)
        folder = url.deletingLastPathComponent().path
        stem = url.lastPathComponent
    }

    deinit { for name in added { unlink(path(name)) } }

    /// How many were written.
    var count: Int { names.count }

    /// Writes the next shard and returns its name.
    ///
    /// - Parameter pieces: its contents.
    /// - Throws: `BatchFileError` when it cannot be written.
    func write(_ pieces: [[UInt8]]) throws(BatchFileError) -> String {
        let number = String(names.count + 1)
        let digits = String(repeating: "0", count: max(0, 5 - number.count)) + number
        var hash = SHA256()
        for piece in pieces { hash.update(data: piece) }
        let name = "\(stem)-\(digits)-\(hexadecimal(hash.finalize().prefix(8)))\(Self.suffix)"
        let isNew = !FileManager.default.fileExists(atPath: path(name))
        let file = try AtomicFile(path: path(name))
        for piece in pieces { try file.append(contentsOf: piece) }
        try file.finish()
        if isNew { added.append(name) }
        try file.commit()
        names.append(name)
        return name
    }

    /// Keeps what was added, since the index stands, and removes what an older index spoke of.
    func commit() {
        added = []
        let all = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let current = Set(names)
        for name in all where isShard(name[...]) && !current.contains(name) { unlink(path(name)) }
        // What a killed export was writing has the name of no shard of this one.
        AtomicFile.removeLeftovers(in: folder) { isShard($0) }
    }

    private func path(_ name: String) -> String { "\(folder)/\(name)" }

    /// Whether a file is named as a shard of this index: stem, five or more digits, sixteen of a hash.
    private func isShard(_ name: Substring) -> Bool {
        guard name.hasPrefix(stem + "-"), name.hasSuffix(Self.suffix) else { return false }
        let parts = name.dropFirst(stem.count + 1).dropLast(Self.suffix.count)
            .split(separator: "-", omittingEmptySubsequences: false)
        return parts.count == 2 && parts[0].count >= 5 && parts[0].allSatisfy { ("0"..."9").contains($0) }
            && parts[1].count == 16 && parts[1].allSatisfy { "0123456789abcdef".contains($0) }
    }
}
