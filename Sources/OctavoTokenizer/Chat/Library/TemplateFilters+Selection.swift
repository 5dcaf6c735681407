extension TemplateFilters {
    static let selection: [String: TemplateFilter] = [
        "map": map,
        "reject": { evaluator, value, arguments in
            try select(evaluator, value, arguments, byAttribute: false, keeping: false)
        },
        "rejectattr": { evaluator, value, arguments in
            try select(evaluator, value, arguments, byAttribute: true, keeping: false)
        },
        "select": { evaluator, value, arguments in
            try select(evaluator, value, arguments, byAttribute: false, keeping: true)
        },
        "selectattr": { evaluator, value, arguments in
            try select(evaluator, value, arguments, byAttribute: true, keeping: true)
        },
    ]

    /// `map(attribute=…)` looks an attribute up in each element; `map('filter', …)` applies a filter to it.
    private static func map(
        _ evaluator: TemplateEvaluator, _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        let source = try source(value, evaluator)
        var arguments = arguments
        if arguments.positional.isEmpty, let attribute = arguments.takeKeyword("attribute") {
            let path = try TemplateAttributePath(attribute, fallback: arguments.takeKeyword("default"))
            return .iterator(
                TemplateIterator(depth: source.depth) { evaluator in
                    guard let element = try source.next(evaluator) else { return nil }
                    return try path.value(in: element, evaluator)
                })
        }
        guard case .text(let name)? = arguments.positional.first else {
            throw TemplateFault.evaluation("map() needs a filter or an attribute")
        }
        let rest = TemplateArguments(positional: Array(arguments.positional.dropFirst()), keyword: arguments.keyword)
        return .iterator(
            TemplateIterator(depth: source.depth) { evaluator in
                guard let element = try source.next(evaluator) else { return nil }
                return try evaluator.nested { try evaluator.apply(filter: name.string, to: element, rest) }
            })
    }

    /// The elements that pass a test, or whose attribute does; without a test, those that are true.
    private static func select(
        _ evaluator: TemplateEvaluator, _ value: TemplateValue, _ arguments: TemplateArguments, byAttribute: Bool,
        keeping isKept: Bool
    ) throws -> TemplateValue {
        let source = try source(value, evaluator)
        var positional = arguments.positional[...]
        let attribute = byAttribute ? positional.popFirst() : nil
        guard !byAttribute || attribute != nil else {
            throw TemplateFault.evaluation("selectattr() needs an attribute")
        }
        let path = try TemplateAttributePath(attribute)
        let test = try positional.popFirst().map { value in try evaluator.text(of: value).string }
        let rest = TemplateArguments(positional: Array(positional), keyword: arguments.keyword)
        return .iterator(
            TemplateIterator(depth: source.depth) { evaluator in
                while let element = try source.next(evaluator) {
                    let value = try path.value(in: element, evaluator)
                    let passes = try test.map { name in
                        try evaluator.nested { try evaluator.check(test: name, on: value, rest) }
                    }
                    if (passes ?? value.isTrue) == isKept { return element }
                }
                return nil
            })
    }

    /// What `map` and the like read: nothing of anything that is false, even of what is no sequence.
    private static func source(_ value: TemplateValue, _ evaluator: TemplateEvaluator) throws -> TemplateIterator {
        value.isTrue ? try evaluator.iterator(over: value) : TemplateIterator([], depth: 0)
    }
}
