import OctavoCore

/// The one merge by which each token comes about.
///
/// A token's symbols evolve in a text as they do in the token alone: until something reaches beyond them, the lowest pair
/// of the whole text, if it is one of theirs, is also the lowest of theirs. So the only merge that ever makes a token is
/// the last one of the token's own bytes. Vocabularies list many more (Llama 3's, every split of a token into two), and
/// tokens that merging never reaches; leaving those out changes no result and makes the tables less than half as large.
///
/// The merges left number their tokens: a symbol is a byte, or 256 and the place of its merge in the order of ranks. So a
/// merge's place is all that merging needs to know of it.
struct LastMerges {
    /// The symbol of each token, or -1.
    private(set) var symbols: [TokenID]
    /// The symbol of each byte; -1 for bytes that are dropped.
    let byteSymbols: [TokenID]
    /// The token of each symbol.
    private(set) var tokens: [TokenID]
    /// The merge that makes each token; `nil` for single bytes and for tokens that merging does not reach.
    private(set) var ofTokens: [TokenizerDefinition.Merge?]

    /// Merges the bytes of every token that a merge can make.
    ///
    /// - Parameter byteTokens: the token of each byte, or -1.
    /// - Parameter merges: all that are listed.
    init(_ bytes: TokenBytes, byteTokens: [TokenID], merges: [TokenizerDefinition.Merge]) {
        ofTokens = Self.lastMerges(bytes, byteTokens: byteTokens, merges: merges)
        symbols = Array(repeating: -1, count: bytes.count)
        // Bytes that have one token, the unknown one, are one symbol; the byte whose token it is, if any, names it.
        for byte in (0..<256).reversed() where byteTokens[byte] >= 0 { symbols[Int(byteTokens[byte])] = TokenID(byte) }
        for byte in 0..<256 where byteTokens[byte] >= 0 && bytes[Int(byteTokens[byte])].elementsEqual([UInt8(byte)]) {
            symbols[Int(byteTokens[byte])] = TokenID(byte)
        }
        byteSymbols = byteTokens.map { [symbols] token in token < 0 ? -1 : symbols[Int(token)] }
        tokens = byteTokens
        for merge in ofTokens.compactMap(\.self).sorted(by: { $0.rank < $1.rank }) {
            symbols[Int(merge.result)] = TokenID(tokens.count)
            tokens.append(merge.result)
        }
    }

    /// The merges of symbols.
    var ofSymbols: [TokenizerDefinition.Merge] {
        tokens.dropFirst(256).map { token in
            let merge = ofTokens[Int(token)]!
            return TokenizerDefinition.Merge(
                left: symbols[Int(merge.left)], right: symbols[Int(merge.right)], result: symbols[Int(token)],
                rank: merge.rank)
        }
    }

    private static func lastMerges(
        _ bytes: TokenBytes, byteTokens: [TokenID], merges: [TokenizerDefinition.Merge]
    ) -> [TokenizerDefinition.Merge?] {
        var isMade = [Bool](repeating: false, count: bytes.count)
        for merge in merges { isMade[Int(merge.result)] = true }
        let table = MergeTable(merges)
        let merger = BytePairMerger(
            byteSymbols: byteTokens, merges: table, characters: .none, tokens: (0..<bytes.count).map { TokenID($0) })
        let cache = PairCache()
        var pair = TokenBuffer()
        return isMade.indices.map { id in
            guard isMade[id] else { return nil }
            pair.removeAll()
            bytes[id].withUnsafeBufferPointer { merger.append($0, cache, to: &pair, downTo: 2) }
            guard pair.count == 2 else { return nil }
            let (left, right) = (pair.tokens(from: 0)[0], pair.tokens(from: 0)[1])
            let place = table.place(left, right, cache)
            guard place != MergeTable.none, table.result(at: place) == TokenID(id) else { return nil }
            return TokenizerDefinition.Merge(left: left, right: right, result: TokenID(id), rank: Int32(place))
        }
    }

    /// Whether merging the bytes of a token of several gives the token.
    func reaches(_ id: Int) -> Bool { ofTokens[id] != nil }

    /// The highest rank among the merges that make a token of its bytes, one after another.
    func latestRank(of id: Int) -> Int32? {
        guard let merge = ofTokens[id] else { return nil }
        return max(merge.rank, latestRank(of: Int(merge.left)) ?? -1, latestRank(of: Int(merge.right)) ?? -1)
    }
}
