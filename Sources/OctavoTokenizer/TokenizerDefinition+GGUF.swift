import OctavoCore

/// The tokenizer's part of a GGUF file's metadata, by the names of its keys.
public struct GGUFVocabulary: Sendable {
    /// `tokenizer.ggml.model`: `gpt2` for byte-level BPE.
    public var model: String
    /// `tokenizer.ggml.pre`, the pre-tokenizer's name.
    public var pre: String?
    /// `tokenizer.ggml.tokens`, in the byte-level spelling; control and user-defined tokens as they are.
    public var tokens: [String]
    /// `tokenizer.ggml.token_type`, as long as `tokens`, or empty if all are ordinary.
    public var tokenTypes: [Int32]
    /// `tokenizer.ggml.merges`, each `left right`, in order of rank.
    public var merges: [String]
    /// `tokenizer.ggml.bos_token_id`.
    public var bosID: Int?
    /// `tokenizer.ggml.eos_token_id`.
    public var eosID: Int?
    /// `tokenizer.ggml.eot_token_id`.
    public var eotID: Int?
    /// `tokenizer.ggml.add_bos_token`; without it, the pre-tokenizer's kind decides.
    public var addBOS: Bool?

    /// Metadata of the given values.
    public init(
        model: String, pre: String?, tokens: [String], tokenTypes: [Int32], merges: [String], bosID: Int? = nil,
        eosID: Int? = nil, eotID: Int? = nil, addBOS: Bool? = nil
    ) {
        self.model = model
        self.pre = pre
        self.tokens = tokens
        self.tokenTypes = tokenTypes
        self.merges = merges
        self.bosID = bosID
        self.eosID = eosID
        self.eotID = eotID
        self.addBOS = addBOS
    }
}

extension TokenizerDefinition {
    /// The vocabulary in a GGUF file.
    ///
    /// - Parameter path: the file's name, for messages.
    /// - Throws: `TokenizerError` naming the metadata key that is malformed or unsupported.
    public init(gguf: GGUFVocabulary, path: String) throws(TokenizerError) {
        guard gguf.model != "llama" else {
            throw TokenizerError(path: path, key: "tokenizer.ggml.model", reason: TokenizerError.sentencePiece)
        }
        guard gguf.model == "gpt2" else {
            throw TokenizerError(
                path: path, key: "tokenizer.ggml.model",
                reason: "unsupported: \(gguf.model.debugDescription); only gpt2 (byte-level BPE) is known")
        }
        let preTokenizer = try gguf.preTokenizer(path)
        let tokens = try gguf.definitionTokens(path)
        var reader = MergeReader(tokens: tokens)
        for (index, merge) in gguf.merges.enumerated() where !reader.append(merge) {
            throw TokenizerError(
                path: path, key: "tokenizer.ggml.merges[\(index)]", reason: MergeReader.failureReason)
        }
        let bosToken = try gguf.tokenID(gguf.bosID, "bos_token_id", path)
        var endTokens = Self.conventionalEndTokens(in: tokens)
        if let id = try gguf.tokenID(gguf.eosID, "eos_token_id", path) { endTokens.insert(id) }
        if let id = try gguf.tokenID(gguf.eotID, "eot_token_id", path) { endTokens.insert(id) }
        self.init(
            path: path, tokens: tokens, merges: reader.merges, preTokenizer: preTokenizer,
            ignoresMerges: preTokenizer == .llama3, bosToken: bosToken, endTokens: endTokens,
            addsBOS: bosToken != nil && (gguf.addBOS ?? (preTokenizer == .llama3)))
    }
}

extension GGUFVocabulary {
    /// The values of `tokenizer.ggml.token_type` that matter here; all others are ordinary text.
    private enum TokenType {
        static let unknown: Int32 = 2
        static let control: Int32 = 3
        static let userDefined: Int32 = 4
        static let unused: Int32 = 5
    }

    fileprivate func preTokenizer(_ path: String) throws(TokenizerError) -> PreTokenizer {
        switch pre {
        case "llama-bpe", "llama3", "llama-v3": return .llama3
        case "smollm": return .smollm
        case "gpt-2", "default": return .gpt2
        default:
            let name = pre.map { "unsupported: \($0.debugDescription)" } ?? "missing"
            throw TokenizerError(
                path: path, key: "tokenizer.ggml.pre", reason: "\(name); known are llama-bpe, smollm and gpt-2")
        }
    }

    fileprivate func definitionTokens(_ path: String) throws(TokenizerError) -> [TokenizerDefinition.Token] {
        func failure(_ key: String, _ reason: String) -> TokenizerError {
            TokenizerError(path: path, key: "tokenizer.ggml.\(key)", reason: reason)
        }
        guard tokens.count <= TokenizerDefinition.maximumTokenCount else {
            throw failure("tokens", "more than \(TokenizerDefinition.maximumTokenCount) tokens")
        }
        guard tokenTypes.isEmpty || tokenTypes.count == tokens.count else {
            throw failure("token_type", "\(tokenTypes.count) types for \(tokens.count) tokens")
        }
        var result: [TokenizerDefinition.Token] = []
        result.reserveCapacity(tokens.count)
        for (index, spelling) in tokens.enumerated() {
            let type = tokenTypes.isEmpty ? 1 : tokenTypes[index]
            let kind: TokenizerDefinition.TokenKind =
                switch type {
                case TokenType.unknown, TokenType.control: .special
                case TokenType.userDefined: .added
                case TokenType.unused: .unused
                default: .text
                }
            if kind == .text, let bytes = ByteLevelSpelling.bytes(of: spelling) {
                result.append(.init(bytes: bytes, kind: .text))
            } else {
                result.append(.init(bytes: Array(spelling.utf8), kind: kind == .text ? .unused : kind))
            }
        }
        return result
    }

    fileprivate func tokenID(_ id: Int?, _ key: String, _ path: String) throws(TokenizerError) -> TokenID? {
        guard let id else { return nil }
        guard tokens.indices.contains(id) else {
            throw TokenizerError(
                path: path, key: "tokenizer.ggml.\(key)", reason: "\(id) is not an id of the \(tokens.count) tokens")
        }
        return TokenID(id)
    }
}
