import NIOHTTP1
import OctavoCore

/// A commit of a repository and the files in it.
struct RepositoryListing {
    /// The commit's full hash.
    let commit: String
    /// The paths of its files.
    let files: [String]

    /// Reads the hub's description of a repository.
    ///
    /// - Throws: `HubError` when it is no such description, or a file's name would lead out of a folder.
    init(json: some Collection<UInt8>, of name: HubName) throws(HubError) {
        func failure(_ reason: String) -> HubError {
            HubError(.badData, name.description, reason, remedy: "Check HF_ENDPOINT: this is not how the hub answers.")
        }
        guard let value = try? JSONValue.parse(json), let commit = value["sha"]?.stringValue, HubPath.isCommit(commit),
            let siblings = value["siblings"]?.arrayValue
        else {
            throw failure("the server's list of files has no commit or no files")
        }
        var files: [String] = []
        for sibling in siblings {
            guard let file = sibling["rfilename"]?.stringValue, HubPath.isSafe(file) else {
                let shown = JSONValue.string(String((sibling["rfilename"]?.stringValue ?? "").prefix(200))).jsonText
                throw failure("the server lists \(shown), which is no file name inside a folder")
            }
            files.append(file)
        }
        self.commit = commit
        // A file listed twice is fetched once.
        self.files = Set(files).sorted()
    }
}

/// A file of a repository as the hub describes it.
struct RemoteFile: Sendable, Hashable {
    /// Its path in the repository.
    let name: String
    /// The hash under which the cache keeps its contents: SHA-256 if it is in large-file storage, else git's SHA-1.
    let hash: String
    /// Bytes.
    let size: Int

    /// No file of a model comes near this size: 1 PiB.
    private static let largestSize = 1 << 50

    /// Whether a redirect already tells all: it leads to large-file storage.
    static func isDescribed(by headers: HTTPHeaders) -> Bool {
        headers.contains(name: "X-Linked-Etag") && headers.contains(name: "X-Linked-Size")
    }

    /// Reads the headers of the answer to `HEAD`.
    ///
    /// - Throws: `HubError` when hash or size is missing or senseless, or the file is another commit's.
    init(name file: String, headers: HTTPHeaders, commit: String, of name: HubName) throws(HubError) {
        func failure(_ reason: String) -> HubError {
            HubError(
                .badData, "\(name): \(file)", reason,
                remedy: "Check HF_ENDPOINT, and proxies: this is not how the hub answers.")
        }
        if let found = headers.first(name: "X-Repo-Commit"), found != commit {
            throw failure("the server gives another commit's file")
        }
        var hash = headers.first(name: "X-Linked-Etag") ?? headers.first(name: "ETag") ?? ""
        if hash.hasPrefix("W/") { hash.removeFirst(2) }
        hash = hash.replacing("\"", with: "")
        guard HubPath.isHexadecimal(hash), [40, 64].contains(hash.utf8.count) else {
            throw failure("the server names no hash by which it could be checked")
        }
        let length = headers.first(name: "X-Linked-Size") ?? headers.first(name: "Content-Length") ?? ""
        guard let size = Int(length), (0...Self.largestSize).contains(size) else {
            throw failure("the server names no size that could be true")
        }
        self.name = file
        self.hash = hash
        self.size = size
    }
}
