extension TemplateParser {
    /// Attributes, elements, slices and calls after an expression.
    mutating func parsePostfix(_ base: TemplateExpression) throws(ChatTemplateError) -> TemplateExpression {
        var expression = base
        while case .symbol(let symbol) = current.kind {
            switch symbol {
            case ".": expression = try parseAttribute(of: expression)
            case "[": expression = try parseElement(of: expression)
            case "(": expression = .call(expression, try parseArguments())
            default: return expression
            }
            try countNode()
        }
        return expression
    }

    /// Filters, tests and calls after an expression.
    mutating func parseFilters(_ base: TemplateExpression) throws(ChatTemplateError) -> TemplateExpression {
        var expression = base
        while true {
            if skip(symbol: "|") {
                expression = .filter(expression, try parseFilterName())
            } else if skip(name: "is") {
                expression = try parseTest(of: expression)
            } else if isSymbol("(") {
                expression = .call(expression, try parseArguments())
            } else {
                return expression
            }
            try countNode()
        }
    }

    private mutating func parseAttribute(of base: TemplateExpression) throws(ChatTemplateError) -> TemplateExpression {
        try expect(symbol: ".")
        switch current.kind {
        case .name(let name):
            advance()
            return .attribute(base, name)
        case .number(let constant):
            advance()
            return .element(base, .constant(constant))
        default: throw unexpected("a name or number after '.'")
        }
    }

    private mutating func parseElement(of base: TemplateExpression) throws(ChatTemplateError) -> TemplateExpression {
        try expect(symbol: "[")
        let start = isSymbol(":") ? nil : try parseConditional()
        if let start, !isSymbol(":") {
            var keys = [start]
            while skip(symbol: ",") { keys.append(try parseConditional()) }
            try expect(symbol: "]")
            return .element(base, keys.count == 1 ? keys[0] : .tuple(keys))
        }
        try expect(symbol: ":")
        var slice = TemplateExpression.Slice(start: start)
        if !isSymbol(":"), !isSymbol("]") { slice.stop = try parseConditional() }
        if skip(symbol: ":"), !isSymbol("]") { slice.step = try parseConditional() }
        try expect(symbol: "]")
        return .slice(base, slice)
    }

    private mutating func parseArguments() throws(ChatTemplateError) -> TemplateExpression.Arguments {
        try expect(symbol: "(")
        var arguments = TemplateExpression.Arguments()
        var isFirst = true
        while !skip(symbol: ")") {
            if !isFirst {
                try expect(symbol: ",")
                if skip(symbol: ")") { break }
            }
            isFirst = false
            try parseArgument(into: &arguments)
        }
        return arguments
    }

    private mutating func parseArgument(
        into arguments: inout TemplateExpression.Arguments
    ) throws(ChatTemplateError) {
        if skip(symbol: "**") {
            arguments.spreadKeyword = try parseConditional()
        } else if skip(symbol: "*") {
            arguments.spreadPositional = try parseConditional()
        } else if case .name(let name) = current.kind, case .symbol("=") = next.kind {
            advance()
            advance()
            arguments.keyword.append((name, try parseConditional()))
        } else {
            guard arguments.keyword.isEmpty, arguments.spreadPositional == nil, arguments.spreadKeyword == nil else {
                throw failure("a positional argument after others")
            }
            arguments.positional.append(try parseConditional())
        }
    }

    private mutating func parseFilterName() throws(ChatTemplateError) -> TemplateExpression.FilterCall {
        var call = TemplateExpression.FilterCall(name: try expectName())
        while skip(symbol: ".") { call.name += "." + (try expectName()) }
        if isSymbol("(") { call.arguments = try parseArguments() }
        return call
    }

    /// Filters without an expression before them: `trim | upper`, or `| trim | upper` where none is the first.
    mutating func parseFilterNames(first: Bool) throws(ChatTemplateError) -> [TemplateExpression.FilterCall] {
        var filters = first ? [try parseFilterName()] : []
        while skip(symbol: "|") { filters.append(try parseFilterName()) }
        return filters
    }

    private mutating func parseTest(of base: TemplateExpression) throws(ChatTemplateError) -> TemplateExpression {
        let isNegated = skip(name: "not")
        var call = TemplateExpression.FilterCall(name: try expectName())
        if isSymbol("(") {
            call.arguments = try parseArguments()
        } else if isTestArgument {
            guard !isName("is") else { throw failure("tests with 'is' cannot be chained") }
            call.arguments.positional = [try parsePostfix(try parsePrimary())]
        }
        let test = TemplateExpression.test(base, call)
        return isNegated ? .not(test) : test
    }

    /// Whether what comes is the argument of a test written without parentheses: `x is divisibleby 3`.
    private var isTestArgument: Bool {
        switch current.kind {
        case .name(let name): !["else", "or", "and"].contains(name)
        case .string, .number, .symbol("["), .symbol("{"): true
        default: false
        }
    }
}
