/// A bound of numbers, without its sign, as digits.
struct DecimalBound: Hashable, Sendable {
    /// The digits before the point, as a number.
    var integer: Int
    /// The digits after it, without zeros at the end.
    var fraction: [UInt8]
    /// Whether the bound itself is left out.
    var isExclusive: Bool

    static let zero = DecimalBound(integer: 0, fraction: [], isExclusive: false)
    /// Digits that a double keeps: of whole numbers, and of fractions.
    static let maximumDigits = 15

    var isZero: Bool { integer == 0 && fraction.isEmpty }

    init(integer: Int, fraction: [UInt8], isExclusive: Bool) {
        self.integer = integer
        self.fraction = fraction
        self.isExclusive = isExclusive
    }

    /// The magnitude of a number; `nil` if its digits are too many.
    init?(magnitudeOf value: Double, isExclusive: Bool) {
        // Swift writes the shortest digits that give the number, as in 12.5 or 1e-07.
        let parts = "\(value.magnitude)".split(separator: "e")
        guard parts.count <= 2, let exponent = parts.count == 2 ? Int(parts[1]) : 0, abs(exponent) < 40 else {
            return nil
        }
        let sides = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        var whole = sides[0].utf8.map { $0 - 0x30 }
        var fraction = sides.count > 1 ? sides[1].utf8.map { $0 - 0x30 } : []
        for _ in 0..<max(exponent, 0) { whole.append(fraction.isEmpty ? 0 : fraction.removeFirst()) }
        for _ in 0..<max(-exponent, 0) { fraction.insert(whole.popLast() ?? 0, at: 0) }
        while fraction.last == 0 { fraction.removeLast() }
        whole = Array(whole.drop { $0 == 0 })
        guard whole.count <= Self.maximumDigits, fraction.count <= Self.maximumDigits else { return nil }
        self.init(
            integer: whole.reduce(0) { $0 * 10 + Int($1) }, fraction: fraction, isExclusive: isExclusive)
    }
}
