extension TermStore {
    /// The largest integer that is written where no bound says less: 18 digits, which 64 bits hold.
    static let largestInteger = 999_999_999_999_999_999

    /// One digit of a range.
    mutating func digit(_ range: ClosedRange<UInt8>) throws(StructureError) -> Term {
        try bytes(ByteSet(range.lowerBound + 0x30...range.upperBound + 0x30))
    }

    /// The integers from `low` to `high`, both within `largestInteger` of zero, in decimal.
    mutating func integers(from low: Int, to high: Int) throws(StructureError) -> Term {
        var parts: [Term] = []
        if high >= 0 { parts.append(try naturals(from: max(low, 0), to: high)) }
        if low < 0 {
            parts.append(try sequence(literal("-".utf8), naturals(from: max(-high, 1), to: -low)))
        }
        return try choice(parts)
    }

    /// The integers of a range that has no negative ones, number of digits by number of digits.
    mutating func naturals(from low: Int, to high: Int) throws(StructureError) -> Term {
        var parts: [Term] = []
        var low = low
        while low <= high {
            let count = String(low).utf8.count
            // The last number of so many digits.
            let last = Array(repeating: 10, count: count).reduce(1, *) - 1
            let end = min(high, last)
            parts.append(try numbers(from: Self.digits(low)[...], to: Self.digits(end)[...]))
            low = end + 1
        }
        return try choice(parts)
    }

    static func digits(_ number: Int) -> [UInt8] { String(number).utf8.map { $0 - 0x30 } }

    /// The numbers between two of as many digits, both included.
    private mutating func numbers(
        from low: ArraySlice<UInt8>, to high: ArraySlice<UInt8>
    ) throws(StructureError) -> Term {
        guard let first = low.first, let last = high.first else { return Self.empty }
        let (lowRest, highRest) = (low.dropFirst(), high.dropFirst())
        let zeros = [UInt8](repeating: 0, count: lowRest.count)
        let nines = [UInt8](repeating: 9, count: lowRest.count)
        if first == last || lowRest.elementsEqual(zeros) && highRest.elementsEqual(nines) {
            let rest =
                first == last
                ? try numbers(from: lowRest, to: highRest)
                : try repetition(digit(0...9), Int32(zeros.count), Int32(zeros.count))
            return try sequence(digit(first...last), rest)
        }
        var parts = [
            try sequence(digit(first...first), numbers(from: lowRest, to: nines[...])),
            try sequence(digit(last...last), numbers(from: zeros[...], to: highRest)),
        ]
        if first + 1 < last {
            parts.append(try sequence(digit(first + 1...last - 1), numbers(from: zeros[...], to: nines[...])))
        }
        return try choice(parts)
    }
}
