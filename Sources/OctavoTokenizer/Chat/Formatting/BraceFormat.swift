/// Python's `format.format(values…)`.
struct BraceFormat {
    private let format: TemplateText
    private let arguments: TemplateArguments
    private let evaluator: TemplateEvaluator
    private var nextPosition = 0

    static func text(
        _ format: TemplateText, _ arguments: TemplateArguments, _ evaluator: TemplateEvaluator
    ) throws -> TemplateText {
        var formatter = BraceFormat(format: format, arguments: arguments, evaluator: evaluator)
        return try formatter.run()
    }

    private init(format: TemplateText, arguments: TemplateArguments, evaluator: TemplateEvaluator) {
        (self.format, self.arguments, self.evaluator) = (format, arguments, evaluator)
    }

    private mutating func run() throws -> TemplateText {
        let bytes = format.bytes
        var result = TemplateTextBuilder(evaluator.budget)
        var offset = 0
        while offset < bytes.count {
            let byte = bytes[offset]
            guard byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}") else {
                let end = bytes[offset...].firstIndex { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}") }
                try result.append(format[offset..<(end ?? bytes.count)])
                offset = end ?? bytes.count
                continue
            }
            if offset + 1 < bytes.count, bytes[offset + 1] == byte {
                try result.append(format[offset..<offset + 1])
                offset += 2
                continue
            }
            guard byte == UInt8(ascii: "{"), let end = bytes[offset...].firstIndex(of: UInt8(ascii: "}")) else {
                throw TemplateFault.evaluation("single '\(Unicode.Scalar(byte))' encountered in format string")
            }
            try result.append(try field(String(decoding: bytes[offset + 1..<end], as: UTF8.self)))
            offset = end + 1
        }
        return result.text
    }

    /// What stands for `{name!conversion:specification}`.
    private mutating func field(_ field: String) throws -> TemplateText {
        let colon = field.firstIndex(of: ":") ?? field.endIndex
        let specification = try FormatSpecification(braced: field[colon...].dropFirst())
        let halves = field[..<colon].split(separator: "!", maxSplits: 1, omittingEmptySubsequences: false)
        var value = try value(named: halves.first ?? "")
        switch halves.count > 1 ? halves[1] : "" {
        case "": break
        case "s": value = .text(try evaluator.text(of: value))
        case "r": value = .text(try PythonRepresentation.representation(of: value, evaluator.budget))
        default: throw TemplateFault.evaluation("unknown conversion in a format string")
        }
        return try specification.text(of: value, evaluator.budget)
    }

    /// The argument of a field such as `0`, `name`, `name.attribute` or `name[key]`; the next one if it has no name.
    private mutating func value(named name: Substring) throws -> TemplateValue {
        let head = name.prefix { $0 != "." && $0 != "[" }
        var value: TemplateValue?
        if let position = head.isEmpty ? nextPosition : Int(head) {
            if head.isEmpty { nextPosition += 1 }
            value = arguments.positional.indices.contains(position) ? arguments.positional[position] : nil
        } else {
            value = arguments.keyword.first { $0.name == head }?.value
        }
        guard var result = value else { throw TemplateFault.evaluation("a format field without its argument") }
        var path = name.dropFirst(head.count)
        while let mark = path.popFirst() {
            let key = path.prefix { mark == "[" ? $0 != "]" : $0 != "." && $0 != "[" }
            path = path.dropFirst(mark == "[" ? key.count + 1 : key.count)
            result =
                mark == "."
                ? try evaluator.attribute(String(key), of: result)
                : try evaluator.element(Int(key).map(TemplateValue.integer) ?? .text(TemplateText(key)), of: result)
        }
        return result
    }
}

extension FormatSpecification {
    /// Reads `[[fill]align][sign][#][0][width][,][.precision][type]`.
    init(braced text: Substring) throws {
        let alignments: [Character: TextLayout.Alignment] = ["<": .left, "^": .center, ">": .right]
        var rest = text
        if let second = rest.dropFirst().first, let alignment = alignments[second] {
            filling = TemplateText(rest.prefix(1))
            self.alignment = alignment
            rest = rest.dropFirst(2)
        } else if let first = rest.first, let alignment = alignments[first] {
            self.alignment = alignment
            rest = rest.dropFirst()
        }
        if let sign = rest.first, sign == "+" || sign == " " || sign == "-" {
            positiveSign = sign == "-" ? "" : String(sign)
            rest = rest.dropFirst()
        }
        isAlternate = Self.skip("#", in: &rest)
        padsWithZeros = Self.skip("0", in: &rest)
        width = Self.count(in: &rest) ?? 0
        groupsThousands = Self.skip(",", in: &rest)
        if Self.skip(".", in: &rest) {
            precision = Self.count(in: &rest)
            guard precision != nil else { throw TemplateFault.evaluation("format specifier missing precision") }
        }
        conversion = rest.popFirst()
        guard rest.isEmpty else { throw TemplateFault.evaluation("invalid format specifier") }
    }

    private static func skip(_ character: Character, in text: inout Substring) -> Bool {
        guard text.first == character else { return false }
        text = text.dropFirst()
        return true
    }

    private static func count(in text: inout Substring) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        text = text.dropFirst(digits.count)
        return digits.isEmpty ? nil : min(Int(digits) ?? .max, maximumWidth + 1)
    }
}
