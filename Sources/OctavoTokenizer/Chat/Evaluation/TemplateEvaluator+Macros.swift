extension TemplateEvaluator {
    /// The macro as a value: it sees the scope in which it was written.
    func closure(_ macro: TemplateMacro) -> TemplateCallable {
        let scope = captureScope()
        return TemplateCallable(macro.name) { evaluator, arguments in
            try evaluator.invoke(macro, arguments, in: scope)
        }
    }

    /// `{% call(…) expression(…) %}…{% endcall %}`: the call, with the body as its `caller`.
    func execute(call expression: TemplateExpression, caller: TemplateMacro) throws {
        guard case .call(let callee, let written) = expression else { return }
        var arguments = try evaluate(written)
        arguments.keyword.append(("caller", .callable(closure(caller))))
        try output.append(try text(of: try call(try evaluate(callee), arguments)))
    }

    private func invoke(
        _ macro: TemplateMacro, _ arguments: TemplateArguments, in outer: TemplateScope
    ) throws -> TemplateValue {
        let callSite = line
        defer { line = callSite }
        let text = try nested {
            try scoped(TemplateScope(parent: outer)) {
                try bind(arguments, to: macro)
                return try captured { _ = try execute(macro.body) }
            }
        }
        return .text(text)
    }

    /// Sets the parameters of `macro` in the current scope. A default may refer to the parameters before it.
    private func bind(_ arguments: TemplateArguments, to macro: TemplateMacro) throws {
        var arguments = arguments
        if macro.mentions.contains("caller") {
            scope.variables["caller"] = arguments.takeKeyword("caller") ?? .undefined(.other("no caller defined"))
        }
        for (index, parameter) in macro.parameters.enumerated() {
            let named = arguments.takeKeyword(parameter.name)
            if index < arguments.positional.count {
                guard named == nil else {
                    throw TemplateFault.evaluation(
                        "macro '\(macro.name)' got two values for argument '\(parameter.name)'")
                }
                scope.variables[parameter.name] = arguments.positional[index]
            } else if let named {
                scope.variables[parameter.name] = named
            } else if let expression = parameter.defaultValue {
                scope.variables[parameter.name] = try evaluate(expression)
            } else {
                scope.variables[parameter.name] = .undefined(.parameter(parameter.name))
            }
        }
        try bindSurplus(arguments, of: macro)
    }

    private func bindSurplus(_ arguments: TemplateArguments, of macro: TemplateMacro) throws {
        let surplus = arguments.positional.dropFirst(macro.parameters.count)
        if macro.mentions.contains("varargs") {
            scope.variables["varargs"] = .tuple(Array(surplus))
        } else if !surplus.isEmpty {
            throw TemplateFault.evaluation(
                "macro '\(macro.name)' takes not more than \(macro.parameters.count) arguments")
        }
        if macro.mentions.contains("kwargs") {
            scope.variables["kwargs"] = .mapping(
                try TemplateMapping(arguments.keyword.map { (.text(TemplateText($0.name)), $0.value) }))
        } else if let unknown = arguments.keyword.first {
            throw TemplateFault.evaluation("macro '\(macro.name)' takes no keyword argument '\(unknown.name)'")
        }
    }
}
