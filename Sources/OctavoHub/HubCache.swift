import Foundation

/// The cache that Hugging Face's tools share: a folder for each repository, with contents by hash (`blobs`), links to
/// them by commit and name (`snapshots`), and what branches and tags meant when last asked (`refs`).
///
/// - SeeAlso: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
public struct HubCache: Sendable {
    /// The folder of the cache.
    public let directory: String

    /// The cache in `directory`, which need not exist.
    public init(directory: String) { self.directory = directory }

    /// The folder of a repository.
    func folder(of repository: String) -> String { "\(directory)/\(Self.folderName(repository))" }

    /// The folder with a commit's files under their own names.
    func snapshot(_ commit: String, of repository: String) -> String {
        "\(folder(of: repository))/snapshots/\(commit)"
    }

    /// The file with the commit that a branch or tag means.
    func reference(_ revision: String, of repository: String) -> String {
        "\(folder(of: repository))/refs/\(revision)"
    }

    /// The file with the content that has this hash.
    func blob(_ hash: String, of repository: String) -> String { "\(folder(of: repository))/blobs/\(hash)" }

    /// The file that whoever fetches a blob holds locked.
    func lock(_ hash: String, of repository: String) -> String {
        "\(directory)/.locks/\(Self.folderName(repository))/\(hash).lock"
    }

    private static func folderName(_ repository: String) -> String {
        "models--" + repository.split(separator: "/").joined(separator: "--")
    }

    /// The commit that a name means in the cache; nil if the cache does not know.
    ///
    /// - Throws: `HubError` when a reference holds no commit, or several commits begin as the name's revision does.
    func commit(of name: HubName) throws(HubError) -> String? {
        let revision = name.revision ?? HubName.defaultRevision
        if HubPath.isCommit(revision) { return revision }
        let path = reference(revision, of: name.repository)
        if let text = try? String(contentsOfFile: path, encoding: .utf8) {
            let commit = text.trimmingCharacters(in: .whitespacesAndNewlines)
            guard HubPath.isCommit(commit) else {
                throw HubError(
                    .badData, path, "holds no commit's hash", remedy: "Run octavo model pull \(name.snapshotName).")
            }
            return commit
        }
        return try abbreviatedCommit(revision, name)
    }

    /// The commit that begins so, if there is exactly one.
    private func abbreviatedCommit(_ prefix: String, _ name: HubName) throws(HubError) -> String? {
        guard prefix.utf8.count >= 5, HubPath.isHexadecimal(prefix) else { return nil }
        let snapshots = "\(folder(of: name.repository))/snapshots"
        let commits = ((try? FileManager.default.contentsOfDirectory(atPath: snapshots)) ?? [])
            .filter { $0.hasPrefix(prefix) && HubPath.isCommit($0) }
        guard commits.count < 2 else {
            throw HubError(
                .notFound, name.description, "\(commits.count) cached commits begin so",
                remedy: "Give more of its digits: \(commits.sorted().joined(separator: ", ")).")
        }
        return commits.first
    }
}
