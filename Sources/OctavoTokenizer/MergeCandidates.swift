/// A pair of neighbors that may be merged; the lowest rank comes first, then the leftmost place.
struct MergeCandidate: Comparable {
    private let packed: UInt64

    init(rank: UInt32, position: Int) { packed = UInt64(rank) << 32 | UInt64(UInt32(truncatingIfNeeded: position)) }

    var rank: UInt32 { UInt32(truncatingIfNeeded: packed >> 32) }
    var position: Int { Int(UInt32(truncatingIfNeeded: packed)) }

    static func < (left: MergeCandidate, right: MergeCandidate) -> Bool { left.packed < right.packed }
}

/// The candidates of one piece: a binary min-heap.
struct MergeCandidates {
    private var heap: [MergeCandidate] = []

    /// Adds a candidate. O(log n).
    mutating func insert(_ candidate: MergeCandidate) {
        heap.append(candidate)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            if heap[parent] <= candidate { break }
            heap[child] = heap[parent]
            child = parent
        }
        heap[child] = candidate
    }

    /// Removes and returns the first candidate. O(log n).
    mutating func popLowest() -> MergeCandidate? {
        guard let last = heap.popLast() else { return nil }
        guard let lowest = heap.first else { return last }
        var parent = 0
        while true {
            var child = 2 * parent + 1
            if child >= heap.count { break }
            if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
            if last <= heap[child] { break }
            heap[parent] = heap[child]
            parent = child
        }
        heap[parent] = last
        return lowest
    }
}
