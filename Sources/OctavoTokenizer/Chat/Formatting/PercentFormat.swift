/// Python's `format % values`.
struct PercentFormat {
    private let format: TemplateText
    private let values: TemplateValue
    private let budget: TemplateBudget
    private var offset = 0
    private var used = 0

    static func text(
        _ format: TemplateText, _ values: TemplateValue, _ budget: TemplateBudget
    ) throws -> TemplateText {
        var formatter = PercentFormat(format: format, values: values, budget: budget)
        return try formatter.run()
    }

    private init(format: TemplateText, values: TemplateValue, budget: TemplateBudget) {
        (self.format, self.values, self.budget) = (format, values, budget)
    }

    private mutating func run() throws -> TemplateText {
        var result = TemplateTextBuilder(budget)
        while let percent = format.bytes[offset...].firstIndex(of: UInt8(ascii: "%")) {
            try result.append(format[offset..<percent])
            offset = percent + 1
            try result.append(try conversion())
        }
        try result.append(format[offset..<format.bytes.count])
        switch values {
        case .tuple(let tuple) where used < tuple.elements.count:
            throw TemplateFault.evaluation("not all arguments converted during string formatting")
        case .tuple, .mapping, .list: break
        default:
            guard used > 0 else {
                throw TemplateFault.evaluation("not all arguments converted during string formatting")
            }
        }
        return format.isSafe ? result.text.safe : result.text
    }

    private var character: Character? {
        offset < format.bytes.count ? Character(Unicode.Scalar(format.bytes[offset])) : nil
    }

    /// What stands for the conversion after a percent sign.
    private mutating func conversion() throws -> TemplateText {
        var named: TemplateValue?
        if character == "(" { named = try namedValue() }
        var specification = try flags()
        specification.width = try count()
        if character == "." {
            offset += 1
            specification.precision = try count()
        }
        guard let conversion = character else { throw TemplateFault.evaluation("incomplete format") }
        offset += 1
        if conversion == "%" { return "%" }
        guard var value = try named ?? nextValue() else {
            throw TemplateFault.evaluation("not enough arguments for format string")
        }
        switch conversion {
        case "r", "a":
            value = .text(shown(try PythonRepresentation.representation(of: value, budget)))
            specification.conversion = "s"
        case "s": value = .text(shown(try PythonRepresentation.string(of: value, budget)))
        case "d", "i", "u":
            if case .double(let double) = value, let integer = Int(exactly: double.rounded(.towardZero)) {
                value = .integer(integer)
            }
            specification.conversion = "d"
        case "f", "F", "e", "E", "g", "G", "x", "X", "o": specification.conversion = conversion
        default: throw TemplateFault.evaluation("unsupported format character '\(conversion)'")
        }
        if specification.alignment == nil, conversion == "s" || conversion == "r" { specification.alignment = .right }
        return try specification.text(of: value, budget)
    }

    /// Text as a format shows it: one that is safe escapes what is put into it.
    private func shown(_ text: TemplateText) -> TemplateText { format.isSafe ? text.escaped : text }

    private mutating func namedValue() throws -> TemplateValue {
        guard case .mapping(let mapping) = values else { throw TemplateFault.evaluation("format requires a mapping") }
        guard let end = format.bytes[offset...].firstIndex(of: UInt8(ascii: ")")) else {
            throw TemplateFault.evaluation("incomplete format key")
        }
        let key = TemplateValue.text(format[offset + 1..<end])
        offset = end + 1
        guard let value = mapping[key] else {
            throw TemplateFault.evaluation("a format key that is not in the mapping")
        }
        return value
    }

    private mutating func flags() throws -> FormatSpecification {
        var specification = FormatSpecification()
        while let flag = character {
            switch flag {
            case "-": specification.alignment = .left
            case "+": specification.positiveSign = "+"
            case " ": if specification.positiveSign.isEmpty { specification.positiveSign = " " }
            case "0": specification.padsWithZeros = true
            case "#": specification.isAlternate = true
            default: return specification
            }
            offset += 1
        }
        return specification
    }

    /// A width or precision: digits, or `*` for the next value.
    private mutating func count() throws -> Int {
        if character == "*" {
            offset += 1
            return max(0, try nextValue().integer("format"))
        }
        var count = 0
        while let digit = character?.wholeNumberValue {
            count = min(count * 10 + digit, FormatSpecification.maximumWidth + 1)
            offset += 1
        }
        return count
    }

    private mutating func nextValue() throws -> TemplateValue? {
        defer { used += 1 }
        guard case .tuple(let tuple) = values else { return used == 0 ? values : nil }
        return used < tuple.elements.count ? tuple.elements[used] : nil
    }
}
