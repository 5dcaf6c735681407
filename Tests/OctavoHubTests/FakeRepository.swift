import Crypto
import Foundation
import OctavoCore
import OctavoTestSupport

/// A repository as a hub has it: one commit, its files, and what points to it.
struct FakeRepository: Sendable {
    var name = "octavo-tests/tiny-llama"
    var commit = "0123456789abcdef0123456789abcdef01234567"
    /// Branches and tags that mean the commit.
    var revisions = ["main", "v1", "refs/pr/2"]
    var files: [String: FakeFile]
    /// Whether only those get it who send `FakeHub.token`.
    var isGated = false

    /// A sharded model with tokenizer, and what a repository has besides.
    static func tinyLlama() throws -> FakeRepository {
        let models = TestPaths.fixtures.appending(path: "Models/tiny-llama31")
        var files = try folder(models.appending(path: "hf-sharded"))
        for name in ["tokenizer.json", "tokenizer_config.json"] {
            files[name] = FakeFile(try Data(contentsOf: models.appending(path: "hf/\(name)")))
        }
        files["README.md"] = FakeFile(Data("# Tiny\n".utf8))
        files["original/consolidated.00.pth"] = FakeFile(Data(repeating: 7, count: 3000), isLarge: true)
        return FakeRepository(files: files)
    }

    /// A repository of GGUF files with these names.
    static func gguf(_ names: [String]) throws -> FakeRepository {
        let model = TestPaths.fixtures.appending(path: "Models/tiny-llama31/gguf/model-q8_0.gguf")
        let file = FakeFile(try Data(contentsOf: model), isLarge: true)
        return FakeRepository(files: Dictionary(uniqueKeysWithValues: names.map { ($0, file) }))
    }

    private static func folder(_ folder: URL) throws -> [String: FakeFile] {
        var files: [String: FakeFile] = [:]
        for url in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil) {
            files[url.lastPathComponent] = FakeFile(
                try Data(contentsOf: url), isLarge: url.pathExtension == "safetensors")
        }
        return files
    }

    /// What Octavo reads of `tinyLlama()`.
    var readFiles: [String] { files.keys.filter { !$0.contains("/") && $0 != "README.md" }.sorted() }
}

/// A file of a repository.
struct FakeFile: Sendable {
    var bytes: Data
    /// Whether it is in large-file storage, on another host and known by its SHA-256.
    var isLarge: Bool
    /// What the hub says its size is.
    var announcedSize: Int
    /// The hash of git's object.
    let gitHash: String
    let sha256: String

    init(_ bytes: Data, isLarge: Bool = false) {
        self.bytes = bytes
        self.isLarge = isLarge
        announcedSize = bytes.count
        gitHash = Self.digits(Insecure.SHA1.hash(data: Data("blob \(bytes.count)\0".utf8) + bytes))
        sha256 = Self.digits(SHA256.hash(data: bytes))
    }

    /// Its name among the cache's blobs.
    var blobName: String { isLarge ? sha256 : gitHash }

    private static func digits(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { String(format: "%02x", $0) }.joined()
    }
}
