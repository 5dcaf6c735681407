/// How one value is laid out by `%` or `str.format`: flags, width, precision and conversion.
struct FormatSpecification {
    /// The widest field; more would only be a way to ask for endless text.
    static let maximumWidth = 4096

    var filling: TemplateText = " "
    var alignment: TextLayout.Alignment?
    /// What a number that is not negative begins with.
    var positiveSign = ""
    var padsWithZeros = false
    var isAlternate = false
    var groupsThousands = false
    var width = 0
    var precision: Int?
    var conversion: Character?

    /// `value` as text of the conversion, padded to the width.
    func text(of value: TemplateValue, _ budget: TemplateBudget) throws -> TemplateText {
        guard width <= Self.maximumWidth, (precision ?? 0) <= Self.maximumWidth else {
            throw TemplateFault.limit("a field of more than \(Self.maximumWidth) characters")
        }
        guard let conversion else { return try unconverted(value, budget) }
        switch (conversion, TemplateNumber(value)) {
        case ("s", _):
            guard case .text = value else { break }
            return try plain(value, budget)
        case ("d", .integer(let integer)?): return try number(String(integer.magnitude), integer < 0, budget)
        case ("d", _):
            guard case .bigInteger(let digits) = value else { break }
            return try number(digits.filter { $0 != "-" }, digits.hasPrefix("-"), budget)
        case ("x", .integer(let integer)?): return try radix(integer, 16, "0x", budget)
        case ("X", .integer(let integer)?): return try radix(integer, 16, "0X", budget)
        case ("o", .integer(let integer)?): return try radix(integer, 8, "0o", budget)
        case ("b", .integer(let integer)?): return try radix(integer, 2, "0b", budget)
        case ("e", let operand?), ("E", let operand?), ("f", let operand?), ("F", let operand?), ("g", let operand?),
            ("G", let operand?):
            return try float(operand.double, conversion, budget)
        case ("%", let operand?): return try float(operand.double * 100, "f", budget, suffix: "%")
        default: break
        }
        throw TemplateFault.evaluation("the format '\(conversion)' does not suit a value of type '\(value.typeName)'")
    }

    /// Without a conversion numbers are laid out as numbers, and all else as text.
    private func unconverted(_ value: TemplateValue, _ budget: TemplateBudget) throws -> TemplateText {
        var numeric = self
        switch value {
        case .integer, .bigInteger: numeric.conversion = "d"
        case .bool where width > 0: numeric.conversion = "d"
        case .double(let double) where double.isFinite && precision == nil:
            return try number(PythonFloat.representation(of: double.magnitude), double.sign == .minus, budget)
        case .double: numeric.conversion = "g"
        default: return try plain(value, budget)
        }
        return try numeric.text(of: value, budget)
    }

    private func plain(_ value: TemplateValue, _ budget: TemplateBudget) throws -> TemplateText {
        var text = try PythonRepresentation.string(of: value, budget)
        if let precision {
            let offsets = text.scalarOffsets
            if precision < offsets.count - 1 { text = text[0..<offsets[precision]] }
        }
        return try TextLayout.padded(text, to: width, alignment ?? .left, with: filling, budget)
    }

    private func radix(
        _ integer: Int, _ radix: Int, _ prefix: String, _ budget: TemplateBudget
    ) throws -> TemplateText {
        let digits = String(integer.magnitude, radix: radix, uppercase: prefix == "0X")
        return try number((isAlternate ? prefix : "") + digits, integer < 0, budget)
    }

    private func float(
        _ value: Double, _ conversion: Character, _ budget: TemplateBudget, suffix: String = ""
    ) throws -> TemplateText {
        let digits = PythonFloat.formatted(value.magnitude, conversion: conversion, precision: precision ?? 6)
        return try number(digits + suffix, value < 0 || (value == 0 && value.sign == .minus), budget)
    }

    private func number(
        _ digits: String, _ isNegative: Bool, _ budget: TemplateBudget
    ) throws -> TemplateText {
        let sign = isNegative ? "-" : positiveSign
        let digits = groupsThousands ? Self.grouped(digits) : digits
        if padsWithZeros, alignment == nil {
            let zeros = String(repeating: "0", count: max(0, width - sign.count - digits.count))
            return TemplateText(sign + zeros + digits)
        }
        return try TextLayout.padded(
            TemplateText(sign + digits), to: width, alignment ?? .right, with: filling, budget)
    }

    /// The digits before the point in groups of three.
    private static func grouped(_ digits: String) -> String {
        let whole = digits.prefix(while: \.isNumber)
        var grouped = ""
        for (index, digit) in whole.enumerated() {
            if index > 0, (whole.count - index).isMultiple(of: 3) { grouped.append(",") }
            grouped.append(digit)
        }
        return grouped + digits.dropFirst(whole.count)
    }
}
