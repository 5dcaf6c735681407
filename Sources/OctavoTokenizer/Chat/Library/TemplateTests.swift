/// A test: what stands before `is`, and its arguments.
typealias TemplateTest =
    @Sendable (TemplateEvaluator, TemplateValue, TemplateArguments) throws -> Bool

/// The tests by name.
enum TemplateTests {
    static let all: [String: TemplateTest] = types.mapValues(withoutArguments)
        .merging(comparisons) { first, _ in first }
        .merging(properties) { first, _ in first }

    private static let types: [String: @Sendable (TemplateValue) -> Bool] = [
        "boolean": { if case .bool = $0 { true } else { false } },
        "callable": { if case .callable = $0 { true } else { false } },
        "defined": { !$0.isUndefined },
        "escaped": { if case .text(let text) = $0 { text.isSafe } else { false } },
        "false": { if case .bool(false) = $0 { true } else { false } },
        "float": { if case .double = $0 { true } else { false } },
        "integer": { value in
            switch value {
            case .integer, .bigInteger: true
            default: false
            }
        },
        "iterable": { value in
            switch value {
            case .iterator, .loop: true
            default: value.count != nil
            }
        },
        "mapping": { if case .mapping = $0 { true } else { false } },
        "none": { if case .none = $0 { true } else { false } },
        "number": { TemplateNumber($0) != nil },
        "sequence": { $0.count != nil },
        "string": { if case .text = $0 { true } else { false } },
        "true": { if case .bool(true) = $0 { true } else { false } },
        "undefined": { $0.isUndefined },
    ]

    private static func withoutArguments(_ predicate: @escaping @Sendable (TemplateValue) -> Bool) -> TemplateTest {
        { _, value, arguments in
            guard arguments.positional.isEmpty, arguments.keyword.isEmpty else {
                throw TemplateFault.evaluation("a test of one value alone takes no argument")
            }
            return predicate(value)
        }
    }

    private static let comparisons: [String: TemplateTest] = {
        let operators: [(TemplateExpression.Comparison, [String])] = [
            (.equal, ["==", "eq", "equalto"]), (.unequal, ["!=", "ne"]), (.less, ["<", "lt", "lessthan"]),
            (.lessOrEqual, ["<=", "le"]), (.greater, [">", "gt", "greaterthan"]), (.greaterOrEqual, [">=", "ge"]),
            (.contained, ["in"]),
        ]
        var tests: [String: TemplateTest] = [:]
        for (comparison, names) in operators {
            for name in names {
                tests[name] = { evaluator, value, arguments in
                    try evaluator.holds(comparison, value, try operand(arguments, name))
                }
            }
        }
        return tests
    }()

    private static let properties: [String: TemplateTest] = [
        "divisibleby": { evaluator, value, arguments in
            let divisor = try evaluator.number(try operand(arguments, "divisibleby"), "divisibleby")
            return try TemplateNumber.remainder(try evaluator.number(value, "divisibleby"), divisor).double == 0
        },
        "even": { evaluator, value, _ in
            try TemplateNumber.remainder(try evaluator.number(value, "even"), .integer(2)).double == 0
        },
        "odd": { evaluator, value, _ in
            try TemplateNumber.remainder(try evaluator.number(value, "odd"), .integer(2)).double == 1
        },
        "filter": { evaluator, value, _ in TemplateFilters.all[try evaluator.text(of: value).string] != nil },
        "test": { evaluator, value, _ in TemplateTests.all[try evaluator.text(of: value).string] != nil },
        "lower": { evaluator, value, _ in try evaluator.text(of: value).isLowercase },
        "upper": { evaluator, value, _ in try evaluator.text(of: value).isUppercase },
        "sameas": { evaluator, value, arguments in
            let other = try operand(arguments, "sameas")
            return try value.typeName == other.typeName && value.equals(other, evaluator.budget)
        },
    ]

    private static func operand(_ arguments: TemplateArguments, _ name: String) throws -> TemplateValue {
        guard arguments.positional.count == 1, arguments.keyword.isEmpty else {
            throw TemplateFault.evaluation("the test '\(name)' needs one argument")
        }
        return arguments.positional[0]
    }
}

extension TemplateText {
    /// Whether there are cased letters, all of them lower-case.
    var isLowercase: Bool {
        isCased { !$0.properties.isUppercase && $0.properties.generalCategory != .titlecaseLetter }
    }

    /// Whether there are cased letters, all of them upper-case.
    var isUppercase: Bool {
        isCased { !$0.properties.isLowercase && $0.properties.generalCategory != .titlecaseLetter }
    }

    private func isCased(_ predicate: (Unicode.Scalar) -> Bool) -> Bool {
        let cased = string.unicodeScalars.filter(\.properties.isCased)
        return !cased.isEmpty && cased.allSatisfy(predicate)
    }
}
