extension RegexParser {
    private static let digits = ScalarSet([0x30...0x39])
    private static let word = ScalarSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    private static let space = ScalarSet(" \t\n\r\u{B}\u{C}")

    /// What follows a `[`, up to its `]`.
    mutating func characterClass() throws(StructureError) -> ScalarSet {
        let isNegated = take("^")
        var ranges: [ClosedRange<UInt32>] = []
        // Python reads a bracket at the beginning as itself, JavaScript as the end.
        if peek == "]" { throw failure("has an empty class, or a \"]\" in it that should be \"\\]\"") }
        while !take("]") {
            let low = try classMember()
            guard take("-") else {
                ranges += low.ranges
                continue
            }
            if peek == "]" {
                ranges += low.ranges + [0x2D...0x2D]
                continue
            }
            let high = try classMember()
            guard let first = low.single, let last = high.single, first <= last else {
                throw failure("has a range in a class that is none")
            }
            ranges.append(first...last)
        }
        let set = ScalarSet(ranges)
        let result = isNegated ? set.complement : set
        guard !result.isEmpty else { throw failure("has a class of no characters") }
        return result
    }

    private mutating func classMember() throws(StructureError) -> ScalarSet {
        let scalar = try next()
        switch scalar {
        case "\\": return try escape(inClass: true)
        case "[" where peek == ":" || peek == "[": throw unsupported("a class within a class")
        default: return ScalarSet(String(scalar))
        }
    }

    /// What follows a backslash. `\d`, `\w` and `\s` are ASCII's.
    mutating func escape(inClass: Bool) throws(StructureError) -> ScalarSet {
        let scalar = try next()
        switch scalar {
        case "d": return Self.digits
        case "D": return Self.digits.complement
        case "w": return Self.word
        case "W": return Self.word.complement
        case "s": return Self.space
        case "S": return Self.space.complement
        case "t": return ScalarSet("\t")
        case "n": return ScalarSet("\n")
        case "r": return ScalarSet("\r")
        case "f": return ScalarSet("\u{C}")
        case "v": return ScalarSet("\u{B}")
        case "x": return try hexadecimal(digits: 2)
        case "u":
            guard take("{") else { return try hexadecimal(digits: 4) }
            let set = try hexadecimal(digits: nil)
            guard take("}") else { throw failure("has a \"\\u{\" without \"}\"") }
            return set
        case "p", "P": throw unsupported("a class of Unicode (\\\(scalar))")
        case "b" where inClass: return ScalarSet("\u{8}")
        case "b", "B", "A", "Z", "z": throw unsupported("the assertion \\\(scalar)")
        case "0"..."9", "k": throw unsupported("a back-reference or an octal number")
        case "a"..."z", "A"..."Z": throw unsupported("the escape \\\(scalar)")
        default: return ScalarSet(String(scalar))
        }
    }

    private mutating func hexadecimal(digits: Int?) throws(StructureError) -> ScalarSet {
        var value: UInt32 = 0
        var count = 0
        while count < digits ?? 6, let digit = peek.flatMap({ Character($0).hexDigitValue }) {
            _ = try next()
            value = value * 16 + UInt32(digit)
            count += 1
        }
        guard count > 0, count == digits ?? count, Unicode.Scalar(value) != nil, value != 0 else {
            throw failure("has a hexadecimal escape of no character that a text can have")
        }
        return ScalarSet([value...value])
    }
}

extension ScalarSet {
    /// The only scalar, if it is one.
    fileprivate var single: UInt32? {
        ranges.count == 1 && ranges[0].count == 1 ? ranges[0].lowerBound : nil
    }
}
