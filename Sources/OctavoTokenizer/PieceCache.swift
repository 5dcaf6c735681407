import OctavoCore

/// The tokens of pieces merged lately, so that a word which is not one token is merged once and not at every place.
///
/// Direct-mapped: a piece has one slot and takes it from whatever was there. A slot is a cache line.
struct PieceCache: ~Copyable {
    private struct Entry {
        var key = WidePieceKey.empty
        /// The tokens, then, in the last lane, how many there are.
        var tokens = SIMD8<TokenID>(repeating: 0)
    }

    /// The longest token list that is kept.
    private static let maximumCount = 7
    /// What a buffer must have room for before one is appended.
    static let room = SIMD8<TokenID>.scalarCount
    /// A power of two; all slots together are 2 MiB, of which a short text touches a few.
    private static let slotCount = 1 << 15

    private let entries: UnsafeMutablePointer<Entry>

    /// An empty cache.
    init() {
        entries = LargePages.allocate(Entry.self, count: Self.slotCount).baseAddress!
        entries.initialize(repeating: Entry(), count: Self.slotCount)
    }

    deinit { entries.deallocate() }

    /// Appends the tokens of the piece of this key, if they are known. There must be room for `room`.
    ///
    /// - Parameter hash: the key's.
    @inline(__always)
    func append(_ key: WidePieceKey, hash: Int, to tokens: inout TokenBuffer) -> Bool {
        let entry = entries + (hash & (Self.slotCount - 1))
        guard entry.pointee.key == key else { return false }
        let found = entry.pointee.tokens
        tokens.append(found, count: Int(found[Self.maximumCount]))
        return true
    }

    /// Remembers the tokens of the piece of this key, if they are few.
    func insert(_ key: WidePieceKey, hash: Int, tokens: UnsafeBufferPointer<TokenID>) {
        guard tokens.count <= Self.maximumCount else { return }
        var entry = Entry(key: key)
        for (position, token) in tokens.enumerated() { entry.tokens[position] = token }
        entry.tokens[Self.maximumCount] = TokenID(tokens.count)
        entries[hash & (Self.slotCount - 1)] = entry
    }
}
