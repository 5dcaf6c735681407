/// Reads an answer that is nothing but calls of tools, in any of the forms that `ToolCall.calls` names.
struct ToolCallReader {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var parser: JSONParser

    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
        parser = JSONParser(bytes: bytes)
    }

    /// The calls; `nil` if the text is not, all of it, calls of one form.
    mutating func calls() -> [ToolCall]? {
        parser.skipWhiteSpace()
        switch parser.current {
        case UInt8(ascii: "{"): return jsonCalls()
        case UInt8(ascii: "["): return jsonArray()
        case UInt8(ascii: "<"): return taggedCalls()
        default: return keywordCall().map { [$0] }
        }
    }

    private var isAtEnd: Bool { parser.current == nil }

    /// Takes `word` if the text goes on with it.
    private mutating func take(_ word: String) -> Bool {
        guard bytes[parser.offset...].starts(with: word.utf8) else { return false }
        parser.offset += word.utf8.count
        return true
    }

    /// Takes the text up to `byte`, and `byte` itself.
    private mutating func take(upTo byte: UInt8) -> String? {
        guard let end = bytes[parser.offset...].firstIndex(of: byte) else { return nil }
        defer { parser.offset = end + 1 }
        return String(decoding: bytes[parser.offset..<end], as: UTF8.self)
    }
}

// MARK: - JSON

extension ToolCallReader {
    private mutating func jsonCalls() -> [ToolCall]? {
        var calls: [ToolCall] = []
        while !isAtEnd {
            guard let call = jsonCall() else { return nil }
            calls.append(call)
            parser.skipWhiteSpace()
            if take(";") { parser.skipWhiteSpace() }
        }
        return calls
    }

    private mutating func jsonArray() -> [ToolCall]? {
        var calls: [ToolCall] = []
        repeat {
            parser.offset += 1
            parser.skipWhiteSpace()
            guard let call = jsonCall() else { return nil }
            calls.append(call)
            parser.skipWhiteSpace()
        } while parser.current == UInt8(ascii: ",")
        guard take("]") else { return nil }
        parser.skipWhiteSpace()
        return isAtEnd ? calls : nil
    }

    private mutating func jsonCall() -> ToolCall? {
        guard parser.current == UInt8(ascii: "{") else { return nil }
        var name: String?
        var arguments: [String: String] = [:]
        let result = Result { () throws(JSONParseError) in
            try parser.parseMembers(depth: 0) { [bytes] member, place in
                switch (member.key, member.value) {
                case ("name", let value): name = value.stringValue
                case ("parameters", .object), ("arguments", .object):
                    arguments[member.key] = Self.compacted(bytes[place])
                case ("parameters", .null), ("arguments", .null): arguments[member.key] = "{}"
                case ("parameters", _), ("arguments", _): arguments[member.key] = nil
                default: break
                }
            }
        }
        guard case .success = result, let name, let arguments = arguments["arguments"] ?? arguments["parameters"] else {
            return nil
        }
        return ToolCall(name: name, arguments: arguments)
    }

    /// JSON without the white space between its parts, and otherwise as it was written.
    private static func compacted(_ json: Slice<UnsafeBufferPointer<UInt8>>) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(json.count)
        var isInString = false
        var isEscaped = false
        for byte in json where isInString || byte > 0x20 {
            result.append(byte)
            if byte == UInt8(ascii: "\""), !isEscaped { isInString.toggle() }
            isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
        }
        return String(decoding: result, as: UTF8.self)
    }
}

// MARK: - Tags

extension ToolCallReader {
    private mutating func taggedCalls() -> [ToolCall]? {
        var calls: [ToolCall] = []
        while !isAtEnd {
            guard take("<function="), let name = take(upTo: UInt8(ascii: ">")), let arguments = object(),
                take("</function>")
            else { return nil }
            calls.append(ToolCall(name: name, arguments: arguments))
            parser.skipWhiteSpace()
        }
        return calls
    }

    /// Takes an object with white space around it, and gives it compact.
    private mutating func object() -> String? {
        parser.skipWhiteSpace()
        let start = parser.offset
        guard parser.current == UInt8(ascii: "{"), (try? parser.parseValue(depth: 0)) != nil else { return nil }
        defer { parser.skipWhiteSpace() }
        return Self.compacted(bytes[start..<parser.offset])
    }
}

// MARK: - Keywords

extension ToolCallReader {
    /// `NAME.call(key="value", key=1)` to the end of the text.
    private mutating func keywordCall() -> ToolCall? {
        guard let name = identifier(), take(".call(") else { return nil }
        let start = parser.offset
        if let arguments = keywords() { return ToolCall(name: name, arguments: arguments) }
        parser.offset = start
        return unescapedArgument().map { ToolCall(name: name, arguments: $0) }
    }

    private mutating func identifier() -> String? {
        let start = parser.offset
        while let byte = parser.current,
            byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") || byte >= 0x80
                || Character(Unicode.Scalar(byte)).isLetter || Character(Unicode.Scalar(byte)).isNumber
        {
            parser.offset += 1
        }
        return start < parser.offset ? String(decoding: bytes[start..<parser.offset], as: UTF8.self) : nil
    }

    /// The arguments and the closing parenthesis, which ends the text: as a JSON object.
    private mutating func keywords() -> String? {
        var members: [String] = []
        parser.skipWhiteSpace()
        while !take(")") {
            if !members.isEmpty {
                guard take(",") else { return nil }
                parser.skipWhiteSpace()
            }
            guard let key = identifier(), take("="), let value = literal() else { return nil }
            members.append("\(JSONValue.string(key).jsonText):\(value)")
            parser.skipWhiteSpace()
        }
        parser.skipWhiteSpace()
        return isAtEnd ? "{\(members.joined(separator: ","))}" : nil
    }

    /// A value that is written as JSON or as Python has it: as JSON.
    private mutating func literal() -> String? {
        for (word, value) in [("True", "true"), ("False", "false"), ("None", "null")] where take(word) { return value }
        let start = parser.offset
        guard (try? parser.parseValue(depth: 0)) != nil else { return nil }
        return Self.compacted(bytes[start..<parser.offset])
    }

    /// `key="value")` with quotes in the value that nothing escapes, as the model was taught to write them.
    private mutating func unescapedArgument() -> String? {
        guard let key = identifier(), take("=\"") else { return nil }
        let rest = String(decoding: bytes[parser.offset...], as: UTF8.self)
        guard let end = rest.lastIndex(where: { !$0.isWhitespace }), rest[...end].hasSuffix("\")") else { return nil }
        return "{\(JSONValue.string(key).jsonText):\(JSONValue.string(String(rest[...end].dropLast(2))).jsonText)}"
    }
}
