/// A set of bytes.
struct ByteSet: Hashable, Sendable {
    private var words = SIMD4<UInt64>(repeating: 0)

    /// No byte.
    init() {}

    /// The bytes of a range.
    init(_ range: ClosedRange<UInt8>) { for byte in range { insert(byte) } }

    /// Some bytes.
    init(_ bytes: some Sequence<UInt8>) { for byte in bytes { insert(byte) } }

    var isEmpty: Bool { words == SIMD4(repeating: 0) }

    func contains(_ byte: UInt8) -> Bool { words[Int(byte >> 6)] >> UInt64(byte & 63) & 1 == 1 }

    mutating func insert(_ byte: UInt8) { words[Int(byte >> 6)] |= 1 << UInt64(byte & 63) }

    mutating func remove(_ byte: UInt8) { words[Int(byte >> 6)] &= ~(1 << UInt64(byte & 63)) }

    mutating func formUnion(_ other: ByteSet) { words |= other.words }

    /// The bytes as ranges, in order.
    var ranges: [ClosedRange<UInt8>] {
        var ranges: [ClosedRange<UInt8>] = []
        var start: UInt8?
        for byte in UInt8.min...UInt8.max {
            if contains(byte) {
                start = start ?? byte
            } else if let first = start {
                ranges.append(first...(byte - 1))
                start = nil
            }
        }
        if let first = start { ranges.append(first...UInt8.max) }
        return ranges
    }
}
