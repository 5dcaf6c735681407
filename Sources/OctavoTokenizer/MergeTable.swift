import OctavoCore

/// The merges of a vocabulary by their pair of tokens, in an open-addressed table that is at most two thirds full.
///
/// A slot is one word: two tokens and the merge's place in the order of ranks, of 21 bits each. Most pairs that are asked
/// for do not merge; a bit per hash tells nearly all of those from a few hundred kilobytes, where the table itself is
/// larger than a core's cache.
struct MergeTable: Sendable {
    /// The bits of a token or of a place in a slot.
    private static let fieldBits: UInt64 = 21
    /// A slot that is free; no entry has the highest bit.
    private static let free = UInt64.max
    /// The place of a pair that does not merge, greater than all others.
    static let none = UInt32.max
    /// The most merges that a table can hold.
    static let maximumCount = 1 << Int(fieldBits)

    private let slots: FrozenArray<UInt64>
    /// Bit `hash` is set if a merge has this hash; eight bits for every slot.
    private let mayMerge: FrozenArray<UInt64>
    /// What each merge makes, by its place.
    private let results: FrozenArray<TokenID>

    /// A table of `merges`, at most `maximumCount`, of tokens below `TokenizerDefinition.maximumTokenCount`.
    ///
    /// Merges of one rank must make the same token. Of several merges of one pair, the one of the highest rank counts.
    init(_ merges: [TokenizerDefinition.Merge]) {
        let slotCount = 1 << (Int.bitWidth - (merges.count * 3 / 2).leadingZeroBitCount)
        var slots = [UInt64](repeating: Self.free, count: slotCount)
        var mayMerge = [UInt64](repeating: 0, count: max(slotCount * 8 / UInt64.bitWidth, 1))
        var results: [TokenID] = []
        var lastRank: Int32 = -1
        for merge in Self.byRank(merges) {
            if merge.rank != lastRank { results.append(merge.result) }
            lastRank = merge.rank
            let pair = Self.pair(merge.left, merge.right)
            let hash = Self.hash(pair)
            var slot = Int(truncatingIfNeeded: hash) & (slotCount - 1)
            while slots[slot] != Self.free, slots[slot] >> Self.fieldBits != pair {
                slot = (slot + 1) & (slotCount - 1)
            }
            slots[slot] = pair << Self.fieldBits | UInt64(results.count - 1)
            mayMerge[Int(truncatingIfNeeded: hash >> 6) & (mayMerge.count - 1)] |= 1 << (hash & 63)
        }
        self.slots = FrozenArray(slots)
        self.mayMerge = FrozenArray(mayMerge)
        self.results = FrozenArray(results.isEmpty ? [-1] : results)
    }

    /// Files list merges by rank, so that there is seldom anything to sort.
    private static func byRank(_ merges: [TokenizerDefinition.Merge]) -> [TokenizerDefinition.Merge] {
        let isSorted = zip(merges, merges.dropFirst()).allSatisfy { $0.rank <= $1.rank }
        return isSorted ? merges : merges.sorted { $0.rank < $1.rank }
    }

    /// The place of the merge of `left` and `right` among all merges by rank; `none` if they do not merge.
    @inline(__always)
    func place(_ left: TokenID, _ right: TokenID) -> UInt32 {
        let pair = Self.pair(left, right)
        let hash = Self.hash(pair)
        let word = mayMerge[Int(truncatingIfNeeded: hash >> 6) & (mayMerge.count - 1)]
        if word >> (hash & 63) & 1 == 0 { return Self.none }
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while true {
            let entry = slots[slot]
            if entry >> Self.fieldBits == pair {
                return UInt32(truncatingIfNeeded: entry & (1 << Self.fieldBits - 1))
            }
            if entry == Self.free { return Self.none }
            slot = (slot + 1) & mask
        }
    }

    /// The token that the merge at `place` makes.
    @inline(__always)
    func result(at place: UInt32) -> TokenID { results[Int(place)] }

    @inline(__always)
    private static func pair(_ left: TokenID, _ right: TokenID) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << fieldBits | UInt64(UInt32(bitPattern: right))
    }

    /// A hash whose upper half is well mixed, by Fibonacci hashing; the lower half is dropped.
    @inline(__always)
    private static func hash(_ pair: UInt64) -> UInt64 { ((pair ^ pair >> 32) &* 0x9E37_79B9_7F4A_7C15) >> 32 }
}
