extension TemplateParser {
    mutating func parseTemplate() throws(ChatTemplateError) -> [TemplateStatement] {
        let statements = try parseStatements(until: [])
        guard case .end = current.kind else { throw unexpected("a statement") }
        return statements
    }

    /// Parses up to a tag named in `ends`, whose name is then the current token; up to the end without any.
    private mutating func parseStatements(until ends: [String]) throws(ChatTemplateError) -> [TemplateStatement] {
        let opening = current.line
        var statements: [TemplateStatement] = []
        while true {
            let line = current.line
            switch current.kind {
            case .data(let bytes):
                advance()
                let text = TemplateText(bytes: bytes, isTrusted: true)
                statements.append(TemplateStatement(line: line, kind: .data(text)))
            case .printBegin:
                advance()
                statements.append(TemplateStatement(line: line, kind: .print(try parseExpressions())))
                guard case .printEnd = current.kind else { throw unexpected("'}}'") }
                advance()
            case .blockBegin:
                advance()
                if ends.contains(where: isName) { return statements }
                let kind = try nested { parser throws(ChatTemplateError) in try parser.parseStatement() }
                statements.append(TemplateStatement(line: line, kind: kind))
            default:
                guard ends.isEmpty else {
                    throw failure("no '{% \(ends[ends.count - 1]) %}' for the block", line: opening)
                }
                return statements
            }
        }
    }

    /// The rest of a tag, the statements after it, and the tag that ends them.
    private mutating func parseBody(_ end: String) throws(ChatTemplateError) -> [TemplateStatement] {
        try expectBlockEnd()
        let body = try parseStatements(until: [end])
        advance()
        try expectBlockEnd()
        return body
    }

    private mutating func parseStatement() throws(ChatTemplateError) -> TemplateStatement.Kind {
        let line = current.line
        let tag = try expectName()
        switch tag {
        case "if": return try parseIf()
        case "for": return try parseFor()
        case "set": return try parseSet()
        case "with": return try parseWith()
        case "macro": return try parseMacro()
        case "call": return try parseCall()
        case "filter":
            let filters = try parseFilterNames(first: true)
            return .filter(filters, try parseBody("endfilter"))
        case "generation": return .generation(try parseBody("endgeneration"))
        case "break", "continue":
            guard loopDepth > 0 else { throw failure("'\(tag)' outside a loop", line: line) }
            try expectBlockEnd()
            return tag == "break" ? .breakLoop : .continueLoop
        default: throw failure("the tag '\(tag)' is unknown or stands where it cannot", line: line)
        }
    }

    private mutating func parseIf() throws(ChatTemplateError) -> TemplateStatement.Kind {
        var branches: [TemplateStatement.Branch] = []
        while true {
            let condition = try parseExpressions()
            try expectBlockEnd()
            let body = try parseStatements(until: ["elif", "else", "endif"])
            branches.append(TemplateStatement.Branch(condition: condition, body: body))
            if skip(name: "elif") { continue }
            var otherwise: [TemplateStatement] = []
            if skip(name: "else") {
                try expectBlockEnd()
                otherwise = try parseStatements(until: ["endif"])
            }
            advance()
            try expectBlockEnd()
            return .conditional(branches, otherwise: otherwise)
        }
    }

    private mutating func parseFor() throws(ChatTemplateError) -> TemplateStatement.Kind {
        let target = try parseTarget()
        guard skip(name: "in") else { throw unexpected("'in'") }
        let iterable = try parseExpressions(isConditional: false)
        let condition = skip(name: "if") ? try parseExpression() : nil
        let isRecursive = skip(name: "recursive")
        try expectBlockEnd()
        loopDepth += 1
        let body = try parseStatements(until: ["endfor", "else"])
        loopDepth -= 1
        var otherwise: [TemplateStatement] = []
        if skip(name: "else") {
            try expectBlockEnd()
            otherwise = try parseStatements(until: ["endfor"])
        }
        advance()
        try expectBlockEnd()
        return .loop(
            TemplateStatement.Loop(
                target: target, iterable: iterable, condition: condition, isRecursive: isRecursive, body: body,
                otherwise: otherwise))
    }

    private mutating func parseSet() throws(ChatTemplateError) -> TemplateStatement.Kind {
        let target = try parseTarget()
        if skip(symbol: "=") {
            let value = try parseExpressions()
            try expectBlockEnd()
            return .set(target, value)
        }
        let filters = try parseFilterNames(first: false)
        return .capture(target, filters, try parseBody("endset"))
    }

    private mutating func parseWith() throws(ChatTemplateError) -> TemplateStatement.Kind {
        var bindings: [(target: TemplateStatement.Target, value: TemplateExpression)] = []
        while !isBlockEnd {
            if !bindings.isEmpty { try expect(symbol: ",") }
            let target = try parseTargetElement()
            try expect(symbol: "=")
            bindings.append((target, try parseExpression()))
        }
        return .with(bindings, try parseBody("endwith"))
    }

    // MARK: - Macros

    private mutating func parseMacro() throws(ChatTemplateError) -> TemplateStatement.Kind {
        let name = try expectName()
        return .macro(try parseMacro(named: name, parameters: try parseParameters(), end: "endmacro"))
    }

    private mutating func parseCall() throws(ChatTemplateError) -> TemplateStatement.Kind {
        // The parameters of the caller come before the call: `{% call(item) list(items) %}`.
        let parameters = isSymbol("(") ? try parseParameters() : []
        let expression = try parseExpression()
        guard case .call = expression else { throw failure("'call' needs a call") }
        return .call(expression, caller: try parseMacro(named: "caller", parameters: parameters, end: "endcall"))
    }

    private mutating func parseMacro(
        named name: String, parameters: [TemplateMacro.Parameter], end: String
    ) throws(ChatTemplateError) -> TemplateMacro {
        let (outerMentions, outerLoopDepth) = (mentions, loopDepth)
        (mentions, loopDepth) = ([], 0)
        let body = try parseBody(end)
        defer { (mentions, loopDepth) = (outerMentions, outerLoopDepth) }
        return TemplateMacro(name: name, parameters: parameters, body: body, mentions: mentions)
    }

    private mutating func parseParameters() throws(ChatTemplateError) -> [TemplateMacro.Parameter] {
        try expect(symbol: "(")
        var parameters: [TemplateMacro.Parameter] = []
        while !skip(symbol: ")") {
            if !parameters.isEmpty { try expect(symbol: ",") }
            let name = try expectName()
            let value = skip(symbol: "=") ? try parseExpression() : nil
            if value == nil, parameters.last?.defaultValue != nil {
                throw failure("a parameter without a default after one with a default")
            }
            parameters.append(TemplateMacro.Parameter(name: name, defaultValue: value))
        }
        return parameters
    }

    // MARK: - Targets

    /// What is assigned to: a name, an attribute of a namespace, or several of them with commas.
    private mutating func parseTarget() throws(ChatTemplateError) -> TemplateStatement.Target {
        var targets = [try parseTargetElement()]
        var isTuple = false
        while skip(symbol: ",") {
            isTuple = true
            guard case .name(let name) = current.kind, name != "in" else {
                guard isSymbol("(") else { break }
                targets.append(try parseTargetElement())
                continue
            }
            targets.append(try parseTargetElement())
        }
        return isTuple ? .tuple(targets) : targets[0]
    }

    private mutating func parseTargetElement() throws(ChatTemplateError) -> TemplateStatement.Target {
        if skip(symbol: "(") {
            let target = try nested { parser throws(ChatTemplateError) in try parser.parseTarget() }
            try expect(symbol: ")")
            return target
        }
        let name = try expectName()
        guard !["true", "True", "false", "False", "none", "None"].contains(name) else {
            throw failure("cannot assign to '\(name)'")
        }
        return skip(symbol: ".") ? .attribute(name, try expectName()) : .name(name)
    }
}
