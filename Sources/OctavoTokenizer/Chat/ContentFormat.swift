extension ChatMessages {
    /// How a template takes the content of a message.
    public enum ContentFormat: Sendable, Hashable {
        /// As a string.
        case string
        /// As a string or as an array of parts: it loops over parts, but asks first whether there is a string.
        case stringOrParts
        /// As an array of parts only: a string would be taken for an array of characters.
        case parts
    }
}

extension ChatMessages.ContentFormat {
    /// Reads the format off a template: one that takes parts loops over `message.content`.
    init(of statements: [TemplateStatement]) {
        var analysis = ContentAnalysis()
        analysis.visit(statements)
        self = !analysis.loopsOverContent ? .string : analysis.asksForString ? .stringOrParts : .parts
    }
}

/// Follows `messages` and what is taken from it through `for` and `set`, by name alone.
private struct ContentAnalysis {
    private var messageLists: Set = ["messages"]
    private var messages: Set<String> = []
    private var contents: Set<String> = []
    private(set) var loopsOverContent = false
    private(set) var asksForString = false

    mutating func visit(_ statements: [TemplateStatement]) {
        for statement in statements {
            switch statement.kind {
            case .set(.name(let name), let expression): learn(name, from: expression)
            case .loop(let loop): visit(loop)
            default: break
            }
            statement.expressions.forEach { visit($0) }
            visit(statement.children)
        }
    }

    private mutating func learn(_ name: String, from expression: TemplateExpression) {
        if isMessageList(expression) { messageLists.insert(name) }
        if isMessage(expression) { messages.insert(name) }
        if isContent(expression) { contents.insert(name) }
    }

    private mutating func visit(_ loop: TemplateStatement.Loop) {
        if isContent(loop.iterable) { loopsOverContent = true }
        if case .name(let name) = loop.target, isMessageList(loop.iterable) { messages.insert(name) }
    }

    private mutating func visit(_ expression: TemplateExpression) {
        if case .test(let subject, let test) = expression, test.name == "string", isContent(subject) {
            asksForString = true
        }
        expression.children.forEach { visit($0) }
    }

    private func isMessageList(_ expression: TemplateExpression) -> Bool {
        switch expression {
        case .name(let name): messageLists.contains(name)
        case .slice(let base, _), .filter(let base, _): isMessageList(base)
        case .conditional(_, let then, let otherwise): isMessageList(then) || (otherwise.map(isMessageList) ?? false)
        default: false
        }
    }

    private func isMessage(_ expression: TemplateExpression) -> Bool {
        switch expression {
        case .name(let name): messages.contains(name)
        case .element(let base, _): isMessageList(base)
        default: false
        }
    }

    private func isContent(_ expression: TemplateExpression) -> Bool {
        switch expression {
        case .name(let name): contents.contains(name)
        case .attribute(let base, "content"): isMessage(base)
        case .element(let base, .constant(.text("content"))): isMessage(base)
        default: false
        }
    }
}
