import OctavoCore

/// What two neighboring tokens merge into, and how soon: the rank above, the resulting token's id below.
///
/// As one number, steps compare by rank: the lowest is the next one to take.
struct MergeStep: Comparable {
    private let packed: UInt64

    /// Two tokens that do not merge; greater than every other step.
    static let none = MergeStep(packed: .max)

    private init(packed: UInt64) { self.packed = packed }

    init(rank: Int32, result: TokenID) {
        packed = UInt64(UInt32(bitPattern: rank)) << 32 | UInt64(UInt32(bitPattern: result))
    }

    var rank: UInt32 { UInt32(truncatingIfNeeded: packed >> 32) }
    var result: TokenID { TokenID(truncatingIfNeeded: packed) }

    @inline(__always)
    static func < (left: MergeStep, right: MergeStep) -> Bool { left.packed < right.packed }
}

/// The merges of a vocabulary by their pair of tokens, in an open-addressed table that is at most two thirds full.
///
/// Most pairs that are asked for do not merge. A bit per hash tells nearly all of those from a few hundred kilobytes,
/// where the table itself is too large for a core's cache.
struct MergeTable: Sendable {
    private struct Slot {
        var pair = UInt64.max
        var step = MergeStep.none
    }

    private var slots: [Slot]
    /// Bit `hash` is set if a merge has this hash; eight bits for every slot.
    private var mayMerge: [UInt64]

    /// A table of `merges`; of several with the same pair, the last one counts.
    init(_ merges: [TokenizerDefinition.Merge]) {
        let slotCount = 1 << (Int.bitWidth - (merges.count * 3 / 2).leadingZeroBitCount)
        slots = Array(repeating: Slot(), count: slotCount)
        mayMerge = Array(repeating: 0, count: max(slotCount * 8 / UInt64.bitWidth, 1))
        for merge in merges {
            let pair = Self.pair(merge.left, merge.right)
            let hash = Self.hash(pair)
            slots[slot(of: pair, hash: hash)] = Slot(
                pair: pair, step: MergeStep(rank: merge.rank, result: merge.result))
            mayMerge[filterWord(of: hash)] |= Self.filterBit(of: hash)
        }
    }

    /// How `left` and `right` merge.
    @inline(__always)
    func step(_ left: TokenID, _ right: TokenID) -> MergeStep {
        let pair = Self.pair(left, right)
        let hash = Self.hash(pair)
        if mayMerge[filterWord(of: hash)] & Self.filterBit(of: hash) == 0 { return .none }
        return slots[slot(of: pair, hash: hash)].step
    }

    @inline(__always)
    private static func pair(_ left: TokenID, _ right: TokenID) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// A hash whose upper half is well mixed, by Fibonacci hashing; the lower half is dropped.
    @inline(__always)
    private static func hash(_ pair: UInt64) -> UInt64 { ((pair ^ pair >> 32) &* 0x9E37_79B9_7F4A_7C15) >> 32 }

    /// The slot that holds `pair`, or the free one where it belongs.
    @inline(__always)
    private func slot(of pair: UInt64, hash: UInt64) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot].pair != pair, slots[slot].pair != .max { slot = (slot + 1) & mask }
        return slot
    }

    @inline(__always)
    private func filterWord(of hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> 6) & (mayMerge.count - 1) }

    @inline(__always)
    private static func filterBit(of hash: UInt64) -> UInt64 { 1 << (hash & 63) }
}
