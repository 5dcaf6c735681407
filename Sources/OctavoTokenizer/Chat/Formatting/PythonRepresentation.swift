/// Python's `str` and `repr`.
struct PythonRepresentation {
    private var output: TemplateTextBuilder

    /// `str(value)`: text as it is, all else as its `repr`; what is missing is nothing.
    static func string(of value: TemplateValue, _ budget: TemplateBudget) throws -> TemplateText {
        switch value {
        case .text(let text): return text
        case .undefined: return TemplateText()
        default: return try representation(of: value, budget)
        }
    }

    /// `repr(value)`.
    static func representation(
        of value: TemplateValue, _ budget: TemplateBudget
    ) throws -> TemplateText {
        var writer = PythonRepresentation(output: TemplateTextBuilder(budget))
        try writer.write(value)
        return writer.output.text
    }

    private mutating func write(_ value: TemplateValue) throws {
        switch value {
        case .undefined: try output.append("Undefined")
        case .none: try output.append("None")
        case .bool(let value): try output.append(value ? "True" : "False")
        case .integer(let value): try output.append(TemplateText(String(value)))
        case .bigInteger(let digits): try output.append(TemplateText(digits))
        case .double(let value): try output.append(TemplateText(PythonFloat.representation(of: value)))
        case .text(let text): try output.append(Self.quoted(text))
        case .list(let sequence): try write(sequence.elements, between: "[", and: "]")
        case .tuple(let sequence):
            try write(sequence.elements, between: "(", and: sequence.elements.count == 1 ? ",)" : ")")
        case .mapping(let mapping): try write(mapping)
        case .iterator, .namespace, .loop, .callable: try output.append(TemplateText("<\(value.typeName)>"))
        }
    }

    private mutating func write(
        _ elements: [TemplateValue], between opening: TemplateText, and closing: TemplateText
    ) throws {
        try output.append(opening)
        for (index, element) in elements.enumerated() {
            if index > 0 { try output.append(", ") }
            try write(element)
        }
        try output.append(closing)
    }

    private mutating func write(_ mapping: TemplateMapping) throws {
        try output.append("{")
        for (index, entry) in mapping.entries.enumerated() {
            if index > 0 { try output.append(", ") }
            try write(entry.key)
            try output.append(": ")
            try write(entry.value)
        }
        try output.append("}")
    }

    /// A string literal: in single quotes, unless there are only single ones inside.
    private static func quoted(_ text: TemplateText) -> TemplateText {
        let hasSingle = text.bytes.contains(UInt8(ascii: "'"))
        let hasDouble = text.bytes.contains(UInt8(ascii: "\""))
        let quote: Unicode.Scalar = hasSingle && !hasDouble ? "\"" : "'"
        let mark = TemplateText(String(quote))
        let escaped = text.mapRuns { run in
            String(decoding: run, as: UTF8.self).unicodeScalars.flatMap { Array(escape($0, quote: quote).utf8) }
        }
        return mark + escaped + mark
    }

    private static func escape(_ scalar: Unicode.Scalar, quote: Unicode.Scalar) -> String {
        switch scalar {
        case "\\", quote: "\\\(scalar)"
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        case _ where PythonCharacter.isPrintable(scalar): String(scalar)
        default: hexadecimal(scalar.value)
        }
    }

    private static func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        let (mark, width) = value < 0x100 ? ("\\x", 2) : value < 0x1_0000 ? ("\\u", 4) : ("\\U", 8)
        return mark + String(repeating: "0", count: width - digits.count) + digits
    }
}
