import OctavoCore

/// The most likely tokens of a row.
///
/// They are kept in a heap whose first element is the least likely of them: a token costs a comparison, sixteen at once,
/// and only one that is among the best so far costs more. (Williams, "Algorithm 232: Heapsort", CACM 1964.)
struct TopTokens {
    private struct Entry {
        var logit: Float
        var token: TokenID

        /// Whether this one is less likely; of equals, the one with the higher id.
        func isWorse(than other: Entry) -> Bool {
            logit != other.logit ? logit < other.logit : token > other.token
        }
    }

    private var heap: [Entry]

    /// The ids of the `count` largest logits, largest first, ties to the lower id.
    ///
    /// - Complexity: O(V + k log k log(V / k)) expected, for V logits in no order and k = `count`.
    static func of(_ logits: UnsafeBufferPointer<Float>, count: Int) -> [TokenID] {
        let count = min(count, logits.count)
        guard count > 0 else { return [] }
        var best = TopTokens(first: count, of: logits)
        best.add(UnsafeBufferPointer(rebasing: logits[count...]), firstToken: count)
        return best.heap.sorted { $1.isWorse(than: $0) }.map(\.token)
    }

    private init(first count: Int, of logits: UnsafeBufferPointer<Float>) {
        heap = (0..<count).map { Entry(logit: logits[$0], token: TokenID($0)) }
        // What is in order is a heap.
        heap.sort { $0.isWorse(than: $1) }
    }

    private mutating func add(_ logits: UnsafeBufferPointer<Float>, firstToken: Int) {
        var worst = heap[0].logit
        SamplingMath.forEachLanes(logits, padding: -.infinity) { start, lanes in
            guard any(lanes .> worst) else { return }
            for lane in 0..<SamplingMath.Lanes.scalarCount where lanes[lane] > worst {
                replaceWorst(by: Entry(logit: lanes[lane], token: TokenID(firstToken + start + lane)))
                worst = heap[0].logit
            }
        }
    }

    private mutating func replaceWorst(by entry: Entry) {
        var place = 0
        while true {
            var child = 2 * place + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1].isWorse(than: heap[child]) { child += 1 }
            guard heap[child].isWorse(than: entry) else { break }
            heap[place] = heap[child]
            place = child
        }
        heap[place] = entry
    }
}
