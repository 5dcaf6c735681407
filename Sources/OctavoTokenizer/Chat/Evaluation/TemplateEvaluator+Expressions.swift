extension TemplateEvaluator {
    func evaluate(_ expression: TemplateExpression) throws -> TemplateValue {
        try budget.charge()
        let value = try nested { try unboundedValue(of: expression) }
        try budget.check(depth: value.depth)
        if case .text(let text) = value { try budget.charge(text.bytes.count / 64) }
        return value
    }

    private func unboundedValue(of expression: TemplateExpression) throws -> TemplateValue {
        switch expression {
        case .constant(let constant): return TemplateValue(constant)
        case .name(let name): return scope[name] ?? TemplateFunctions.value(name) ?? .undefined(.variable(name))
        case .list(let elements): return .list(try evaluate(elements))
        case .tuple(let elements): return .tuple(try evaluate(elements))
        case .mapping(let entries): return .mapping(try evaluate(entries))
        case .attribute(let base, let name): return try attribute(name, of: try evaluate(base))
        case .element(let base, let key): return try element(try evaluate(key), of: try evaluate(base))
        case .slice(let base, let slice): return try self.slice(slice, of: try evaluate(base))
        case .call(let callee, let arguments): return try call(try evaluate(callee), try evaluate(arguments))
        case .filter(let base, let filter): return try apply(filter, to: try evaluate(base))
        case .test(let base, let test): return try check(test, on: try evaluate(base))
        case .not(let operand): return .bool(try !evaluate(operand).isTrue)
        case .negative(let operand): return try negated(try evaluate(operand))
        case .positive(let operand): return try number(try evaluate(operand), "unary +").value
        case .arithmetic(let symbol, let left, let right):
            return try compute(symbol, try evaluate(left), try evaluate(right))
        case .and(let left, let right):
            let value = try evaluate(left)
            return value.isTrue ? try evaluate(right) : value
        case .or(let left, let right):
            let value = try evaluate(left)
            return value.isTrue ? value : try evaluate(right)
        case .concatenation(let operands): return try concatenated(operands)
        case .comparison(let first, let rest): return try compared(first, rest)
        case .conditional(let condition, let then, let otherwise):
            if try evaluate(condition).isTrue { return try evaluate(then) }
            return try otherwise.map { try evaluate($0) }
                ?? .undefined(.other("the condition was false and there is no else"))
        }
    }

    private func evaluate(_ expressions: [TemplateExpression]) throws -> [TemplateValue] {
        try expressions.map(evaluate)
    }

    private func evaluate(
        _ entries: [(key: TemplateExpression, value: TemplateExpression)]
    ) throws -> TemplateMapping {
        try TemplateMapping(entries.map { (try evaluate($0.key), try evaluate($0.value)) })
    }

    private func concatenated(_ operands: [TemplateExpression]) throws -> TemplateValue {
        var result = TemplateTextBuilder(budget)
        for operand in operands { try result.append(try text(of: try evaluate(operand))) }
        return .text(result.text)
    }

    // MARK: - Calls, filters and tests

    func evaluate(_ arguments: TemplateExpression.Arguments) throws -> TemplateArguments {
        var result = TemplateArguments(positional: try evaluate(arguments.positional))
        result.keyword = try arguments.keyword.map { ($0.name, try evaluate($0.value)) }
        if let spread = arguments.spreadPositional {
            result.positional.append(contentsOf: try elements(of: try evaluate(spread)))
        }
        if let spread = arguments.spreadKeyword {
            guard case .mapping(let mapping) = try evaluate(spread) else {
                throw TemplateFault.evaluation("argument after ** must be a mapping")
            }
            for entry in mapping.entries { result.keyword.append((try text(of: entry.key).string, entry.value)) }
        }
        return result
    }

    func call(_ callee: TemplateValue, _ arguments: TemplateArguments) throws -> TemplateValue {
        switch callee {
        case .callable(let callable): return try callable.body(self, arguments)
        case .loop(let loop): return try recurse(loop, arguments)
        case .undefined(let undefined): throw undefined.fault
        default: throw TemplateFault.evaluation("'\(callee.typeName)' object is not callable")
        }
    }

    func apply(_ filter: TemplateExpression.FilterCall, to value: TemplateValue) throws -> TemplateValue {
        try apply(filter: filter.name, to: value, try evaluate(filter.arguments))
    }

    func apply(
        filter name: String, to value: TemplateValue, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        guard let filter = TemplateFilters.all[name] else {
            throw TemplateFault.evaluation("no filter named '\(name)'")
        }
        return try filter(self, value, arguments)
    }

    private func check(_ test: TemplateExpression.FilterCall, on value: TemplateValue) throws -> TemplateValue {
        .bool(try check(test: test.name, on: value, try evaluate(test.arguments)))
    }

    func check(
        test name: String, on value: TemplateValue, _ arguments: TemplateArguments
    ) throws -> Bool {
        guard let test = TemplateTests.all[name] else { throw TemplateFault.evaluation("no test named '\(name)'") }
        return try test(self, value, arguments)
    }
}

extension TemplateValue {
    init(_ constant: TemplateConstant) {
        switch constant {
        case .none: self = .none
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(value)
        case .bigInteger(let digits): self = .bigInteger(digits)
        case .double(let value): self = .double(value)
        case .text(let text): self = .text(text)
        }
    }
}
