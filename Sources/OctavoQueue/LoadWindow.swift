/// The order in which the rows of a window are stored, and the segments they are cut into. Pure.
package struct LoadWindow: Sendable {
    /// A segment holds at most so many requests: enough claims for many workers at once.
    package static let maximumSegmentRows = 4096

    /// Requests of like length, next to each other.
    package struct Segment: Sendable, Hashable {
        /// Its places in `order`.
        package var places: Range<Int>
        /// The longest prompt's tokens: the first's.
        package var promptTokens: Int
        /// The most that any of them may generate.
        package var maximumNewTokens: Int
    }

    /// Indices of the rows by falling length; equal lengths stay in the order of the file.
    package let order: [Int]
    /// All places, in order.
    package let segments: [Segment]

    /// Sorts and cuts.
    package init(_ rows: [RequestRow]) {
        let order = rows.indices.sorted { left, right in
            (rows[right].promptTokens, left) < (rows[left].promptTokens, right)
        }
        var segments: [Segment] = []
        for (place, index) in order.enumerated() {
            let row = rows[index]
            if let last = segments.last, Self.accepts(last, row) {
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

    /// Whether a row is long enough beside a segment's first: within a factor of 1.25.
    private static func accepts(_ segment: Segment, _ row: RequestRow) -> Bool {
        segment.places.count < maximumSegmentRows && segment.promptTokens <= row.promptTokens + row.promptTokens / 4
    }
}
