/// Python's `json.dumps`, which `tojson` is in chat templates.
struct JSONDump {
    /// The keyword arguments of `json.dumps`.
    struct Style {
        var escapesNonASCII = false
        /// What one level is indented by; nothing for all in one line.
        var indent: TemplateText?
        var itemSeparator: TemplateText = ", "
        var keySeparator: TemplateText = ": "
        var sortsKeys = false
    }

    private let style: Style
    private var output: TemplateTextBuilder

    /// - Throws: a fault for a value JSON has no form for.
    static func text(
        of value: TemplateValue, style: Style, _ budget: TemplateBudget
    ) throws -> TemplateText {
        var dump = JSONDump(style: style, output: TemplateTextBuilder(budget))
        try dump.write(value, level: 0)
        return dump.output.text
    }

    private mutating func write(_ value: TemplateValue, level: Int) throws {
        switch value {
        case .text(let text): try write(text)
        case .list(let sequence), .tuple(let sequence): try write(sequence.elements, level: level)
        case .mapping(let mapping): try write(mapping, level: level)
        default:
            guard let text = Self.scalar(value) else {
                throw TemplateFault.evaluation("Object of type \(value.typeName) is not JSON serializable")
            }
            try output.append(TemplateText(text))
        }
    }

    private static func scalar(_ value: TemplateValue) -> String? {
        switch value {
        case .none: "null"
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .bigInteger(let digits): digits
        case .double(let value):
            value.isNaN
                ? "NaN"
                : value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : PythonFloat.representation(of: value)
        default: nil
        }
    }

    private mutating func write(_ elements: [TemplateValue], level: Int) throws {
        guard !elements.isEmpty else { return try output.append("[]") }
        try output.append("[")
        for (index, element) in elements.enumerated() {
            try separate(index, level: level + 1)
            try write(element, level: level + 1)
        }
        try breakLine(level: level)
        try output.append("]")
    }

    private mutating func write(_ mapping: TemplateMapping, level: Int) throws {
        guard !mapping.entries.isEmpty else { return try output.append("{}") }
        try output.append("{")
        let entries =
            style.sortsKeys ? try TemplateSorting.sorted(mapping.entries, output.budget) { $0.key } : mapping.entries
        for (index, entry) in entries.enumerated() {
            try separate(index, level: level + 1)
            try writeKey(entry.key)
            try output.append(style.keySeparator)
            try write(entry.value, level: level + 1)
        }
        try breakLine(level: level)
        try output.append("}")
    }

    private mutating func writeKey(_ key: TemplateValue) throws {
        if case .text(let text) = key { return try write(text) }
        guard let text = Self.scalar(key) else {
            throw TemplateFault.evaluation("keys must be str, int, float, bool or None, not \(key.typeName)")
        }
        try output.append(TemplateText("\"\(text)\""))
    }

    private mutating func separate(_ index: Int, level: Int) throws {
        if index > 0 { try output.append(style.itemSeparator) }
        try breakLine(level: level)
    }

    private mutating func breakLine(level: Int) throws {
        guard let indent = style.indent else { return }
        try output.append("\n")
        try output.append(indent, count: level)
    }

    private mutating func write(_ text: TemplateText) throws {
        let escapesNonASCII = style.escapesNonASCII
        try output.append("\"")
        try output.append(text.mapRuns { Self.escaped($0, escapesNonASCII: escapesNonASCII) })
        try output.append("\"")
    }

    private static func escaped(_ run: ArraySlice<UInt8>, escapesNonASCII: Bool) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(run.count)
        if escapesNonASCII {
            for unit in String(decoding: run, as: UTF8.self).utf16 { append(unit, to: &result) }
        } else {
            for byte in run {
                if byte < 0x7F { append(UInt16(byte), to: &result) } else { result.append(byte) }
            }
        }
        return result
    }

    private static func append(_ unit: UInt16, to result: inout [UInt8]) {
        switch unit {
        case 0x22: result.append(contentsOf: "\\\"".utf8)
        case 0x5C: result.append(contentsOf: "\\\\".utf8)
        case 0x0A: result.append(contentsOf: "\\n".utf8)
        case 0x0D: result.append(contentsOf: "\\r".utf8)
        case 0x09: result.append(contentsOf: "\\t".utf8)
        case 0x08: result.append(contentsOf: "\\b".utf8)
        case 0x0C: result.append(contentsOf: "\\f".utf8)
        case 0x20..<0x7F: result.append(UInt8(unit))
        default:
            let digits = String(unit, radix: 16)
            result.append(contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
        }
    }
}
