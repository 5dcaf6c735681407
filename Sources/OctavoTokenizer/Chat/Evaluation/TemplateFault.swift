/// Why an expression has no value; the evaluator adds where.
struct TemplateFault: Error {
    enum Kind { case evaluation, raised, limit }

    var kind: Kind
    var reason: String

    static func evaluation(_ reason: String) -> TemplateFault { TemplateFault(kind: .evaluation, reason: reason) }

    static func limit(_ reason: String) -> TemplateFault { TemplateFault(kind: .limit, reason: reason) }
}
