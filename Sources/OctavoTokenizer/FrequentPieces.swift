import OctavoCore

/// The tokens of the short pieces seen last: what most of every text consists of, in a table small enough for a core's
/// own cache.
///
/// Direct-mapped: a piece has one slot and takes it from whatever was there. Two slots are a cache line.
struct FrequentPieces: ~Copyable {
    private struct Entry {
        var key = PieceKey.empty
        /// The tokens, then, in the last lane, how many there are.
        var tokens = SIMD4<TokenID>(repeating: 0)
    }

    /// The longest token list that is kept.
    private static let maximumCount = 3
    /// What a buffer must have room for before one is appended.
    static let room = SIMD4<TokenID>.scalarCount
    /// A power of two.
    private static let slotCount = 1 << 13

    private let entries: UnsafeMutablePointer<Entry>

    /// An empty table.
    init() {
        entries = LargePages.allocate(Entry.self, count: Self.slotCount).baseAddress!
        entries.initialize(repeating: Entry(), count: Self.slotCount)
    }

    deinit { entries.deallocate() }

    /// Appends the tokens of the piece of this key, if they are here. There must be room for `room`.
    ///
    /// - Parameter hash: the key's.
    @inline(__always)
    func append(_ key: PieceKey, hash: Int, to tokens: inout TokenBuffer) -> Bool {
        let entry = entries + (hash & (Self.slotCount - 1))
        guard entry.pointee.key == key else { return false }
        let found = entry.pointee.tokens
        tokens.append(found, count: Int(found[Self.maximumCount]))
        return true
    }

    /// Remembers the tokens of the piece of this key, if they are few.
    func insert(_ key: PieceKey, hash: Int, tokens: UnsafeBufferPointer<TokenID>) {
        guard tokens.count <= Self.maximumCount else { return }
        var entry = Entry(key: key)
        for (position, token) in tokens.enumerated() { entry.tokens[position] = token }
        entry.tokens[Self.maximumCount] = TokenID(tokens.count)
        entries[hash & (Self.slotCount - 1)] = entry
    }
}
