/// Builds statements from the words of a template: a recursive-descent parser of Jinja's grammar.
struct TemplateParser {
    /// Deep nesting would run out of stack here, and long chains when they are freed; no template is near either.
    private static let maximumDepth = 64
    private static let maximumNodes = 4096

    let templateName: String
    private let tokens: [TemplateToken]
    private var index = 0
    private var depth = 0
    private var nodes = 0
    /// How many loops are around the current statement.
    var loopDepth = 0
    /// Which of `caller`, `varargs` and `kwargs` the current macro's body names.
    var mentions: Set<String> = []

    /// Parses template source.
    ///
    /// - Throws: `ChatTemplateError.syntax` with the line.
    static func statements(of source: String, named name: String) throws(ChatTemplateError) -> [TemplateStatement] {
        let tokens = try TemplateLexer.tokens(of: source, named: name)
        var parser = TemplateParser(templateName: name, tokens: tokens)
        return try parser.parseTemplate()
    }

    private init(templateName: String, tokens: [TemplateToken]) {
        self.templateName = templateName
        self.tokens = tokens
    }

    // MARK: - Tokens

    /// The current token; the last one is always the end.
    var current: TemplateToken { tokens[min(index, tokens.count - 1)] }

    var next: TemplateToken { tokens[min(index + 1, tokens.count - 1)] }

    mutating func advance() { index += 1 }

    func failure(_ reason: String, line: Int? = nil) -> ChatTemplateError {
        .syntax(template: templateName, line: line ?? current.line, reason: reason)
    }

    func unexpected(_ expected: String) -> ChatTemplateError {
        failure("expected \(expected), found \(current.description)")
    }

    func isSymbol(_ symbol: String) -> Bool {
        if case .symbol(symbol) = current.kind { true } else { false }
    }

    func isName(_ name: String) -> Bool {
        if case .name(name) = current.kind { true } else { false }
    }

    var isBlockEnd: Bool {
        if case .blockEnd = current.kind { true } else { false }
    }

    mutating func skip(symbol: String) -> Bool {
        guard isSymbol(symbol) else { return false }
        advance()
        return true
    }

    mutating func skip(name: String) -> Bool {
        guard isName(name) else { return false }
        advance()
        return true
    }

    mutating func expect(symbol: String) throws(ChatTemplateError) {
        guard skip(symbol: symbol) else { throw unexpected("'\(symbol)'") }
    }

    mutating func expectName() throws(ChatTemplateError) -> String {
        guard case .name(let name) = current.kind else { throw unexpected("a name") }
        advance()
        return name
    }

    mutating func expectBlockEnd() throws(ChatTemplateError) {
        guard isBlockEnd else { throw unexpected("'%}'") }
        advance()
    }

    // MARK: - Bounds

    /// Counts one level of nesting while `body` parses.
    mutating func nested<Result>(
        _ body: (inout TemplateParser) throws(ChatTemplateError) -> Result
    ) throws(ChatTemplateError) -> Result {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw failure("more than \(Self.maximumDepth) levels of nesting") }
        return try body(&self)
    }

    /// Counts one node of the current expression.
    mutating func countNode() throws(ChatTemplateError) {
        nodes += 1
        guard nodes <= Self.maximumNodes else { throw failure("an expression of more than \(Self.maximumNodes) nodes") }
    }

    /// An expression of its own, with its own count of nodes.
    mutating func parseExpression() throws(ChatTemplateError) -> TemplateExpression {
        nodes = 0
        return try parseConditional()
    }

    /// An expression or, with commas, a tuple of them.
    mutating func parseExpressions(isConditional: Bool = true) throws(ChatTemplateError) -> TemplateExpression {
        nodes = 0
        return try parseTuple(mayBeEmpty: false, isConditional: isConditional)
    }
}
