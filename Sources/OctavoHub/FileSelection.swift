import Foundation

/// Which files of a repository to fetch.
public struct FileSelection: Sendable, Hashable {
    /// Patterns as the shell's, but `*` matches `/` too; a file must match one, unless there are none.
    public var include: [String]
    /// Patterns of files to leave out.
    public var exclude: [String]

    /// A selection; without patterns, the files that Octavo reads.
    public init(include: [String] = [], exclude: [String] = []) {
        self.include = include
        self.exclude = exclude
    }

    /// The files to fetch.
    ///
    /// - Throws: `HubError` when none is left, or the repository holds only GGUF files of several models and no pattern
    ///   says which is wanted.
    func choose(from files: [String], of name: HubName) throws(HubError) -> [String] {
        var chosen: [String]
        if let file = name.file {
            chosen = GGUFNames.shards(of: file, in: files)
            guard !chosen.isEmpty else { throw Self.noSuchFile(file, files, name) }
        } else if !include.isEmpty {
            chosen = files.filter { matches($0, include) }
        } else {
            chosen = try readable(files.filter { !matches($0, exclude) }, name)
        }
        chosen.removeAll { matches($0, exclude) }
        guard !chosen.isEmpty else {
            let names = files.prefix(20).joined(separator: ", ")
            throw HubError(
                .notFound, name.description, "none of its files is wanted",
                remedy: "Give --include a pattern that matches some; it holds \(names.isEmpty ? "nothing" : names).")
        }
        return chosen.sorted()
    }

    /// What Octavo reads: configuration, tokenizer and chat template, and the weights in one form, safetensors rather
    /// than PyTorch's, and GGUF if there is nothing else. Repositories hold the same weights in up to five forms.
    private func readable(_ files: [String], _ name: HubName) throws(HubError) -> [String] {
        // Subfolders hold other forms (Meta's `original/`, ONNX, Core ML).
        let top = files.filter { !$0.contains("/") }
        let texts = top.filter { matches($0, ["*.json", "*.jinja", "tokenizer.model", "merges.txt"]) }
        // Mistral's repositories have all weights a second time under this name.
        let safetensors = top.filter { matches($0, ["*.safetensors"]) && !matches($0, ["consolidated*"]) }
        let pickles = top.filter { matches($0, ["pytorch_model*.bin"]) }
        if !safetensors.isEmpty {
            return texts.filter { !matches($0, ["*.bin.index.json"]) } + safetensors
        }
        if !pickles.isEmpty { return texts + pickles }
        let models = GGUFNames.models(in: files)
        guard models.count < 2 else { throw Self.severalModels(models, name) }
        return texts + models.flatMap { GGUFNames.shards(of: $0, in: files) }
    }

    private func matches(_ file: String, _ patterns: [String]) -> Bool {
        patterns.contains { fnmatch($0.hasSuffix("/") ? $0 + "*" : $0, file, 0) == 0 }
    }

    private static func noSuchFile(_ file: String, _ files: [String], _ name: HubName) -> HubError {
        let models = GGUFNames.models(in: files)
        return HubError(
            .notFound, name.description, "the repository has no \(file)",
            remedy: models.isEmpty ? "It holds no GGUF files." : "It holds \(GGUFNames.list(models)).")
    }

    private static func severalModels(_ models: [String], _ name: HubName) -> HubError {
        let revision = name.revision.map { "@" + $0 } ?? ""
        return HubError(
            .notFound, name.description, "holds \(models.count) GGUF files: \(GGUFNames.list(models))",
            remedy:
                "Name one, as in octavo model pull \(name.repository)/\(models[0])\(revision), or several by --include."
        )
    }
}
