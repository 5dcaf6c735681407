/// A filter: what stands before the bar, and the arguments in parentheses.
typealias TemplateFilter =
    @Sendable (TemplateEvaluator, TemplateValue, TemplateArguments) throws -> TemplateValue

/// The filters by name; most are Jinja's, `tojson` is Hugging Face's.
enum TemplateFilters {
    static let all: [String: TemplateFilter] = [text, sequences, selection, numbers, general].reduce(into: [:]) {
        $0.merge($1) { first, _ in first }
    }

    private static let general: [String: TemplateFilter] = [
        "attr": attribute, "d": defaulted, "default": defaulted, "items": items, "tojson": json,
    ]

    private static func attribute(
        _ evaluator: TemplateEvaluator, _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        let name = try arguments.bound("attr", to: "name")[0].text("attr").string
        switch value {
        case .mapping, .undefined: return .undefined(.attribute(name, of: value.typeName))
        default: return try evaluator.attribute(name, of: value)
        }
    }

    private static func defaulted(
        _ evaluator: TemplateEvaluator, _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        let bound = try arguments.bound("default", to: "default_value", "boolean")
        let isMissing = value.isUndefined || (bound[1].isTrue(default: false) && !value.isTrue)
        return isMissing ? bound[0] ?? .text(TemplateText()) : value
    }

    private static func items(
        _ evaluator: TemplateEvaluator, _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        switch value {
        case .undefined: return .iterator(TemplateIterator([], depth: 0))
        case .mapping(let mapping): return .iterator(TemplateIterator(mapping.pairs, depth: mapping.depth))
        default: throw TemplateFault.evaluation("can only get item pairs from a mapping")
        }
    }

    private static func json(
        _ evaluator: TemplateEvaluator, _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        let bound = try arguments.bound("tojson", to: "ensure_ascii", "indent", "separators", "sort_keys")
        var style = JSONDump.Style()
        style.escapesNonASCII = bound[0].isTrue(default: false)
        style.sortsKeys = bound[3].isTrue(default: false)
        switch bound[1] {
        case nil, TemplateValue.none?: break
        case .text(let text)?: style.indent = text
        case let count:
            var indent = TemplateTextBuilder(evaluator.budget)
            try indent.append(" ", count: try count.integer("tojson"))
            style.indent = indent.text
        }
        if style.indent != nil { style.itemSeparator = "," }
        if let separators = bound[2], separators.isTrue {
            let pair = try evaluator.elements(of: separators)
            guard pair.count == 2, case .text(let item) = pair[0], case .text(let key) = pair[1] else {
                throw TemplateFault.evaluation("tojson() needs two separators")
            }
            (style.itemSeparator, style.keySeparator) = (item, key)
        }
        return .text(try JSONDump.text(of: value, style: style, evaluator.budget))
    }
}

extension TemplateMapping {
    /// The entries as tuples of key and value.
    var pairs: [TemplateValue] { entries.map { .tuple([$0.key, $0.value]) } }
}
