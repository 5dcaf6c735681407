import OctavoCore

/// The tokens of pieces merged lately, so that a word which is not one token is merged once and not at every place.
///
/// Direct-mapped: a piece has one slot and takes it from whatever was there. A slot is a cache line.
struct PieceCache: ~Copyable {
    private struct Entry {
        var tokens = SIMD8<TokenID>(repeating: 0)
        var key = PieceKey.empty
        var count: UInt32 = 0
    }

    /// The longest token list that is kept, and the room that a buffer must have before one is appended.
    static let maximumCount = SIMD8<TokenID>.scalarCount
    /// A power of two; all slots together are 2 MiB, of which a short text touches a few.
    private static let slotCount = 1 << 15

    private let entries: UnsafeMutablePointer<Entry>

    /// An empty cache.
    init() {
        entries = LargePages.allocate(Entry.self, count: Self.slotCount).baseAddress!
        entries.initialize(repeating: Entry(), count: Self.slotCount)
    }

    deinit { entries.deallocate() }

    /// Whether the tokens of the piece of this key are known.
    ///
    /// - Parameter hash: the key's.
    @inline(__always)
    func knows(_ key: PieceKey, hash: Int) -> Bool { entries[hash & (Self.slotCount - 1)].key == key }

    /// Appends the tokens of the piece of this key, if they are known. There must be room for `maximumCount`.
    ///
    /// - Parameter hash: the key's.
    @inline(__always)
    func append(_ key: PieceKey, hash: Int, to tokens: inout TokenBuffer) -> Bool {
        let entry = entries + (hash & (Self.slotCount - 1))
        guard entry.pointee.key == key else { return false }
        tokens.append(entry.pointee.tokens, count: Int(truncatingIfNeeded: entry.pointee.count))
        return true
    }

    /// Remembers the tokens of the piece of this key.
    func insert(_ key: PieceKey, hash: Int, tokens: UnsafeBufferPointer<TokenID>) {
        guard tokens.count <= Self.maximumCount else { return }
        var entry = Entry(key: key, count: UInt32(truncatingIfNeeded: tokens.count))
        for (position, token) in tokens.enumerated() { entry.tokens[position] = token }
        entries[hash & (Self.slotCount - 1)] = entry
    }
}
