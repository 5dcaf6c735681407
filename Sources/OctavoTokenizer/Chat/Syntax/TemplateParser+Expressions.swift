extension TemplateParser {
    // MARK: - By precedence, from the loosest

    mutating func parseConditional() throws(ChatTemplateError) -> TemplateExpression {
        try nested { parser throws(ChatTemplateError) in
            var expression = try parser.parseOr()
            while parser.skip(name: "if") {
                try parser.countNode()
                let condition = try parser.parseOr()
                let otherwise = parser.skip(name: "else") ? try parser.parseConditional() : nil
                expression = .conditional(condition, then: expression, otherwise: otherwise)
            }
            return expression
        }
    }

    private mutating func parseOr() throws(ChatTemplateError) -> TemplateExpression {
        var left = try parseAnd()
        while skip(name: "or") {
            try countNode()
            left = .or(left, try parseAnd())
        }
        return left
    }

    private mutating func parseAnd() throws(ChatTemplateError) -> TemplateExpression {
        var left = try parseNot()
        while skip(name: "and") {
            try countNode()
            left = .and(left, try parseNot())
        }
        return left
    }

    private mutating func parseNot() throws(ChatTemplateError) -> TemplateExpression {
        guard skip(name: "not") else { return try parseComparison() }
        return .not(try nested { parser throws(ChatTemplateError) in try parser.parseNot() })
    }

    private mutating func parseComparison() throws(ChatTemplateError) -> TemplateExpression {
        let first = try parseSum()
        var rest: [(comparison: TemplateExpression.Comparison, operand: TemplateExpression)] = []
        while let comparison = skipComparison() {
            try countNode()
            rest.append((comparison, try parseSum()))
        }
        return rest.isEmpty ? first : .comparison(first, rest)
    }

    private mutating func skipComparison() -> TemplateExpression.Comparison? {
        switch current.kind {
        case .symbol(let symbol):
            guard let comparison = TemplateExpression.Comparison(rawValue: symbol) else { return nil }
            advance()
            return comparison
        case .name("in"):
            advance()
            return .contained
        case .name("not"):
            guard case .name("in") = next.kind else { return nil }
            advance()
            advance()
            return .notContained
        default: return nil
        }
    }

    private mutating func parseSum() throws(ChatTemplateError) -> TemplateExpression {
        var left = try parseConcatenation()
        while let symbol = try skipOperator([.add, .subtract]) {
            left = .arithmetic(symbol, left, try parseConcatenation())
        }
        return left
    }

    /// `~` binds closer than `+`, as Jinja has it.
    private mutating func parseConcatenation() throws(ChatTemplateError) -> TemplateExpression {
        var operands = [try parseProduct()]
        while skip(symbol: "~") {
            try countNode()
            operands.append(try parseProduct())
        }
        return operands.count == 1 ? operands[0] : .concatenation(operands)
    }

    private mutating func parseProduct() throws(ChatTemplateError) -> TemplateExpression {
        var left = try parsePower()
        while let symbol = try skipOperator([.multiply, .divide, .floorDivide, .remainder]) {
            left = .arithmetic(symbol, left, try parsePower())
        }
        return left
    }

    private mutating func parsePower() throws(ChatTemplateError) -> TemplateExpression {
        var left = try parseUnary(withFilters: true)
        while let symbol = try skipOperator([.power]) {
            left = .arithmetic(symbol, left, try parseUnary(withFilters: true))
        }
        return left
    }

    private mutating func skipOperator(
        _ operators: [TemplateExpression.Operator]
    ) throws(ChatTemplateError) -> TemplateExpression.Operator? {
        guard case .symbol(let text) = current.kind, let symbol = TemplateExpression.Operator(rawValue: text),
            operators.contains(symbol)
        else { return nil }
        try countNode()
        advance()
        return symbol
    }

    /// A sign applies before filters: `-1 | abs` is the absolute value of -1.
    private mutating func parseUnary(withFilters: Bool) throws(ChatTemplateError) -> TemplateExpression {
        var expression: TemplateExpression
        if skip(symbol: "-") {
            expression = .negative(
                try nested { parser throws(ChatTemplateError) in try parser.parseUnary(withFilters: false) })
        } else if skip(symbol: "+") {
            expression = .positive(
                try nested { parser throws(ChatTemplateError) in try parser.parseUnary(withFilters: false) })
        } else {
            expression = try parsePrimary()
        }
        expression = try parsePostfix(expression)
        return withFilters ? try parseFilters(expression) : expression
    }

    // MARK: - Literals and names

    mutating func parsePrimary() throws(ChatTemplateError) -> TemplateExpression {
        try countNode()
        switch current.kind {
        case .name(let name):
            advance()
            return expression(named: name)
        case .string(var bytes):
            advance()
            while case .string(let more) = current.kind {
                bytes += more
                advance()
            }
            return .constant(.text(TemplateText(bytes: bytes, isTrusted: true)))
        case .number(let constant):
            advance()
            return .constant(constant)
        case .symbol("("):
            advance()
            let expression = try parseTuple(mayBeEmpty: true)
            try expect(symbol: ")")
            return expression
        case .symbol("["): return .list(try parseElements(from: "[", to: "]"))
        case .symbol("{"): return try parseMapping()
        default: throw unexpected("an expression")
        }
    }

    private mutating func expression(named name: String) -> TemplateExpression {
        switch name {
        case "true", "True": return .constant(.bool(true))
        case "false", "False": return .constant(.bool(false))
        case "none", "None": return .constant(.none)
        case "caller", "varargs", "kwargs": mentions.insert(name)
        default: break
        }
        return .name(name)
    }

    /// One expression, or a tuple if there are commas; between parentheses it may be empty.
    mutating func parseTuple(
        mayBeEmpty: Bool, isConditional: Bool = true
    ) throws(ChatTemplateError) -> TemplateExpression {
        if mayBeEmpty, isSymbol(")") { return .tuple([]) }
        var elements = [isConditional ? try parseConditional() : try parseOr()]
        var isTuple = false
        while skip(symbol: ",") {
            isTuple = true
            if isEndOfTuple { break }
            elements.append(isConditional ? try parseConditional() : try parseOr())
        }
        return isTuple ? .tuple(elements) : elements[0]
    }

    private var isEndOfTuple: Bool {
        switch current.kind {
        case .printEnd, .blockEnd, .symbol(")"), .name("recursive"): true
        default: false
        }
    }

    private mutating func parseElements(
        from opening: String, to closing: String
    ) throws(ChatTemplateError) -> [TemplateExpression] {
        try expect(symbol: opening)
        var elements: [TemplateExpression] = []
        while !skip(symbol: closing) {
            if !elements.isEmpty {
                try expect(symbol: ",")
                if skip(symbol: closing) { break }
            }
            elements.append(try parseConditional())
        }
        return elements
    }

    private mutating func parseMapping() throws(ChatTemplateError) -> TemplateExpression {
        try expect(symbol: "{")
        var entries: [(key: TemplateExpression, value: TemplateExpression)] = []
        while !skip(symbol: "}") {
            if !entries.isEmpty {
                try expect(symbol: ",")
                if skip(symbol: "}") { break }
            }
            let key = try parseConditional()
            try expect(symbol: ":")
            entries.append((key, try parseConditional()))
        }
        return .mapping(entries)
    }
}
