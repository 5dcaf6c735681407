/// A lazy sequence of values that is read once.
final class TemplateIterator {
    let depth: Int
    private let advance: (TemplateEvaluator) throws -> TemplateValue?

    /// - Parameter depth: how deeply values are nested in what it reads from.
    init(depth: Int, _ advance: @escaping (TemplateEvaluator) throws -> TemplateValue?) {
        self.depth = depth + 1
        self.advance = advance
    }

    /// An iterator over `elements`.
    convenience init(_ elements: [TemplateValue], depth: Int) {
        var index = 0
        self.init(depth: depth) { _ in
            guard index < elements.count else { return nil }
            defer { index += 1 }
            return elements[index]
        }
    }

    func next(_ evaluator: TemplateEvaluator) throws -> TemplateValue? {
        try evaluator.budget.charge()
        return try advance(evaluator)
    }
}

/// The object of `namespace()`: attributes that a template can set from any scope.
final class TemplateNamespace {
    var attributes: [String: TemplateValue]

    init(_ attributes: [String: TemplateValue]) { self.attributes = attributes }
}

/// Whatever can be called: a macro, a function, or a method with its receiver.
final class TemplateCallable {
    typealias Body = (TemplateEvaluator, TemplateArguments) throws -> TemplateValue

    let name: String
    let depth: Int
    let body: Body

    /// - Parameter depth: how deeply values are nested in what it holds.
    init(_ name: String, depth: Int = 0, body: @escaping Body) {
        self.name = name
        self.depth = depth + 1
        self.body = body
    }
}

/// The variables of one block; a look-up goes outward.
final class TemplateScope {
    var variables: [String: TemplateValue]
    let parent: TemplateScope?

    init(parent: TemplateScope?, variables: [String: TemplateValue] = [:]) {
        self.parent = parent
        self.variables = variables
    }

    subscript(name: String) -> TemplateValue? {
        var scope: TemplateScope? = self
        while let current = scope {
            if let value = current.variables[name] { return value }
            scope = current.parent
        }
        return nil
    }
}
