/// Numbers between bounds, written without exponent. Decimal digits are compared one by one; rounding them to a double, as
/// readers do, keeps their order.
extension TermStore {
    /// Digits that may follow once a number is on the right side of its bounds.
    private static let furtherDigits: Int32 = 9

    /// The numbers without sign between bounds; no `high` is none.
    mutating func magnitudes(from low: DecimalBound, to high: DecimalBound?) throws(StructureError) -> Term {
        if let high, high.integer == low.integer {
            return try sequence(
                literal("\(low.integer)".utf8), fraction(from: low, to: high))
        }
        let largest = Array(repeating: 10, count: DecimalBound.maximumDigits).reduce(1, *) - 1
        var parts = [try sequence(literal("\(low.integer)".utf8), fraction(from: low, to: nil))]
        let last = high.map { $0.integer - 1 } ?? largest
        if low.integer < last {
            parts.append(
                try sequence(naturals(from: low.integer + 1, to: last), fraction(from: nil, to: nil)))
        }
        if let high {
            parts.append(try sequence(literal("\(high.integer)".utf8), fraction(from: nil, to: high)))
        }
        return try choice(parts)
    }

    /// The point and what follows it, or nothing, of numbers that equal the bounds before it.
    private mutating func fraction(from low: DecimalBound?, to high: DecimalBound?) throws(StructureError) -> Term {
        var parts = [try sequence(literal(".".utf8), digits(from: low, to: high, at: 0))]
        if Self.mayEnd(low, high, at: 0) { parts.append(Self.empty) }
        return try choice(parts)
    }

    /// At least one digit, the first of them the one at `place`; before it the digits are those of the bounds.
    private mutating func digits(
        from low: DecimalBound?, to high: DecimalBound?, at place: Int
    ) throws(StructureError) -> Term {
        let further = Self.furtherDigits
        if low == nil, high == nil { return try repetition(digit(0...9), 1, further) }
        let floor = low.map { place < $0.fraction.count ? $0.fraction[place] : 0 }
        let ceiling = high.map { place < $0.fraction.count ? $0.fraction[place] : 0 }
        guard place < max(low?.fraction.count ?? 0, high?.fraction.count ?? 0) else {
            return try digitsBehind(low, high)
        }
        var parts: [Term] = []
        for value in (floor ?? 0)...max(floor ?? 0, ceiling ?? 9) where value <= ceiling ?? 9 {
            let nextLow = value == floor ? low : nil
            let nextHigh = value == ceiling ? high : nil
            var rest = [Term]()
            if nextLow == nil, nextHigh == nil {
                rest.append(try repetition(digit(0...9), 0, further))
            } else {
                if Self.mayEnd(nextLow, nextHigh, at: place + 1) { rest.append(Self.empty) }
                rest.append(try digits(from: nextLow, to: nextHigh, at: place + 1))
            }
            parts.append(try sequence(digit(value...value), choice(rest)))
        }
        return try choice(parts)
    }

    /// What may follow the digits of all bounds: zeros change nothing, and others make the number larger.
    private mutating func digitsBehind(_ low: DecimalBound?, _ high: DecimalBound?) throws(StructureError) -> Term {
        let further = Self.furtherDigits
        if let high { return high.isExclusive ? Self.nothing : try repetition(digit(0...0), 1, further) }
        guard low?.isExclusive == true else { return try repetition(digit(0...9), 1, further) }
        let zeros = try repetition(digit(0...0), 0, further)
        return try sequence([zeros, digit(1...9), repetition(digit(0...9), 0, further)])
    }

    /// Whether a number may end before `place`, where its digits so far are those of the bounds.
    private static func mayEnd(_ low: DecimalBound?, _ high: DecimalBound?, at place: Int) -> Bool {
        if let low, !low.fraction.dropFirst(place).isEmpty || low.isExclusive { return false }
        if let high, high.fraction.dropFirst(place).isEmpty, high.isExclusive { return false }
        return true
    }
}
