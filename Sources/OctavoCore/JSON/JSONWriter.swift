extension JSONValue {
    /// The value as compact JSON text.
    public var jsonText: String {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The value as JSON text for people: a member or element per line, indented by two spaces for each level, with a
    /// newline at the end.
    public var indentedText: String {
        var bytes: [UInt8] = []
        write(to: &bytes, indentation: 0)
        return String(decoding: bytes, as: UTF8.self) + "\n"
    }

    private func write(to bytes: inout [UInt8], indentation: Int) {
        func breakLine(_ level: Int) {
            bytes.append(UInt8(ascii: "\n"))
            bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * level))
        }
        switch self {
        case .array(let elements) where !elements.isEmpty:
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                breakLine(indentation + 1)
                element.write(to: &bytes, indentation: indentation + 1)
            }
            breakLine(indentation)
            bytes.append(UInt8(ascii: "]"))
        case .object(let object) where !object.isEmpty:
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in object.members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                breakLine(indentation + 1)
                Self.write(member.key, to: &bytes)
                bytes.append(contentsOf: ": ".utf8)
                member.value.write(to: &bytes, indentation: indentation + 1)
            }
            breakLine(indentation)
            bytes.append(UInt8(ascii: "}"))
        default: write(to: &bytes)
        }
    }

    /// Appends the value as compact JSON (RFC 8259) in UTF-8.
    ///
    /// Only what must be escaped is: quotes, backslashes and control characters, and U+0085, U+2028 and U+2029, at which
    /// some readers break a line. One value is thus always one line.
    public func write(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .integer(let value): bytes.append(contentsOf: String(value).utf8)
        case .bigInteger(let digits): bytes.append(contentsOf: digits.utf8)
        case .double(let value): bytes.append(contentsOf: value.isFinite ? "\(value)".utf8 : "null".utf8)
        case .string(let value): Self.write(value, to: &bytes)
        case .array(let elements): Self.write(elements, to: &bytes)
        case .object(let object): Self.write(object, to: &bytes)
        }
    }

    private static func write(_ elements: [JSONValue], to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "["))
        for (index, element) in elements.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            element.write(to: &bytes)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    private static func write(_ object: JSONObject, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "{"))
        for (index, member) in object.members.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            write(member.key, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            member.value.write(to: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
    }

    /// Text between two escapes is copied in one piece.
    private static func write(_ string: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        var string = string
        string.withUTF8 { utf8 in
            var copied = 0
            var index = 0
            while index < utf8.count {
                guard !isPlain(utf8[index]), let (escape, length) = escape(utf8, at: index) else {
                    index += 1
                    continue
                }
                bytes.append(contentsOf: utf8[copied..<index])
                bytes.append(contentsOf: escape.utf8)
                index += length
                copied = index
            }
            bytes.append(contentsOf: utf8[copied...])
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Whether a byte never begins what must be escaped, which is true of nearly all.
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") && byte != 0xC2 && byte != 0xE2
    }

    /// The escape for what begins at `index` and how many bytes it stands for; `nil` if it needs none.
    private static func escape(_ utf8: UnsafeBufferPointer<UInt8>, at index: Int) -> (String, length: Int)? {
        switch utf8[index] {
        case UInt8(ascii: "\""): return ("\\\"", 1)
        case UInt8(ascii: "\\"): return ("\\\\", 1)
        case 0x0A: return ("\\n", 1)
        case 0x0D: return ("\\r", 1)
        case 0x09: return ("\\t", 1)
        case let byte where byte < 0x20:
            return ("\\u00\(byte < 16 ? "0" : "")\(String(byte, radix: 16))", 1)
        case 0xC2 where index + 1 < utf8.count && utf8[index + 1] == 0x85: return ("\\u0085", 2)
        case 0xE2 where index + 2 < utf8.count && utf8[index + 1] == 0x80 && utf8[index + 2] | 1 == 0xA9:
            return (utf8[index + 2] == 0xA8 ? "\\u2028" : "\\u2029", 3)
        default: return nil
        }
    }
}
