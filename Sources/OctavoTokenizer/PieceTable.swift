import OctavoCore

/// Looks up the token that is a whole piece, in open-addressed tables that are at most half full.
///
/// Pieces of up to 16 bytes, nearly all, are compared inside their slot; longer ones by hash, then by their bytes.
struct PieceTable: Sendable {
    private struct ShortSlot {
        var key = PieceKey.empty
        var token: TokenID = -1
    }

    private struct LongSlot {
        var hash = 0
        var token: TokenID = -1
    }

    private let bytes: TokenBytes
    private var short: [ShortSlot]
    private var long: [LongSlot]
    private var longestToken = 0

    /// A table of the tokens in `ids`; of several with the same bytes, the first one is found. Empty ones are left out.
    init(_ bytes: TokenBytes, ids: [TokenID]) {
        self.bytes = bytes
        let longCount = ids.count { bytes[Int($0)].count > PieceKey.maximumLength }
        short = Array(repeating: ShortSlot(), count: Self.slotCount(for: ids.count - longCount))
        long = Array(repeating: LongSlot(), count: Self.slotCount(for: longCount))
        for id in ids { insert(id) }
    }

    /// A power of two, at least twice the number of entries.
    private static func slotCount(for count: Int) -> Int {
        1 << (Int.bitWidth - max(2 * count - 1, 1).leadingZeroBitCount)
    }

    private mutating func insert(_ id: TokenID) {
        let token = bytes[Int(id)]
        longestToken = max(longestToken, token.count)
        token.withUnsafeBufferPointer { piece in
            if piece.isEmpty { return }
            if piece.count <= PieceKey.maximumLength {
                let key = PieceKey(piece)
                let slot = shortSlot(of: key)
                if short[slot].token < 0 { short[slot] = ShortSlot(key: key, token: id) }
            } else {
                let hash = Self.hash(piece)
                let slot = longSlot(of: piece, hash: hash)
                if long[slot].token < 0 { long[slot] = LongSlot(hash: hash, token: id) }
            }
        }
    }

    /// The token whose bytes are the piece of this key, or -1.
    @inline(__always)
    func token(of key: PieceKey) -> TokenID { short[shortSlot(of: key)].token }

    /// The token whose bytes are `piece`, or -1. The piece is longer than a key allows.
    func token(ofLong piece: UnsafeBufferPointer<UInt8>) -> TokenID {
        piece.count > longestToken ? -1 : long[longSlot(of: piece, hash: Self.hash(piece))].token
    }

    /// The token whose bytes are `piece`, of any length; -1 if there is none.
    func token(of piece: UnsafeBufferPointer<UInt8>) -> TokenID {
        if piece.isEmpty { return -1 }
        return piece.count <= PieceKey.maximumLength ? token(of: PieceKey(piece)) : token(ofLong: piece)
    }

    /// The slot that holds `key`, or the free one where it belongs.
    @inline(__always)
    private func shortSlot(of key: PieceKey) -> Int {
        let mask = short.count - 1
        var slot = key.hash & mask
        while short[slot].token >= 0, short[slot].key != key { slot = (slot + 1) & mask }
        return slot
    }

    private func longSlot(of piece: UnsafeBufferPointer<UInt8>, hash: Int) -> Int {
        let mask = long.count - 1
        var slot = hash & mask
        while long[slot].token >= 0,
            long[slot].hash != hash || !bytes[Int(long[slot].token)].elementsEqual(piece)
        {
            slot = (slot + 1) & mask
        }
        return slot
    }

    /// A hash of a piece of more than 16 bytes, eight at a time; the last word overlaps the one before.
    private static func hash(_ piece: UnsafeBufferPointer<UInt8>) -> Int {
        let start = UnsafeRawPointer(piece.baseAddress!)
        var hash = UInt64(piece.count)
        func mix(_ word: UInt64) {
            hash = (hash ^ word) &* 0xA076_1D64_78BD_642F
            hash ^= hash >> 32
        }
        for offset in stride(from: 0, to: piece.count - 8, by: 8) {
            mix(start.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        mix(start.loadUnaligned(fromByteOffset: piece.count - 8, as: UInt64.self))
        return Int(truncatingIfNeeded: hash)
    }
}
