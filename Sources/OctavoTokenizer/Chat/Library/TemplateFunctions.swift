/// The functions that every template sees.
enum TemplateFunctions {
    /// The function `name` as a value.
    static func value(_ name: String) -> TemplateValue? {
        all[name].map { .callable(TemplateCallable(name, body: $0)) }
    }

    private static let all: [String: @Sendable (TemplateEvaluator, TemplateArguments) throws -> TemplateValue] = [
        "cycler": cycler,
        "dict": { evaluator, arguments in .mapping(try TemplateMapping(try entries(evaluator, arguments, "dict"))) },
        "joiner": joiner,
        "namespace": namespace,
        "raise_exception": { evaluator, arguments in
            let message = try arguments.bound("raise_exception", to: "message")[0] ?? .none
            throw TemplateFault(kind: .raised, reason: try evaluator.text(of: message).string)
        },
        "range": range,
        "strftime_now": { evaluator, arguments in
            let format = try arguments.bound("strftime_now", to: "format")[0].text("strftime_now")
            let text = CalendarTime(evaluator.now).formatted(format.string)
            return .text(TemplateText(text, isTrusted: format.isTrusted))
        },
    ]

    /// The most elements of a `range`, as in Jinja's sandbox.
    private static let maximumRange = 100_000

    private static func range(
        _ evaluator: TemplateEvaluator, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        let bounds = try arguments.positional.map { try Optional($0).integer("range") }
        guard (1...3).contains(bounds.count), arguments.keyword.isEmpty else {
            throw TemplateFault.evaluation("range() takes one to three integers")
        }
        let (start, stop) = bounds.count == 1 ? (0, bounds[0]) : (bounds[0], bounds[1])
        let step = bounds.count == 3 ? bounds[2] : 1
        guard step != 0 else { throw TemplateFault.evaluation("range() by steps of zero") }
        let (distance, overflow) = (step > 0 ? stop : start).subtractingReportingOverflow(step > 0 ? start : stop)
        guard distance > 0 || overflow else { return .list([]) }
        guard !overflow, UInt(distance) / step.magnitude < maximumRange else {
            throw TemplateFault.limit("a range of more than \(maximumRange) elements")
        }
        let values = stride(from: start, to: stop, by: step)
        try evaluator.budget.charge(values.underestimatedCount)
        return .list(values.map(TemplateValue.integer))
    }

    private static func namespace(
        _ evaluator: TemplateEvaluator, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        var attributes: [String: TemplateValue] = [:]
        for entry in try entries(evaluator, arguments, "namespace") {
            attributes[try evaluator.text(of: entry.key).string] = entry.value
        }
        return .namespace(evaluator.makeNamespace(attributes))
    }

    /// What `dict` and `namespace` are made of: a mapping or pairs, and keyword arguments.
    private static func entries(
        _ evaluator: TemplateEvaluator, _ arguments: TemplateArguments, _ callee: String
    ) throws -> [TemplateMapping.Entry] {
        guard arguments.positional.count <= 1 else {
            throw TemplateFault.evaluation("\(callee)() takes at most one argument")
        }
        var entries: [TemplateMapping.Entry] = []
        switch arguments.positional.first {
        case nil: break
        case .mapping(let mapping)?: entries = mapping.entries
        case let pairs?:
            for pair in try evaluator.elements(of: pairs) {
                let pair = try evaluator.elements(of: pair)
                guard pair.count == 2 else {
                    throw TemplateFault.evaluation("\(callee)() needs pairs of key and value")
                }
                entries.append((pair[0], pair[1]))
            }
        }
        return entries + arguments.keyword.map { (.text(TemplateText($0.name)), $0.value) }
    }

    /// A function that returns nothing when first called, and the separator from then on.
    private static func joiner(
        _ evaluator: TemplateEvaluator, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        let separator = try arguments.bound("joiner", to: "sep")[0].text("joiner", default: ", ")
        var isFirst = true
        return .callable(
            TemplateCallable("joiner") { _, _ in
                defer { isFirst = false }
                return .text(isFirst ? TemplateText() : separator)
            })
    }

    /// An object whose `next()` returns the arguments in turn.
    private static func cycler(
        _ evaluator: TemplateEvaluator, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        let items = arguments.positional
        guard !items.isEmpty else { throw TemplateFault.evaluation("cycler() needs at least one item") }
        let depth = TemplateValue.list(items).depth
        var index = 0
        let next = TemplateCallable("next", depth: depth) { _, _ in
            defer { index = (index + 1) % items.count }
            return items[index]
        }
        let reset = TemplateCallable("reset", depth: depth) { _, _ in
            index = 0
            return .none
        }
        return .namespace(evaluator.makeNamespace(["next": .callable(next), "reset": .callable(reset)]))
    }
}
