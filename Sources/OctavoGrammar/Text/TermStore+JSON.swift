import OctavoCore

/// The parts of JSON texts.
extension TermStore {
    /// White space where JSON allows it, as people and programs write it: none, a space, or a new line with its indentation.
    /// It is bounded, so that a model cannot go on with it for ever.
    mutating func whiteSpace() throws(StructureError) -> Term { try term(regex: "(?: |\n(?: {0,64}|\t{1,16}))?") }

    /// An opening bracket with what comes before the first element, or between two.
    mutating func mark(_ text: String) throws(StructureError) -> Term {
        try sequence(literal(text.utf8), whiteSpace())
    }

    /// A member's name and the colon.
    mutating func memberName(_ name: Term) throws(StructureError) -> Term {
        try sequence([name, literal(":".utf8), optional(literal(" ".utf8))])
    }

    /// A JSON string of one value, escaped only where JSON asks for it.
    mutating func jsonText(_ value: JSONValue) throws(StructureError) -> Term { try literal(value.jsonText.utf8) }

    /// A JSON string of characters.
    mutating func quoted(_ content: Term) throws(StructureError) -> Term {
        let quote = try literal("\"".utf8)
        return try sequence([quote, content, quote])
    }

    /// Any character of a JSON string: as it is, or escaped. A lone surrogate and U+0000 are no characters of a text.
    mutating func anyJSONCharacter() throws(StructureError) -> Term {
        let hex = "[0-9A-Fa-f]"
        let below =
            "000[1-9A-Fa-f]|00[1-9A-Fa-f]\(hex)|0[1-9A-Fa-f]\(hex){2}|[1-9A-CE-Fa-ce-f]\(hex){3}|[Dd][0-7]\(hex){2}"
        let pair = "[Dd][89ABab]\(hex){2}\\\\u[Dd][C-Fc-f]\(hex){2}"
        return try choice([
            scalar(in: Self.unescaped),
            term(regex: #"\\(?:["\\/bfnrt]|u(?:\#(below)|\#(pair)))"#),
        ])
    }

    /// The characters that JSON strings may have unescaped.
    private static let unescaped = ScalarSet([0x20...0x21, 0x23...0x5B, 0x5D...0x10FFFF])

    /// A character of a set within a JSON string: as it is if it may be, else as its shortest escape.
    mutating func jsonCharacter(in set: ScalarSet) throws(StructureError) -> Term {
        let escaped = set.subtracting(Self.unescaped)
        var parts = [try scalar(in: set.subtracting(escaped))]
        for value in escaped.ranges.joined() {
            guard let scalar = Unicode.Scalar(value) else { continue }
            parts.append(try literal(Self.escape(scalar).utf8))
        }
        return try choice(parts)
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\u{8}": "\\b"
        case "\u{C}": "\\f"
        default: String(JSONValue.string(String(scalar)).jsonText.dropFirst().dropLast())
        }
    }

    /// Any JSON string.
    mutating func anyString() throws(StructureError) -> Term {
        try quoted(repetition(anyJSONCharacter(), 0, TermNode.unlimited))
    }

    /// Any integer of at most 18 digits, which 64 bits hold.
    mutating func anyInteger() throws(StructureError) -> Term { try term(regex: "-?[1-9][0-9]{0,17}|0") }

    /// Any number whose digits a double can keep.
    mutating func anyNumber() throws(StructureError) -> Term {
        try term(regex: "-?(?:0|[1-9][0-9]{0,14})(?:\\.[0-9]{1,15})?(?:[eE][+-]?[0-9]{1,2})?")
    }

    /// `true` or `false`.
    mutating func anyBoolean() throws(StructureError) -> Term {
        try choice([literal("true".utf8), literal("false".utf8)])
    }

    /// Elements between brackets: as many as `elements` says, or none if `isOptional`.
    mutating func bracketed(
        _ open: String, _ elements: Term, _ close: String, isOptional: Bool
    ) throws(StructureError) -> Term {
        // A text with elements has its white space; one without has none.
        let inside = try sequence([whiteSpace(), elements, whiteSpace()])
        return try sequence([
            literal(open.utf8), isOptional ? optional(inside) : inside, literal(close.utf8),
        ])
    }

    /// Elements with commas between them.
    mutating func separated(
        _ element: Term, _ minimum: Int32, _ maximum: Int32
    ) throws(StructureError) -> Term {
        let more = try sequence(mark(","), element)
        let rest = maximum == TermNode.unlimited ? maximum : maximum - 1
        return try sequence(element, repetition(more, max(minimum - 1, 0), rest))
    }

    /// A JSON object of members with any names, whose values are of a term.
    mutating func object(of value: Term) throws(StructureError) -> Term {
        let member = try sequence(memberName(anyString()), value)
        return try bracketed("{", separated(member, 0, TermNode.unlimited), "}", isOptional: true)
    }

    /// Any JSON value; its rule is made once in a store.
    mutating func anyValue() throws(StructureError) -> Term {
        if let known = anyValueRule { return try rule(known) }
        let number = try newRule()
        let value = try rule(number)
        let array = try bracketed("[", separated(value, 0, TermNode.unlimited), "]", isOptional: true)
        define(
            number,
            as: try choice([
                object(of: value), array, anyString(), anyNumber(), anyBoolean(), literal("null".utf8),
            ]))
        // Known only now that it is whole: making it may have failed for want of room.
        anyValueRule = number
        return value
    }
}
