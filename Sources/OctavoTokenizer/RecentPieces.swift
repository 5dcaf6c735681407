import OctavoCore

/// The tokens of pieces seen lately, so that a piece is found out once and not at every place.
///
/// Direct-mapped: a piece has one slot and takes it from whatever was there.
struct RecentPieces<Key: PieceKeying, Tokens: SIMD<TokenID> & BitwiseCopyable>: ~Copyable {
    private struct Entry {
        var key = Key.empty
        /// The tokens, then, in the last lane, how many there are.
        var tokens = Tokens(repeating: 0)
    }

    /// The longest token list that is kept.
    private static var maximumCount: Int { Tokens.scalarCount - 1 }

    private let entries: UnsafeMutablePointer<Entry>
    private let mask: Int

    /// An empty table.
    ///
    /// - Parameter slotCount: a power of two.
    init(slotCount: Int) {
        entries = LargePages.allocate(Entry.self, count: slotCount).baseAddress!
        entries.initialize(repeating: Entry(), count: slotCount)
        mask = slotCount - 1
    }

    deinit { entries.deallocate() }

    /// Appends the tokens of the piece of this key, if they are here. There must be room for all lanes.
    ///
    /// - Parameter hash: the key's.
    @inline(__always)
    func append(_ key: Key, hash: Int, to tokens: inout TokenBuffer) -> Bool {
        let entry = entries + (hash & mask)
        guard entry.pointee.key == key else { return false }
        let found = entry.pointee.tokens
        tokens.append(found, count: Int(found[Self.maximumCount]))
        return true
    }

    /// Remembers the tokens of the piece of this key, if they are few.
    ///
    /// - Parameter hash: the key's.
    func insert(_ key: Key, hash: Int, tokens: UnsafeBufferPointer<TokenID>) {
        guard tokens.count <= Self.maximumCount else { return }
        var entry = Entry(key: key)
        for (position, token) in tokens.enumerated() { entry.tokens[position] = token }
        entry.tokens[Self.maximumCount] = TokenID(tokens.count)
        entries[hash & mask] = entry
    }
}
