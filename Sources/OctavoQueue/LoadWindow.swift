/// The order in which the rows of a window are stored, and the segments they are cut into. Pure.
package struct LoadWindow: Sendable {
    /// A segment holds at most so many requests: enough claims for many workers at once.
    package static let maximumSegmentRows = 4096
    /// A window of at least so many rows of unlike lengths begins with a sample of them.
    package static let minimumSampledRows = 1024
    /// Of so many rows by length, one is in the sample.
    package static let sampleStride = 16

    /// Requests of like length, next to each other.
    package struct Segment: Sendable, Hashable {
        /// Its places in `order`.
        package var places: Range<Int>
        /// The longest prompt's tokens: the first's.
        package var promptTokens: Int
        /// The most that any of them may generate.
        package var maximumNewTokens: Int
    }

    /// Indices of the rows by falling length; equal lengths stay in the order of the file. A large window's sample comes
    /// before all others, by falling length itself.
    package let order: [Int]
    /// All places, in order.
    package let segments: [Segment]

    /// Sorts and cuts.
    package init(_ rows: [RequestRow]) {
        let sorted = rows.indices.sorted { left, right in
            (rows[right].promptTokens, left) < (rows[left].promptTokens, right)
        }
        let sample = Self.sample(sorted, of: rows)
        let order =
            sample.isEmpty ? sorted : sample + sorted.enumerated().filter { !Self.isSampled($0.offset) }.map(\.element)
        var segments: [Segment] = []
        if let first = sample.first {
            let longest = sample.lazy.map { rows[$0].maximumNewTokens }.max() ?? 0
            segments.append(
                Segment(
                    places: 0..<sample.count, promptTokens: rows[first].promptTokens, maximumNewTokens: longest))
        }
        for (place, index) in order.enumerated().dropFirst(sample.count) {
            let row = rows[index]
            if segments.count > (sample.isEmpty ? 0 : 1), let last = segments.last, Self.accepts(last, row) {
                segments[segments.count - 1].places = last.places.lowerBound..<place + 1
                segments[segments.count - 1].maximumNewTokens = max(last.maximumNewTokens, row.maximumNewTokens)
            } else {
                segments.append(
                    Segment(
                        places: place..<place + 1, promptTokens: row.promptTokens,
                        maximumNewTokens: row.maximumNewTokens))
            }
        }
        self.order = order
        self.segments = segments
    }

    /// What is claimed first of a large window: rows of all its lengths, a segment of them. Claims go from long to short, so
    /// that what has ended would otherwise tell nothing of the lengths of answers to come; from a sample the time left can
    /// be told while little is done.
    private static func sample(_ sorted: [Int], of rows: [RequestRow]) -> [Int] {
        guard sorted.count >= minimumSampledRows, let first = sorted.first, let last = sorted.last,
            rows[first].promptTokens > rows[last].promptTokens + rows[last].promptTokens / 4
        else { return [] }
        return sorted.enumerated().filter { isSampled($0.offset) }.map(\.element)
    }

    /// The middle one of each run of rows by length; the longest is among them, which its segment's claim goes by.
    private static func isSampled(_ rank: Int) -> Bool { rank == 0 || rank % sampleStride == sampleStride / 2 }

    /// Whether a row is long enough beside a segment's first: within a factor of 1.25.
    private static func accepts(_ segment: Segment, _ row: RequestRow) -> Bool {
        segment.places.count < maximumSegmentRows && segment.promptTokens <= row.promptTokens + row.promptTokens / 4
    }
}
