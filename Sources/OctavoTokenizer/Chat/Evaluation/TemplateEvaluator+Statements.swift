extension TemplateEvaluator {
    /// How a block ended.
    enum Flow { case normal, breaking, continuing }

    func execute(_ statements: [TemplateStatement]) throws -> Flow {
        for statement in statements {
            line = statement.line
            let flow = try nested { try execute(statement.kind) }
            guard case .normal = flow else { return flow }
        }
        return .normal
    }

    private func execute(_ kind: TemplateStatement.Kind) throws -> Flow {
        switch kind {
        case .data(let text): try output.append(text)
        case .print(let expression): try output.append(try text(of: try evaluate(expression)))
        case .conditional(let branches, let otherwise): return try execute(branches, otherwise: otherwise)
        case .loop(let loop): try execute(loop)
        case .set(let target, let expression): try assign(try evaluate(expression), to: target)
        case .capture(let target, let filters, let body): try capture(body, through: filters, into: target)
        case .with(let bindings, let body): return try execute(bindings, body)
        case .macro(let macro): scope.variables[macro.name] = .callable(closure(macro))
        case .call(let expression, let caller): try execute(call: expression, caller: caller)
        case .filter(let filters, let body):
            try output.append(try text(of: try filtered(body, through: filters)))
        case .generation(let body): return try scoped(TemplateScope(parent: scope)) { try execute(body) }
        case .breakLoop: return .breaking
        case .continueLoop: return .continuing
        }
        return .normal
    }

    private func execute(
        _ branches: [TemplateStatement.Branch], otherwise: [TemplateStatement]
    ) throws -> Flow {
        for branch in branches where try evaluate(branch.condition).isTrue { return try execute(branch.body) }
        return try execute(otherwise)
    }

    private func execute(
        _ bindings: [(target: TemplateStatement.Target, value: TemplateExpression)], _ body: [TemplateStatement]
    ) throws -> Flow {
        // The values belong to the scope outside: they do not see each other's names.
        let values = try bindings.map { try evaluate($0.value) }
        return try scoped(TemplateScope(parent: scope)) {
            for (binding, value) in zip(bindings, values) { try assign(value, to: binding.target) }
            return try execute(body)
        }
    }

    // MARK: - Assignment

    func assign(_ value: TemplateValue, to target: TemplateStatement.Target) throws {
        switch target {
        case .name(let name): scope.variables[name] = value
        case .attribute(let name, let attribute):
            guard case .namespace(let namespace)? = scope[name] else {
                throw TemplateFault.evaluation("cannot assign attribute on non-namespace object")
            }
            namespace.attributes[attribute] = value
        case .tuple(let targets):
            let elements = try elements(of: value)
            guard elements.count == targets.count else {
                throw TemplateFault.evaluation("\(targets.count) values to unpack expected, not \(elements.count)")
            }
            for (target, element) in zip(targets, elements) { try assign(element, to: target) }
        }
    }

    /// What `body` writes, passed through `filters`.
    private func filtered(
        _ body: [TemplateStatement], through filters: [TemplateExpression.FilterCall]
    ) throws -> TemplateValue {
        let text = try scoped(TemplateScope(parent: scope)) {
            try captured { _ = try execute(body) }
        }
        var value = TemplateValue.text(text)
        for filter in filters { value = try apply(filter, to: value) }
        return value
    }

    private func capture(
        _ body: [TemplateStatement], through filters: [TemplateExpression.FilterCall],
        into target: TemplateStatement.Target
    ) throws {
        try assign(try filtered(body, through: filters), to: target)
    }
}
