/// A set of Unicode scalars: ranges in order, none touching the next, none with a surrogate.
struct ScalarSet: Hashable, Sendable {
    private(set) var ranges: [ClosedRange<UInt32>]

    /// All scalars but U+0000, which no database can hold.
    static let all = ScalarSet([0x01...0x10FFFF])

    /// The scalars of ranges in any order; surrogates and U+0000 are left out.
    init(_ given: [ClosedRange<UInt32>]) {
        ranges = []
        let parts = given.flatMap { Self.clip($0, to: 0x01...0xD7FF) + Self.clip($0, to: 0xE000...0x10FFFF) }
        for range in parts.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = ranges.last, range.lowerBound <= last.upperBound + 1 {
                ranges[ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                ranges.append(range)
            }
        }
    }

    /// The scalars of a text.
    init(_ text: String) { self.init(text.unicodeScalars.map { $0.value...$0.value }) }

    var isEmpty: Bool { ranges.isEmpty }

    func contains(_ scalar: UInt32) -> Bool { ranges.contains { $0.contains(scalar) } }

    func union(_ other: ScalarSet) -> ScalarSet { ScalarSet(ranges + other.ranges) }

    /// The scalars that are not in the set.
    var complement: ScalarSet {
        var gaps: [ClosedRange<UInt32>] = []
        var next: UInt32 = 1
        for range in ranges {
            if range.lowerBound > next { gaps.append(next...range.lowerBound - 1) }
            next = range.upperBound + 1
        }
        if next <= 0x10FFFF { gaps.append(next...0x10FFFF) }
        return ScalarSet(gaps)
    }

    func subtracting(_ other: ScalarSet) -> ScalarSet { complement.union(other).complement }

    private static func clip(
        _ range: ClosedRange<UInt32>, to bounds: ClosedRange<UInt32>
    ) -> [ClosedRange<UInt32>] { range.overlaps(bounds) ? [range.clamped(to: bounds)] : [] }
}
