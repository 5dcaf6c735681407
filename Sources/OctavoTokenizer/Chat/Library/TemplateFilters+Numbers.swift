internal import Foundation

extension TemplateFilters {
    static let numbers: [String: TemplateFilter] = [
        "abs": { evaluator, value, _ in
            let number = try evaluator.number(value, "abs()")
            return number.double < 0 ? try evaluator.negated(value) : number.value
        },
        "float": { evaluator, value, arguments in
            let fallback = try arguments.bound("float", to: "default")[0] ?? .double(0)
            return try double(value).map(TemplateValue.double) ?? fallback
        },
        "int": { evaluator, value, arguments in
            let bound = try arguments.bound("int", to: "default", "base")
            let base = try bound[1].integer("int", default: 10)
            return try integer(value, base: base) ?? bound[0] ?? .integer(0)
        },
        "round": round,
    ]

    private static func double(_ value: TemplateValue) throws -> Double? {
        if case .undefined(let undefined) = value { throw undefined.fault }
        if case .text(let text) = value { return parsedDouble(text) }
        return TemplateNumber(value)?.double
    }

    /// Python's `float(text)`, which allows white space around and underscores inside.
    private static func parsedDouble(_ text: TemplateText) -> Double? {
        let trimmed = text.trimmed(.both, of: nil).string.replacing("_", with: "")
        // Swift would read hexadecimal as well.
        return trimmed.contains("x") || trimmed.contains("X") ? nil : Double(trimmed)
    }

    private static func integer(_ value: TemplateValue, base: Int) throws -> TemplateValue? {
        if case .bigInteger = value { return value }
        if case .text(let text) = value, let integer = parsedInteger(text, base: base) { return integer }
        if case .integer(let integer)? = TemplateNumber(value) { return .integer(integer) }
        guard let double = try double(value), double.isFinite else { return nil }
        let whole = double.rounded(.towardZero)
        return Int(exactly: whole).map(TemplateValue.integer) ?? .bigInteger(String(format: "%.0f", whole))
    }

    private static func parsedInteger(_ text: TemplateText, base: Int) -> TemplateValue? {
        guard (2...36).contains(base) else { return nil }
        var digits = text.trimmed(.both, of: nil).string.replacing("_", with: "")
        let prefixes = [2: "0b", 8: "0o", 16: "0x"]
        if let prefix = prefixes[base], digits.lowercased().hasPrefix(prefix) { digits.removeFirst(2) }
        if let value = Int(digits, radix: base) { return .integer(value) }
        let isNumber = base == 10 && !digits.isEmpty && digits.utf8.allSatisfy { (0x30...0x39).contains($0) }
        return isNumber ? .bigInteger(String(digits.drop { $0 == "0" })) : nil
    }

    private static func round(
        _ evaluator: TemplateEvaluator, _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        let bound = try arguments.bound("round", to: "precision", "method")
        let digits = try bound[0].integer("round", default: 0)
        let number = try evaluator.number(value, "round()")
        let scale = pow(10, Double(digits))
        switch try bound[1].text("round", default: "common") {
        case "common":
            let rounded = PythonFloat.rounded(number.double, digits: digits)
            guard case .integer = number else { return .double(rounded) }
            return digits >= 0 ? number.value : Int(exactly: rounded).map(TemplateValue.integer) ?? .double(rounded)
        case "ceil": return .double((number.double * scale).rounded(.up) / scale)
        case "floor": return .double((number.double * scale).rounded(.down) / scale)
        default: throw TemplateFault.evaluation("round() takes the method common, ceil or floor")
        }
    }
}
