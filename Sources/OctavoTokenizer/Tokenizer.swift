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
    /// How text is cut into pieces.
    public let preTokenizer: PreTokenizer
    let wholePieces: PieceTable
    let merger: BytePairMerger

    /// Encoders at rest: as many as have ever run at once.
    let idleEncoders = Mutex<[Encoder]>([])

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
        let byteTokens = definition.byteTokens()
        let merges = LastMerges(bytes, byteTokens: byteTokens, merges: definition.merges)
        merger = BytePairMerger(
            byteSymbols: merges.byteSymbols, merges: MergeTable(merges.ofSymbols),
            characters: WholeCharacters(bytes, merges: merges), tokens: merges.tokens)
        wholePieces = PieceTable(bytes, ids: definition.wholePieces(byteTokens: byteTokens, merges: merges))
    }

    /// The number of special tokens.
    public var specialTokenCount: Int { kinds.count { $0 == .special } }

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
        guard merges.count < MergeTable.maximumCount else {
            throw TokenizerError(path: path, key: "", reason: "more than \(MergeTable.maximumCount - 1) merges")
        }
        for (index, merge) in merges.enumerated() {
            for id in [merge.left, merge.right, merge.result] { try check(id, "merge \(index)") }
            guard merge.rank >= 0 else {
                throw TokenizerError(path: path, key: "merge \(index)", reason: "negative rank \(merge.rank)")
            }
            guard spells(merge) else {
                throw TokenizerError(
                    path: path, key: "merge \(index)", reason: "token \(merge.result) is not the two parts together")
            }
        }
        try checkRanks()
    }

    /// Whether the bytes of the merge's result are those of its parts, of which neither is empty.
    private func spells(_ merge: Merge) -> Bool {
        let (left, right) = (tokens[Int(merge.left)].bytes, tokens[Int(merge.right)].bytes)
        let result = tokens[Int(merge.result)].bytes
        return !left.isEmpty && !right.isEmpty && result.count == left.count + right.count && result.starts(with: left)
            && result.suffix(right.count).elementsEqual(right)
    }

    /// Checks that the rank of a merge tells what it makes.
    private func checkRanks() throws(TokenizerError) {
        // Files list merges by rank, so that there is seldom anything to sort.
        let isSorted = zip(merges, merges.dropFirst()).allSatisfy { $0.rank <= $1.rank }
        let order = isSorted ? Array(merges.indices) : merges.indices.sorted { merges[$0].rank < merges[$1].rank }
        for (known, index) in zip(order, order.dropFirst()) {
            let (known, merge) = (merges[known], merges[index])
            guard known.rank != merge.rank || known.result == merge.result else {
                throw TokenizerError(
                    path: path, key: "merge \(index)",
                    reason: "makes token \(merge.result), but another one of rank \(merge.rank) makes \(known.result)")
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

    /// The tokens that a piece may be taken for at once, without merging: those that merging reaches, since it would
    /// say the same; and the others too where the vocabulary is made so.
    fileprivate func wholePieces(byteTokens: [TokenID], merges: LastMerges) -> [TokenID] {
        let ids = tokens.indices.filter { id in
            guard tokens[id].kind == .text || tokens[id].kind == .added else { return false }
            let bytes = tokens[id].bytes
            return ignoresMerges || merges.reaches(id) || bytes.count == 1 && byteTokens[Int(bytes[0])] == TokenID(id)
        }
        return ids.map { TokenID($0) }
    }
}
