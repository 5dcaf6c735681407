/// An expression of the template language.
indirect enum TemplateExpression: Sendable {
    case constant(TemplateConstant)
    case name(String)
    case list([TemplateExpression])
    case tuple([TemplateExpression])
    case mapping([(key: TemplateExpression, value: TemplateExpression)])
    case attribute(TemplateExpression, String)
    case element(TemplateExpression, TemplateExpression)
    case slice(TemplateExpression, Slice)
    case call(TemplateExpression, Arguments)
    case filter(TemplateExpression, FilterCall)
    case test(TemplateExpression, FilterCall)
    case not(TemplateExpression)
    case negative(TemplateExpression)
    case positive(TemplateExpression)
    case arithmetic(Operator, TemplateExpression, TemplateExpression)
    case and(TemplateExpression, TemplateExpression)
    case or(TemplateExpression, TemplateExpression)
    case concatenation([TemplateExpression])
    /// `a < b < c`, each operand evaluated once.
    case comparison(TemplateExpression, [(comparison: Comparison, operand: TemplateExpression)])
    case conditional(TemplateExpression, then: TemplateExpression, otherwise: TemplateExpression?)

    enum Operator: String, Sendable {
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case floorDivide = "//"
        case remainder = "%"
        case power = "**"
    }

    enum Comparison: String, Sendable {
        case equal = "=="
        case unequal = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case contained = "in"
        case notContained = "not in"
    }

    struct Slice: Sendable {
        var start: TemplateExpression?
        var stop: TemplateExpression?
        var step: TemplateExpression?
    }

    /// The arguments of a call, as written: `f(a, *b, c=d, **e)`.
    struct Arguments: Sendable {
        var positional: [TemplateExpression] = []
        var keyword: [(name: String, value: TemplateExpression)] = []
        var spreadPositional: TemplateExpression?
        var spreadKeyword: TemplateExpression?
    }

    /// A filter or test by name, with its arguments.
    struct FilterCall: Sendable {
        var name: String
        var arguments = Arguments()
    }
}

/// A literal.
enum TemplateConstant: Sendable {
    case none
    case bool(Bool)
    case integer(Int)
    case bigInteger(String)
    case double(Double)
    case text(TemplateText)
}

extension TemplateExpression {
    /// The expressions directly inside this one.
    var children: [TemplateExpression] {
        switch self {
        case .constant, .name: []
        case .list(let elements), .tuple(let elements), .concatenation(let elements): elements
        case .mapping(let entries): entries.flatMap { [$0.key, $0.value] }
        case .attribute(let base, _), .not(let base), .negative(let base), .positive(let base): [base]
        case .element(let base, let other), .arithmetic(_, let base, let other), .and(let base, let other),
            .or(let base, let other):
            [base, other]
        case .slice(let base, let slice): [base] + [slice.start, slice.stop, slice.step].compactMap(\.self)
        case .call(let base, let arguments): [base] + arguments.children
        case .filter(let base, let call), .test(let base, let call): [base] + call.arguments.children
        case .comparison(let first, let rest): [first] + rest.map(\.operand)
        case .conditional(let condition, let then, let otherwise): [condition, then] + (otherwise.map { [$0] } ?? [])
        }
    }
}

extension TemplateExpression.Arguments {
    /// The expressions of all arguments.
    var children: [TemplateExpression] {
        positional + keyword.map(\.value) + [spreadPositional, spreadKeyword].compactMap(\.self)
    }
}
