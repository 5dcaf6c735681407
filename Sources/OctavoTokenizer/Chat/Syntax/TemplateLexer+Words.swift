extension TemplateLexer {
    /// Scans the words of a tag up to its end.
    mutating func scanTag(
        begin: TemplateToken.Kind, end: TemplateToken.Kind, at start: Int
    ) throws(ChatTemplateError) {
        append(begin, at: start)
        // Inside brackets an end of tag is none: `{{ {'a': {}} }}`.
        var brackets: [UInt8] = []
        while true {
            let place = offset
            if brackets.isEmpty, closeTag(end) { return append(end, at: place) }
            offset = endOfSpace(at: offset)
            guard offset == place else { continue }
            guard let scalar = scalar(at: offset) else {
                throw failure("a tag without its \(TemplateToken(kind: end, line: 0).description)", at: start)
            }
            try scanWord(beginningWith: scalar, brackets: &brackets)
        }
    }

    private mutating func scanWord(
        beginningWith scalar: Unicode.Scalar, brackets: inout [UInt8]
    ) throws(ChatTemplateError) {
        let place = offset
        switch scalar {
        case "0"..."9": append(.number(try scanNumber()), at: place)
        case "'", "\"": append(.string(try scanString()), at: place)
        case _ where PythonCharacter.isWord(scalar): append(.name(scanName()), at: place)
        default:
            guard let symbol = Self.symbols.first(where: { matches($0, at: place) }) else {
                throw failure("unexpected character '\(scalar)'", at: place)
            }
            offset += symbol.utf8CodeUnitCount
            try balance(source[place], &brackets, at: place)
            append(.symbol(symbol.description), at: place)
        }
    }

    /// Longest first.
    private static let symbols: [StaticString] = [
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=",
        ".", ":", "|", ",", ";",
    ]

    private func balance(_ byte: UInt8, _ brackets: inout [UInt8], at place: Int) throws(ChatTemplateError) {
        switch byte {
        case UInt8(ascii: "("): brackets.append(UInt8(ascii: ")"))
        case UInt8(ascii: "["): brackets.append(UInt8(ascii: "]"))
        case UInt8(ascii: "{"): brackets.append(UInt8(ascii: "}"))
        case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"):
            guard brackets.popLast() == byte else {
                throw failure("unexpected '\(Unicode.Scalar(byte))'", at: place)
            }
        default: break
        }
    }

    private mutating func scanName() -> String {
        let start = offset
        while let scalar = scalar(at: offset), PythonCharacter.isWord(scalar) { offset += UTF8.width(scalar) }
        return String(decoding: source[start..<offset], as: UTF8.self)
    }
}

// MARK: - Numbers

extension TemplateLexer {
    /// Moves past digits, which single underscores may part, and returns them without underscores.
    private mutating func scanDigits(radix: Int = 10) -> String {
        var digits = ""
        while offset < source.count {
            let isUnderscore = source[offset] == UInt8(ascii: "_")
            let place = isUnderscore ? offset + 1 : offset
            guard place < source.count, source[place] < 0x80 else { break }
            let character = Character(Unicode.Scalar(source[place]))
            guard let value = character.hexDigitValue, value < radix else { break }
            digits.append(character)
            offset = place + 1
        }
        return digits
    }

    private mutating func scanNumber() throws(ChatTemplateError) -> TemplateConstant {
        let start = offset
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] as [(StaticString, Int)]
        where matches(prefix, at: offset) {
            offset += 2
            guard let value = Int(scanDigits(radix: radix), radix: radix) else {
                throw failure("a number that is none, or beyond 64 bits", at: start)
            }
            return .integer(value)
        }
        var text = scanDigits()
        let isFraction = isDigit(at: offset + 1) && matches(".", at: offset) && !matches(".", at: start - 1)
        if isFraction {
            offset += 1
            text += "." + scanDigits()
        }
        let exponent = try scanExponent()
        guard isFraction || exponent != nil else { return Int(text).map(TemplateConstant.integer) ?? .bigInteger(text) }
        guard let value = Double(text + (exponent ?? "")) else { throw failure("a number that is none", at: start) }
        return .double(value)
    }

    private func isDigit(at place: Int) -> Bool {
        place < source.count && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(source[place])
    }

    private mutating func scanExponent() throws(ChatTemplateError) -> String? {
        guard matches("e", at: offset) || matches("E", at: offset) else { return nil }
        let isSigned = matches("+", at: offset + 1) || matches("-", at: offset + 1)
        guard isDigit(at: offset + (isSigned ? 2 : 1)) else { return nil }
        let sign = isSigned && source[offset + 1] == UInt8(ascii: "-") ? "-" : ""
        offset += isSigned ? 2 : 1
        return "e" + sign + scanDigits()
    }
}

// MARK: - Strings

extension TemplateLexer {
    private mutating func scanString() throws(ChatTemplateError) -> [UInt8] {
        let start = offset
        let quote = source[offset]
        var bytes: [UInt8] = []
        offset += 1
        while offset < source.count {
            let byte = source[offset]
            offset += 1
            if byte == quote { return bytes }
            if byte == UInt8(ascii: "\\") { try scanEscape(into: &bytes) } else { bytes.append(byte) }
        }
        throw failure("a string without its closing quote", at: start)
    }

    /// Scans what follows a backslash, as Python's string literals have it.
    private mutating func scanEscape(into bytes: inout [UInt8]) throws(ChatTemplateError) {
        guard offset < source.count else { return }
        let byte = source[offset]
        offset += 1
        switch byte {
        case 0x0A: break
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "a"): bytes.append(0x07)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "v"): bytes.append(0x0B)
        case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): bytes.append(byte)
        case UInt8(ascii: "x"): try scanCodePoint(digits: 2, radix: 16, into: &bytes)
        case UInt8(ascii: "u"): try scanCodePoint(digits: 4, radix: 16, into: &bytes)
        case UInt8(ascii: "U"): try scanCodePoint(digits: 8, radix: 16, into: &bytes)
        case UInt8(ascii: "N"): throw failure("a character by its Unicode name is not supported", at: offset)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            offset -= 1
            let digits = source[offset...].prefix(3).prefix { (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }
            try scanCodePoint(digits: digits.count, radix: 8, into: &bytes)
        default: bytes.append(contentsOf: [UInt8(ascii: "\\"), byte])
        }
    }

    private mutating func scanCodePoint(
        digits: Int, radix: Int, into bytes: inout [UInt8]
    ) throws(ChatTemplateError) {
        let text = String(decoding: source[offset...].prefix(digits), as: UTF8.self)
        guard text.count == digits, text.allSatisfy(\.isHexDigit), let value = UInt32(text, radix: radix),
            let scalar = Unicode.Scalar(value)
        else {
            throw failure("an escape in a string that stands for no character", at: offset)
        }
        offset += digits
        bytes.append(contentsOf: String(scalar).utf8)
    }
}
