public import OctavoCore
import Synchronization

/// Text to tokens and back, for byte-level BPE vocabularies.
///
/// It is made once per model and shared: encoding and decoding may run on any number of threads.
public final class Tokenizer: Sendable, TokenDecoding {
    /// The number of ids, used or not: every id is below it.
    public let vocabularySize: Int
    /// The token that begins a text, if the model has one.
    public let bosToken: TokenID?
    /// The tokens that end a model's answer.
    public let endTokens: Set<TokenID>
    /// Whether the model expects `bosToken` before plain text. Encoding never adds it; rendered chats carry their own.
    public let addsBOS: Bool

    let bytes: TokenBytes
    let kinds: [TokenizerDefinition.TokenKind]
    let addedTokens: AddedTokens
    let preTokenizer: PreTokenizer
    let wholePieces: PieceTable
    let merger: BytePairMerger

    /// Caches of encoders at rest: as many as have ever run at once.
    let idleCaches = Mutex<[PieceCache]>([])

    /// A tokenizer of the given vocabulary.
    ///
    /// - Throws: `TokenizerError` if the vocabulary contradicts itself.
    /// - Complexity: linear in the bytes of the vocabulary; some 10 to 50 ms for those of Llama models.
    public init(_ definition: TokenizerDefinition) throws(TokenizerError) {
        try definition.checkIDs()
        vocabularySize = definition.tokens.count
        bosToken = definition.bosToken
        endTokens = definition.endTokens
        addsBOS = definition.addsBOS && definition.bosToken != nil
        bytes = TokenBytes(definition.tokens)
        kinds = definition.tokens.map(\.kind)
        addedTokens = AddedTokens(definition.tokens)
        preTokenizer = definition.preTokenizer
        merger = BytePairMerger(byteTokens: definition.byteTokens(), merges: MergeTable(definition.merges))
        wholePieces = Self.wholePieces(of: definition, bytes: bytes, merger: merger)
    }

    /// The tokens that a piece may be taken for at once, without merging: those that merging reaches, since it would
    /// say the same; and the others too where the vocabulary is made so.
    private static func wholePieces(
        of definition: TokenizerDefinition, bytes: TokenBytes, merger: BytePairMerger
    ) -> PieceTable {
        var merged: [TokenID] = []
        let ids = definition.tokens.indices.filter { id in
            let kind = definition.tokens[id].kind
            guard kind == .text || kind == .added else { return false }
            if definition.ignoresMerges { return true }
            merged.removeAll(keepingCapacity: true)
            bytes[id].withUnsafeBufferPointer { merger.append($0, to: &merged) }
            return merged == [TokenID(id)]
        }
        return PieceTable(bytes, ids: ids.map { TokenID($0) })
    }

    /// The special or added token of exactly this spelling.
    public func token(named spelling: String) -> TokenID? { addedTokens.token(spelled: spelling.utf8) }
}

extension TokenizerDefinition {
    /// Checks that every id in the definition is one of a token.
    fileprivate func checkIDs() throws(TokenizerError) {
        func check(_ id: TokenID?, _ role: String) throws(TokenizerError) {
            guard let id, !tokens.indices.contains(Int(id)) else { return }
            throw TokenizerError(path: path, key: role, reason: "\(id) is not an id of the \(tokens.count) tokens")
        }
        guard tokens.count <= Self.maximumTokenCount else {
            throw TokenizerError(path: path, key: "", reason: "more than \(Self.maximumTokenCount) tokens")
        }
        try check(bosToken, "BOS token")
        try check(unknownToken, "unknown token")
        for token in endTokens { try check(token, "end token") }
        for (index, merge) in merges.enumerated() {
            for id in [merge.left, merge.right, merge.result] { try check(id, "merge \(index)") }
            guard merge.rank >= 0 else {
                throw TokenizerError(path: path, key: "merge \(index)", reason: "negative rank \(merge.rank)")
            }
        }
    }

    /// The token of each single byte, or the unknown token, or -1.
    fileprivate func byteTokens() -> [TokenID] {
        var byteTokens = [TokenID](repeating: -1, count: 256)
        for (id, token) in tokens.enumerated() where token.kind == .text && token.bytes.count == 1 {
            let byte = Int(token.bytes[0])
            if byteTokens[byte] < 0 { byteTokens[byte] = TokenID(id) }
        }
        return byteTokens.map { $0 < 0 ? unknownToken ?? -1 : $0 }
    }
}
