internal import Crypto

/// A custom id in twelve bytes: the first 96 bits of its SHA-256.
///
/// Among ten million ids, two different ones agree by chance with a probability below 10⁻¹⁵, so equal fingerprints
/// are taken for equal ids.
struct CustomIDFingerprint: Sendable, Hashable {
    let high: UInt64
    let low: UInt32

    init(_ customID: String) {
        var digest = SHA256.hash(data: Array(customID.utf8)).makeIterator()
        var high: UInt64 = 0
        var low: UInt32 = 0
        for _ in 0..<8 { high = high << 8 | UInt64(digest.next() ?? 0) }
        for _ in 0..<4 { low = low << 8 | UInt32(digest.next() ?? 0) }
        self.high = high
        self.low = low
    }
}

/// Which line of a batch has which custom id: 12 bytes a line and 4 to 11 more for the hash table.
///
/// The fingerprints lie in arrays by line; a table with linear probing holds line numbers only, so that neither has to
/// hold what the other knows.
struct CustomIDIndex {
    private var high: [UInt64] = []
    private var low: [UInt32] = []
    /// Line numbers from 1, 0 for a free slot; the count is a power of two, at most two thirds in use.
    private var slots: [UInt32] = Array(repeating: 0, count: 1024)
    private var used = 0

    /// Notes that a line has an id.
    ///
    /// - Parameter line: the line's number in the batch, larger than that of any line noted before.
    /// - Returns: the earlier line that has the same id, in which case nothing is noted.
    mutating func insert(_ fingerprint: CustomIDFingerprint, line: Int) -> Int? {
        precondition(line > high.count, "lines are noted in order")
        if 3 * used >= 2 * slots.count { grow() }
        var slot = Int(truncatingIfNeeded: fingerprint.high) & (slots.count - 1)
        while slots[slot] != 0 {
            let other = Int(slots[slot])
            if high[other - 1] == fingerprint.high, low[other - 1] == fingerprint.low { return other }
            slot = (slot + 1) & (slots.count - 1)
        }
        while high.count < line - 1 { append(0, 0) }
        append(fingerprint.high, fingerprint.low)
        slots[slot] = UInt32(line)
        used += 1
        return nil
    }

    private mutating func append(_ high: UInt64, _ low: UInt32) {
        self.high.append(high)
        self.low.append(low)
    }

    private mutating func grow() {
        let lines = slots
        slots = Array(repeating: 0, count: 2 * lines.count)
        for line in lines where line != 0 {
            var slot = Int(truncatingIfNeeded: high[Int(line) - 1]) & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = line
        }
    }
}
