import OctavoCore

/// The merges of a vocabulary by their pair of symbols, in an open-addressed table that is at most two thirds full.
///
/// A slot is one word: two symbols and the merge's place in the order of ranks, of 21 bits each.
struct MergeTable: Sendable {
    /// The bits of a symbol or of a place in a slot.
    private static let fieldBits: UInt64 = 21
    /// A slot that is free; no entry has the highest bit.
    static let free = UInt64.max
    /// The place of a pair that does not merge, greater than all others.
    static let none: UInt32 = 1 << 21 - 1
    /// The number of merges that is too large for a table.
    static let maximumCount = Int(none)

    private let slots: FrozenArray<UInt64>
    /// A bit per hash of a pair, four for every slot: most pairs do not merge, and this tells it from a table small enough
    /// for a core's own cache.
    private let mayMerge: FrozenArray<UInt64>
    /// What each merge makes, by its place.
    private let results: FrozenArray<TokenID>
    /// The symbol that the first merge makes, if every next one makes the next symbol and `results` need not be asked.
    private let firstResult: TokenID?

    /// A table of fewer than `maximumCount` merges of symbols below 2^21.
    ///
    /// Merges of one rank must make the same symbol. Of several merges of one pair, the one of the highest rank counts.
    init(_ merges: [TokenizerDefinition.Merge]) {
        let slotCount = 1 << (Int.bitWidth - (merges.count * 3 / 2).leadingZeroBitCount)
        var slots = [UInt64](repeating: Self.free, count: slotCount)
        var mayMerge = [UInt64](repeating: 0, count: max(4 * slotCount / UInt64.bitWidth, 1))
        var results: [TokenID] = []
        var lastRank: Int32 = -1
        for merge in Self.byRank(merges) {
            if merge.rank != lastRank { results.append(merge.result) }
            lastRank = merge.rank
            let pair = Self.pair(merge.left, merge.right)
            let hash = Self.hash(pair)
            mayMerge[hash >> 6 & (mayMerge.count - 1)] |= 1 << UInt64(hash & 63)
            var slot = hash & (slotCount - 1)
            while slots[slot] != Self.free, slots[slot] >> Self.fieldBits != pair {
                slot = (slot + 1) & (slotCount - 1)
            }
            slots[slot] = Self.entry(pair, place: UInt32(results.count - 1))
        }
        let first = results.first ?? 0
        firstResult = results.enumerated().allSatisfy { $1 == first + TokenID($0) } ? first : nil
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
    ///
    /// - Parameter cache: asked first, and told.
    @inline(__always)
    func place(_ left: TokenID, _ right: TokenID, _ cache: borrowing PairCache) -> UInt32 {
        let pair = Self.pair(left, right)
        let hash = Self.hash(pair)
        let known = cache.entry(at: hash)
        if known >> Self.fieldBits == pair { return Self.place(of: known) }
        let place = place(of: pair, hash: hash)
        cache.set(Self.entry(pair, place: place), at: hash)
        return place
    }

    private func place(of pair: UInt64, hash: Int) -> UInt32 {
        if mayMerge[hash >> 6 & (mayMerge.count - 1)] >> UInt64(hash & 63) & 1 == 0 { return Self.none }
        let mask = slots.count - 1
        var slot = hash & mask
        while true {
            let entry = slots[slot]
            if entry >> Self.fieldBits == pair { return Self.place(of: entry) }
            if entry == Self.free { return Self.none }
            slot = (slot + 1) & mask
        }
    }

    /// The symbol that the merge at `place` makes.
    @inline(__always)
    func result(at place: UInt32) -> TokenID {
        if let firstResult { return firstResult &+ TokenID(truncatingIfNeeded: place) }
        return results[Int(place)]
    }

    @inline(__always)
    private static func pair(_ left: TokenID, _ right: TokenID) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << fieldBits | UInt64(UInt32(bitPattern: right))
    }

    @inline(__always)
    private static func entry(_ pair: UInt64, place: UInt32) -> UInt64 { pair << fieldBits | UInt64(place) }

    @inline(__always)
    private static func place(of entry: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: entry) & none }

    /// A hash, by Fibonacci hashing: the well-mixed upper half of a product.
    @inline(__always)
    private static func hash(_ pair: UInt64) -> Int {
        Int(truncatingIfNeeded: ((pair ^ pair >> 32) &* 0x9E37_79B9_7F4A_7C15) >> 32)
    }
}

/// The places of pairs asked for lately, those that do not merge too.
///
/// The pairs of a language are few; here they lie close together in 256 KiB, where in the table each has a cache line to
/// itself.
struct PairCache: ~Copyable {
    private static let slotCount = 1 << 15

    private let entries: UnsafeMutablePointer<UInt64>

    /// An empty cache.
    init() {
        entries = .allocate(capacity: Self.slotCount)
        entries.initialize(repeating: MergeTable.free, count: Self.slotCount)
    }

    deinit { entries.deallocate() }

    @inline(__always)
    fileprivate func entry(at hash: Int) -> UInt64 { entries[hash & (Self.slotCount - 1)] }

    @inline(__always)
    fileprivate func set(_ entry: UInt64, at hash: Int) { entries[hash & (Self.slotCount - 1)] = entry }
}
