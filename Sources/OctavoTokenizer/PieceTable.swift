import OctavoCore

/// Looks up the token that is a whole piece, in open-addressed tables that are at most half full.
///
/// Pieces of up to 15 bytes, nearly all, are compared inside their slot; longer ones by hash, then by their bytes.
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
    private let short: FrozenArray<ShortSlot>
    private let long: FrozenArray<LongSlot>
    /// A bit per hash of a short piece, four for every slot: most pieces that are no token are known by a table small
    /// enough for a core's own cache.
    private let mayBeToken: FrozenArray<UInt64>
    private let longestToken: Int

    /// A table of the tokens in `ids`; of several with the same bytes, the first one is found. Empty ones are left out.
    init(_ bytes: TokenBytes, ids: [TokenID]) {
        let longCount = ids.count { bytes[Int($0)].count > PieceKey.maximumLength }
        var short = Array(repeating: ShortSlot(), count: Self.slotCount(for: ids.count - longCount))
        var long = Array(repeating: LongSlot(), count: Self.slotCount(for: longCount))
        var mayBeToken = [UInt64](repeating: 0, count: max(4 * short.count / UInt64.bitWidth, 1))
        for id in ids {
            bytes[Int(id)].withUnsafeBufferPointer { piece in
                guard let start = piece.baseAddress, !piece.isEmpty else { return }
                if piece.count <= PieceKey.maximumLength {
                    let key = PieceKey(start, length: piece.count, readable: piece.count)
                    Self.insert(ShortSlot(key: key, token: id), into: &short)
                    mayBeToken[Self.filterWord(of: key.hash) & (mayBeToken.count - 1)] |= Self.filterBit(of: key.hash)
                } else {
                    Self.insert(LongSlot(hash: Self.hash(piece), token: id), into: &long, bytes)
                }
            }
        }
        self.bytes = bytes
        self.short = FrozenArray(short)
        self.mayBeToken = FrozenArray(mayBeToken)
        self.long = FrozenArray(long)
        longestToken = ids.reduce(0) { max($0, bytes[Int($1)].count) }
    }

    /// A power of two, at least twice the number of entries.
    private static func slotCount(for count: Int) -> Int {
        1 << (Int.bitWidth - max(2 * count - 1, 1).leadingZeroBitCount)
    }

    private static func insert(_ entry: ShortSlot, into slots: inout [ShortSlot]) {
        var slot = entry.key.hash & (slots.count - 1)
        while slots[slot].token >= 0 {
            if slots[slot].key == entry.key { return }
            slot = (slot + 1) & (slots.count - 1)
        }
        slots[slot] = entry
    }

    private static func insert(_ entry: LongSlot, into slots: inout [LongSlot], _ bytes: TokenBytes) {
        var slot = entry.hash & (slots.count - 1)
        while slots[slot].token >= 0 {
            if slots[slot].hash == entry.hash, bytes[Int(slots[slot].token)] == bytes[Int(entry.token)] { return }
            slot = (slot + 1) & (slots.count - 1)
        }
        slots[slot] = entry
    }

    /// The filter's word and bit, from bits of the hash that do not choose the slot.
    @inline(__always)
    private static func filterWord(of hash: Int) -> Int { hash >> 32 }

    @inline(__always)
    private static func filterBit(of hash: Int) -> UInt64 { 1 << (UInt64(truncatingIfNeeded: hash) >> 26 & 63) }

    /// The token whose bytes are the piece of this key, or -1.
    ///
    /// - Parameter hash: the key's.
    @inline(__always)
    func token(of key: PieceKey, hash: Int) -> TokenID {
        if mayBeToken[Self.filterWord(of: hash) & (mayBeToken.count - 1)] & Self.filterBit(of: hash) == 0 { return -1 }
        let mask = short.count - 1
        var slot = hash & mask
        while true {
            let found = short[slot]
            if found.key == key || found.token < 0 { return found.token }
            slot = (slot + 1) & mask
        }
    }

    /// The token whose bytes are `piece`, or -1. The piece is longer than a key allows.
    func token(ofLong piece: UnsafeBufferPointer<UInt8>) -> TokenID {
        if piece.count > longestToken { return -1 }
        let hash = Self.hash(piece)
        let mask = long.count - 1
        var slot = hash & mask
        while long[slot].token >= 0,
            long[slot].hash != hash || !bytes[Int(long[slot].token)].elementsEqual(piece)
        {
            slot = (slot + 1) & mask
        }
        return long[slot].token
    }

    /// The token whose bytes are `piece`, of any length; -1 if there is none.
    func token(of piece: UnsafeBufferPointer<UInt8>) -> TokenID {
        guard let start = piece.baseAddress, !piece.isEmpty else { return -1 }
        guard piece.count <= PieceKey.maximumLength else { return token(ofLong: piece) }
        let key = PieceKey(start, length: piece.count, readable: piece.count)
        return token(of: key, hash: key.hash)
    }

    /// A hash of a piece of more than 15 bytes, eight at a time; the last word overlaps the one before.
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
