extension TermStore {
    /// One scalar of a set, in UTF-8.
    mutating func scalar(in set: ScalarSet) throws(StructureError) -> Term {
        var parts: [Term] = []
        for range in set.ranges {
            // Within these bounds all scalars have the same number of bytes.
            for bounds in [0...0x7F, 0x80...0x7FF, 0x800...0xFFFF, 0x10000...0x10FFFF] as [ClosedRange<UInt32>]
            where range.overlaps(bounds) {
                let part = range.clamped(to: bounds)
                parts.append(
                    try encoded(from: Self.utf8(part.lowerBound)[...], to: Self.utf8(part.upperBound)[...]))
            }
        }
        return try choice(parts)
    }

    private static func utf8(_ scalar: UInt32) -> [UInt8] {
        Unicode.Scalar(scalar).map { Array(String(Character($0)).utf8) } ?? []
    }

    /// What lies between two encodings of one length, both included: those that share the first byte of the lowest, those
    /// that share that of the highest, and all that begin in between.
    private mutating func encoded(
        from low: ArraySlice<UInt8>, to high: ArraySlice<UInt8>
    ) throws(StructureError) -> Term {
        guard let first = low.first, let last = high.first else { return Self.empty }
        let (lowRest, highRest) = (low.dropFirst(), high.dropFirst())
        let isWhole = lowRest.allSatisfy { $0 == 0x80 } && highRest.allSatisfy { $0 == 0xBF }
        if first == last || isWhole {
            let rest = try encoded(from: lowRest, to: highRest)
            return try sequence(bytes(ByteSet(first...last)), rest)
        }
        let lowest = [UInt8](repeating: 0x80, count: lowRest.count)
        let highest = [UInt8](repeating: 0xBF, count: lowRest.count)
        var parts = [
            try sequence(bytes(ByteSet([first])), encoded(from: lowRest, to: highest[...])),
            try sequence(bytes(ByteSet([last])), encoded(from: lowest[...], to: highRest)),
        ]
        if first + 1 < last {
            parts.append(
                try sequence(bytes(ByteSet(first + 1...last - 1)), encoded(from: lowest[...], to: highest[...])))
        }
        return try choice(parts)
    }
}
