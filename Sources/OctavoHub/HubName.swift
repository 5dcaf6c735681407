/// What names a model of the hub: a repository, perhaps one file in it, perhaps a revision.
///
/// Written `ORG/NAME`, `ORG/NAME/FILE.gguf`, or either with `@REVISION` behind it, where the revision is a branch, a tag
/// or a commit. A few old repositories have no `ORG/`.
public struct HubName: Sendable, Hashable, CustomStringConvertible {
    /// `ORG/NAME`.
    public let repository: String
    /// A GGUF file, by its path in the repository.
    public let file: String?
    /// What stood behind the `@`.
    public let revision: String?

    /// The branch that is meant where no revision is named.
    public static let defaultRevision = "main"

    /// Reads a name; nil if the text cannot be one.
    public init?(_ text: String) {
        let halves = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        let parts = halves[0].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let repository = parts.prefix(2)
        guard repository.allSatisfy(Self.isRepositoryPart) else { return nil }
        let file = parts.dropFirst(2).joined(separator: "/")
        if !file.isEmpty {
            guard file.hasSuffix(".gguf"), HubPath.isSafe(file) else { return nil }
        } else if parts.count > 2 || repository.last?.hasSuffix(".gguf") == true {
            // `folder/model.gguf` is a path.
            return nil
        }
        if halves.count == 2, !HubPath.isSafe(halves[1]) { return nil }
        self.repository = repository.joined(separator: "/")
        self.file = file.isEmpty ? nil : file
        revision = halves.count == 2 ? String(halves[1]) : nil
    }

    /// The name as it was written.
    public var description: String {
        repository + (file.map { "/" + $0 } ?? "") + (revision.map { "@" + $0 } ?? "")
    }

    /// The repository and revision, without the file.
    var snapshotName: String { repository + (revision.map { "@" + $0 } ?? "") }

    /// Letters, digits, `-`, `_` and `.`, at most 96, as the hub demands. `--` is what the cache writes for `/`.
    private static func isRepositoryPart(_ part: String) -> Bool {
        let bytes = Array(part.utf8)
        guard let first = bytes.first, let last = bytes.last, bytes.count <= 96 else { return false }
        let marks = Array("-.".utf8)
        return !marks.contains(first) && !marks.contains(last) && !part.contains("--") && !part.contains("..")
            && bytes.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
                case UInt8(ascii: "0")...UInt8(ascii: "9"): true
                default: "-_.".utf8.contains(byte)
                }
            }
    }
}

/// Relative paths from elsewhere.
enum HubPath {
    /// Whether a path stays inside the folder to which it is appended, and can be a file's name there.
    static func isSafe(_ path: some StringProtocol) -> Bool {
        let bytes = path.utf8
        guard bytes.count <= 1024, bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\\") }) else {
            return false
        }
        return path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
            !$0.isEmpty && $0 != "." && $0 != ".." && $0.utf8.count <= 255
        }
    }

    /// Whether a text is a commit's full hash.
    static func isCommit(_ text: String) -> Bool { text.utf8.count == 40 && isHexadecimal(text) }

    static func isHexadecimal(_ text: String) -> Bool {
        text.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) }
    }
}
