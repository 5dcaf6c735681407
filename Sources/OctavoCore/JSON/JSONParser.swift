/// Why a text is not JSON, and where.
public struct JSONParseError: Error, Hashable, CustomStringConvertible {
    /// What is wrong, as a phrase: `expected ',' or '}'`.
    public var reason: String
    /// The byte at which it was noticed, counted from 0.
    public var offset: Int

    /// The reason and the column (bytes, counted from 1), as a person reads them.
    public var description: String { "\(reason) at column \(offset + 1)" }
}

extension JSONValue {
    /// Parses one JSON document (RFC 8259) from UTF-8 bytes; nothing but white space may follow it.
    ///
    /// - Throws: `JSONParseError` for anything that is not JSON, for invalid UTF-8, lone surrogates, numbers beyond a
    ///   `Double`'s range, and nesting deeper than 256.
    public static func parse(_ bytes: some Collection<UInt8>) throws(JSONParseError) -> JSONValue {
        let result: Result<JSONValue, JSONParseError>? = bytes.withContiguousStorageIfAvailable { buffer in
            Result { () throws(JSONParseError) in try JSONParser.parseDocument(buffer) }
        }
        if let result { return try result.get() }
        return try parse(Array(bytes))
    }

    /// Parses one JSON document from a string.
    public static func parse(_ text: String) throws(JSONParseError) -> JSONValue {
        try parse(Array(text.utf8))
    }
}

/// A recursive-descent parser over a byte buffer.
struct JSONParser {
    static let maximumDepth = 256

    let bytes: UnsafeBufferPointer<UInt8>
    var offset = 0

    static func parseDocument(_ bytes: UnsafeBufferPointer<UInt8>) throws(JSONParseError) -> JSONValue {
        var parser = JSONParser(bytes: bytes)
        parser.skipWhiteSpace()
        let value = try parser.parseValue(depth: 0)
        parser.skipWhiteSpace()
        guard parser.offset == bytes.count else { throw parser.failure("unexpected text after the JSON value") }
        return value
    }

    func failure(_ reason: String, at place: Int? = nil) -> JSONParseError {
        JSONParseError(reason: reason, offset: place ?? offset)
    }

    var current: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    mutating func skipWhiteSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { offset += 1 }
    }

    mutating func parseValue(depth: Int) throws(JSONParseError) -> JSONValue {
        guard depth < Self.maximumDepth else { throw failure("nesting deeper than \(Self.maximumDepth)") }
        guard let byte = current else { throw failure("unexpected end of the text") }
        switch byte {
        case UInt8(ascii: "{"): return try parseObject(depth: depth)
        case UInt8(ascii: "["): return try parseArray(depth: depth)
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "t"): return try parseWord("true", as: .bool(true))
        case UInt8(ascii: "f"): return try parseWord("false", as: .bool(false))
        case UInt8(ascii: "n"): return try parseWord("null", as: .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
        default: throw failure("expected a JSON value")
        }
    }

    mutating func parseWord(_ word: StaticString, as value: JSONValue) throws(JSONParseError) -> JSONValue {
        let length = word.utf8CodeUnitCount
        guard bytes.count - offset >= length,
            (0..<length).allSatisfy({ bytes[offset + $0] == word.utf8Start[$0] })
        else { throw failure("expected a JSON value") }
        offset += length
        return value
    }

    mutating func parseArray(depth: Int) throws(JSONParseError) -> JSONValue {
        offset += 1
        var elements: [JSONValue] = []
        skipWhiteSpace()
        if current == UInt8(ascii: "]") {
            offset += 1
            return .array(elements)
        }
        while true {
            skipWhiteSpace()
            elements.append(try parseValue(depth: depth + 1))
            skipWhiteSpace()
            switch current {
            case UInt8(ascii: ","): offset += 1
            case UInt8(ascii: "]"):
                offset += 1
                return .array(elements)
            default: throw failure("expected ',' or ']'")
            }
        }
    }

    mutating func parseObject(depth: Int) throws(JSONParseError) -> JSONValue {
        var members: [JSONObject.Member] = []
        try parseMembers(depth: depth) { member, _ in members.append(member) }
        return .object(JSONObject(members: members))
    }

    /// Parses an object from its opening brace on, and hands out each member as written, with the place of its value.
    @inline(__always)
    mutating func parseMembers(
        depth: Int, _ take: (JSONObject.Member, Range<Int>) -> Void
    ) throws(JSONParseError) {
        offset += 1
        skipWhiteSpace()
        if current == UInt8(ascii: "}") {
            offset += 1
            return
        }
        while true {
            skipWhiteSpace()
            guard current == UInt8(ascii: "\"") else { throw failure("expected a key in double quotes") }
            let key = try parseString()
            skipWhiteSpace()
            guard current == UInt8(ascii: ":") else { throw failure("expected ':' after a key") }
            offset += 1
            skipWhiteSpace()
            let start = offset
            let value = try parseValue(depth: depth + 1)
            take(JSONObject.Member(key: key, value: value), start..<offset)
            skipWhiteSpace()
            switch current {
            case UInt8(ascii: ","): offset += 1
            case UInt8(ascii: "}"):
                offset += 1
                return
            default: throw failure("expected ',' or '}'")
            }
        }
    }
}

// MARK: - Numbers

extension JSONParser {
    mutating func skipDigits() -> Int {
        let start = offset
        while let byte = current, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { offset += 1 }
        return offset - start
    }

    mutating func parseNumber() throws(JSONParseError) -> JSONValue {
        let start = offset
        if current == UInt8(ascii: "-") { offset += 1 }
        let leading = current
        let integerDigits = skipDigits()
        guard integerDigits > 0 else { throw failure("expected a digit") }
        guard leading != UInt8(ascii: "0") || integerDigits == 1 else {
            throw failure("a number must not start with 0", at: start)
        }
        var isInteger = true
        if current == UInt8(ascii: ".") {
            isInteger = false
            offset += 1
            guard skipDigits() > 0 else { throw failure("expected a digit after '.'") }
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            isInteger = false
            offset += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { offset += 1 }
            guard skipDigits() > 0 else { throw failure("expected a digit in the exponent") }
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        if isInteger { return Int(text).map(JSONValue.integer) ?? .bigInteger(text) }
        guard let value = Double(text), value.isFinite else {
            throw failure("a number beyond the range of a double", at: start)
        }
        return .double(value)
    }
}

// MARK: - Strings

extension JSONParser {
    /// Parses a string from its opening quote on; text without escapes is copied in one piece.
    mutating func parseString() throws(JSONParseError) -> String {
        offset += 1
        var start = offset
        var unescaped: [UInt8]?
        while true {
            skipPlainText()
            guard let byte = current else { throw failure("a string without its closing quote", at: start - 1) }
            switch byte {
            case UInt8(ascii: "\""):
                let tail = bytes[start..<offset]
                offset += 1
                guard var text = unescaped else { return try validated(tail, at: start) }
                text.append(contentsOf: tail)
                return try validated(text, at: start)
            case UInt8(ascii: "\\"):
                var text = unescaped.take() ?? []
                text.append(contentsOf: bytes[start..<offset])
                offset += 1
                text.append(contentsOf: UTF8.encode(try parseEscape())!)
                unescaped = text
                start = offset
            case 0..<0x20: throw failure("a control character in a string (write it as \\u00XX)")
            default: offset += 1
            }
        }
    }

    /// Skips what is neither quote, backslash nor control character.
    private mutating func skipPlainText() {
        var place = offset
        while place < bytes.count, bytes[place] >= 0x20, bytes[place] != UInt8(ascii: "\""),
            bytes[place] != UInt8(ascii: "\\")
        {
            place += 1
        }
        offset = place
    }

    func validated(_ text: some Collection<UInt8>, at start: Int) throws(JSONParseError) -> String {
        guard let string = String(validating: text, as: UTF8.self) else {
            throw failure("text that is not UTF-8 in the string", at: start)
        }
        return string
    }

    mutating func parseEscape() throws(JSONParseError) -> Unicode.Scalar {
        guard let byte = current else { throw failure("a string without its closing quote") }
        offset += 1
        let scalar: Unicode.Scalar
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): scalar = Unicode.Scalar(byte)
        case UInt8(ascii: "b"): scalar = "\u{08}"
        case UInt8(ascii: "f"): scalar = "\u{0C}"
        case UInt8(ascii: "n"): scalar = "\n"
        case UInt8(ascii: "r"): scalar = "\r"
        case UInt8(ascii: "t"): scalar = "\t"
        case UInt8(ascii: "u"): scalar = try parseUnicodeEscape()
        default: throw failure("an unknown escape in a string", at: offset - 1)
        }
        return scalar
    }

    mutating func parseUnicodeEscape() throws(JSONParseError) -> Unicode.Scalar {
        let start = offset - 2
        let unit = try parseFourHexDigits()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard unit < 0xDC00, bytes.count - offset >= 2, bytes[offset] == UInt8(ascii: "\\"),
            bytes[offset + 1] == UInt8(ascii: "u")
        else { throw failure("half of a surrogate pair in a string", at: start) }
        offset += 2
        let low = try parseFourHexDigits()
        guard (0xDC00...0xDFFF).contains(low),
            let scalar = Unicode.Scalar(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
        else { throw failure("half of a surrogate pair in a string", at: start) }
        return scalar
    }

    mutating func parseFourHexDigits() throws(JSONParseError) -> UInt32 {
        guard bytes.count - offset >= 4 else { throw failure("four hexadecimal digits expected after \\u") }
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(bytes[offset])).hexDigitValue, bytes[offset] < 0x80 else {
                throw failure("four hexadecimal digits expected after \\u")
            }
            value = value << 4 | UInt32(digit)
            offset += 1
        }
        return value
    }
}
