internal import Foundation

/// Numbers in the digits Python writes.
enum PythonFloat {
    /// `repr`: the fewest digits that read back as `value`, with an exponent below 1e-4 and from 1e16 on.
    static func representation(of value: Double) -> String {
        if value.isNaN { return "nan" }
        if value.isInfinite { return value < 0 ? "-inf" : "inf" }
        let sign = value.sign == .minus ? "-" : ""
        let (digits, point) = shortestDigits(of: value.magnitude)
        if point > 16 || point < -3 { return sign + scientific(digits, exponent: point - 1) }
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
        if digits.count <= point { return sign + digits + String(repeating: "0", count: point - digits.count) + ".0" }
        return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    }

    /// The digits without leading or trailing zeros, and where the decimal point stands: 0.DIGITS · 10^point.
    private static func shortestDigits(of magnitude: Double) -> (digits: String, point: Int) {
        // Swift's description has the same digits (both are the shortest that read back), laid out differently.
        let parts = magnitude.description.split(separator: "e")
        let exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        let halves = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let fraction = halves.count > 1 ? halves[1] : ""
        let all = halves[0] + fraction
        let significant = all.drop { $0 == "0" }
        let trailing = significant.reversed().prefix { $0 == "0" }.count
        let digits = String(significant.dropLast(trailing))
        guard !digits.isEmpty else { return ("0", 1) }
        return (digits, halves[0].count + exponent - (all.count - significant.count))
    }

    private static func scientific(_ digits: String, exponent: Int) -> String {
        let mantissa = digits.count == 1 ? digits : "\(digits.prefix(1)).\(digits.dropFirst())"
        let magnitude = String(exponent.magnitude)
        return mantissa + (exponent < 0 ? "e-" : "e+") + (magnitude.count < 2 ? "0" : "") + magnitude
    }

    /// `value` in C's `printf` conversion `e`, `f` or `g`, which are Python's too.
    static func formatted(_ value: Double, conversion: Character, precision: Int) -> String {
        if value.isNaN { return "nan" }
        if value.isInfinite { return value < 0 ? "-inf" : "inf" }
        return String(format: "%.\(precision)\(conversion)", value)
    }

    /// `round(value, digits)`: the nearest decimal of so many digits, halves of the exact value to even.
    static func rounded(_ value: Double, digits: Int) -> Double {
        guard value.isFinite, digits < 330 else { return value }
        if digits >= 0 { return Double(formatted(value, conversion: "f", precision: digits)) ?? value }
        let scale = pow(10, Double(-digits))
        return scale.isFinite ? (value / scale).rounded(.toNearestOrEven) * scale : 0
    }
}
