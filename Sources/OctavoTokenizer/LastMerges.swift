import OctavoCore

/// The one merge by which each token comes about.
///
/// A token's symbols evolve in a text as they do in the token alone: until something reaches beyond them, the lowest pair
/// of the whole text, if it is one of theirs, is also the lowest of theirs. So the only merge that ever makes a token is
/// the last one of the token's own bytes. Vocabularies list many more (Llama 3's, every split of a token into two), and
/// tokens that merging never reaches; leaving those out changes no result and makes the tables less than half as large.
struct LastMerges {
    /// The merge that makes each token; `nil` for single bytes and for tokens that merging does not reach.
    private(set) var ofTokens: [TokenizerDefinition.Merge?]

    /// Merges the bytes of every token that a merge can make.
    ///
    /// - Parameter byteTokens: the token of each byte, or -1.
    /// - Parameter merges: all that are listed.
    init(_ bytes: TokenBytes, byteTokens: [TokenID], merges: [TokenizerDefinition.Merge]) {
        ofTokens = Array(repeating: nil, count: bytes.count)
        var isMade = [Bool](repeating: false, count: bytes.count)
        for merge in merges { isMade[Int(merge.result)] = true }
        let table = MergeTable(merges)
        let merger = BytePairMerger(byteTokens: byteTokens, merges: table, characters: .none)
        var symbols = TokenBuffer()
        for id in ofTokens.indices where isMade[id] {
            symbols.removeAll()
            bytes[id].withUnsafeBufferPointer { merger.append($0, to: &symbols, downTo: 2) }
            let pair = symbols.tokens(from: 0)
            guard pair.count == 2 else { continue }
            let place = table.place(pair[0], pair[1])
            guard place != MergeTable.none, table.result(at: place) == TokenID(id) else { continue }
            ofTokens[id] = TokenizerDefinition.Merge(
                left: pair[0], right: pair[1], result: TokenID(id), rank: Int32(place))
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
