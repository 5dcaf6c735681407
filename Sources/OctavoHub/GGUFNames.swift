/// GGUF files of a repository, by name.
enum GGUFNames {
    /// The files that are models: of a model that is split over several files (`-00001-of-00003.gguf`), the first.
    static func models(in names: [String]) -> [String] {
        names.filter { name in
            guard name.hasSuffix(".gguf") else { return false }
            let number = shardNumber(name)
            return number == nil || number == 1
        }
    }

    /// The files of the model whose first is `name`, out of `names`.
    static func shards(of name: String, in names: [String]) -> [String] {
        guard shardNumber(name) != nil else { return names.filter { $0 == name } }
        let stem = name.dropLast(suffixLength)
        let count = name.suffix("-00003.gguf".count)
        return names.filter {
            shardNumber($0) != nil && $0.dropLast(suffixLength) == stem && $0.hasSuffix(count)
        }
    }

    /// Some names for a message.
    static func list(_ names: [String]) -> String {
        let shown = names.prefix(20).joined(separator: ", ")
        return names.count > 20 ? "\(shown), and \(names.count - 20) more" : shown
    }

    private static let suffixLength = "-00001-of-00003.gguf".count

    /// 1 of `-00001-of-00003.gguf`.
    private static func shardNumber(_ name: String) -> Int? {
        let parts = name.suffix(suffixLength).dropLast(".gguf".count).split(
            separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0].isEmpty, parts[2] == "of", parts[1].utf8.count == 5 else { return nil }
        return Int(parts[1])
    }
}
