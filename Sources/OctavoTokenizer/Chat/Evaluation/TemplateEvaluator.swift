internal import Foundation

/// Renders one prompt: walks the statements of a template with the variables of a request.
final class TemplateEvaluator {
    let budget: TemplateBudget
    /// What `strftime_now` reads.
    let now: Date
    var scope: TemplateScope
    var output: TemplateTextBuilder
    /// The line of the statement that runs, for error messages.
    var line = 1
    private var depth = 0
    /// What may hold on to itself through a closure or an attribute, and is emptied at the end.
    private var namespaces: [TemplateNamespace] = []
    private var closures: [TemplateScope] = []

    init(variables: [String: TemplateValue], now: Date, limits: ChatTemplate.Limits) {
        budget = TemplateBudget(limits)
        self.now = now
        scope = TemplateScope(parent: nil, variables: variables)
        output = TemplateTextBuilder(budget)
    }

    /// The text that the statements write.
    func render(_ statements: [TemplateStatement]) throws -> TemplateText {
        defer {
            for namespace in namespaces { namespace.attributes = [:] }
            for scope in closures { scope.variables = [:] }
        }
        _ = try execute(statements)
        return output.text
    }

    /// Counts one level of recursion while `body` runs.
    func nested<Result>(_ body: () throws -> Result) throws -> Result {
        depth += 1
        defer { depth -= 1 }
        try budget.check(depth: depth)
        return try body()
    }

    /// Runs `body` in a scope of its own.
    func scoped<Result>(
        _ inner: TemplateScope, _ body: () throws -> Result
    ) throws -> Result {
        let outer = scope
        scope = inner
        defer { scope = outer }
        return try body()
    }

    /// What `body` writes, kept from the output.
    func captured(_ body: () throws -> Void) throws -> TemplateText {
        let outer = output
        output = TemplateTextBuilder(budget)
        defer { output = outer }
        try body()
        return output.text
    }

    func makeNamespace(_ attributes: [String: TemplateValue]) -> TemplateNamespace {
        let namespace = TemplateNamespace(attributes)
        namespaces.append(namespace)
        return namespace
    }

    /// The current scope, for something that will outlive it.
    func captureScope() -> TemplateScope {
        closures.append(scope)
        return scope
    }

    /// `str(value)`.
    func text(of value: TemplateValue) throws -> TemplateText {
        try PythonRepresentation.string(of: value, budget)
    }
}
