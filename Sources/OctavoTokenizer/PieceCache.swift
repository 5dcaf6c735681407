import OctavoCore

/// The tokens of pieces merged lately, so that a word which is not one token is merged once and not at every place.
///
/// Direct-mapped: a piece has one slot and takes it from whatever was there. A slot is a cache line; all are 1 MiB.
struct PieceCache: Sendable {
    private struct Entry {
        var key = PieceKey.empty
        var count: UInt8 = 0
        var tokens = SIMD8<TokenID>(repeating: 0)
    }

    /// The longest token list that is kept.
    private static let maximumCount = SIMD8<TokenID>.scalarCount

    private var entries = [Entry](repeating: Entry(), count: 1 << 14)

    /// Appends the tokens of the piece of this key, if they are known.
    @inline(__always)
    func append(_ key: PieceKey, to tokens: inout [TokenID]) -> Bool {
        let index = key.hash & (entries.count - 1)
        guard entries[index].key == key else { return false }
        for position in 0..<Int(entries[index].count) { tokens.append(entries[index].tokens[position]) }
        return true
    }

    /// Remembers the tokens of the piece of this key.
    mutating func insert(_ key: PieceKey, tokens: ArraySlice<TokenID>) {
        guard tokens.count <= Self.maximumCount else { return }
        var entry = Entry(key: key, count: UInt8(tokens.count))
        for (position, token) in tokens.enumerated() { entry.tokens[position] = token }
        entries[key.hash & (entries.count - 1)] = entry
    }
}
