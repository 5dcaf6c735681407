extension TemplateFilters {
    static let sequences: [String: TemplateFilter] = [
        "batch": batch,
        "count": length,
        "dictsort": sortedEntries,
        "first": { evaluator, value, _ in
            try evaluator.iterator(over: value).next(evaluator)
                ?? .undefined(.other("no first item of an empty sequence"))
        },
        "groupby": grouped,
        "join": join,
        "last": { evaluator, value, _ in
            if case .iterator = value { throw TemplateFault.evaluation("'generator' object is not reversible") }
            return try evaluator.elements(of: value).last ?? .undefined(.other("no last item of an empty sequence"))
        },
        "length": length,
        "list": { evaluator, value, _ in .list(try evaluator.elements(of: value)) },
        "max": { evaluator, value, arguments in try extreme(evaluator, value, arguments, name: "max", isLargest: true)
        },
        "min": { evaluator, value, arguments in try extreme(evaluator, value, arguments, name: "min", isLargest: false)
        },
        "reverse": reverse,
        "slice": slices,
        "sort": sort,
        "sum": sum,
        "unique": unique,
    ]

    private static func length(
        _ evaluator: TemplateEvaluator, _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        _ = try arguments.bound("length")
        guard let count = value.count else {
            throw TemplateFault.evaluation("object of type '\(value.typeName)' has no len()")
        }
        return .integer(count)
    }

    private static func join(
        _ evaluator: TemplateEvaluator, _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        let bound = try arguments.bound("join", to: "d", "attribute")
        let separator = try bound[0].map { value in try evaluator.text(of: value) }
        let path = try TemplateAttributePath(bound[1])
        let pieces = try evaluator.elements(of: value).map {
            try evaluator.text(of: try path.value(in: $0, evaluator))
        }
        return .text(try TextLayout.joined(pieces, by: separator ?? TemplateText(), evaluator.budget))
    }

    private static func reverse(
        _ evaluator: TemplateEvaluator, _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        if case .text(let text) = value {
            return .text(try TextLayout.joined(text.characters.reversed(), by: TemplateText(), evaluator.budget))
        }
        let elements = try evaluator.elements(of: value)
        return .iterator(TemplateIterator(elements.reversed(), depth: value.depth))
    }

    private static func sort(
        _ evaluator: TemplateEvaluator, _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        let bound = try arguments.bound("sort", to: "reverse", "case_sensitive", "attribute")
        let isCaseless = !bound[1].isTrue(default: false)
        var attributes = [bound[2]]
        if case .text(let text)? = bound[2] { attributes = text.split(on: ",", limit: .max).map { .text($0) } }
        let paths = try attributes.map { try TemplateAttributePath($0, isCaseless: isCaseless) }
        let elements = try evaluator.elements(of: value)
        return .list(
            try TemplateSorting.sorted(elements, descending: bound[0].isTrue(default: false), evaluator.budget) {
                element in
                .list(try paths.map { try $0.value(in: element, evaluator) })
            })
    }

    private static func sortedEntries(
        _ evaluator: TemplateEvaluator, _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        let bound = try arguments.bound("dictsort", to: "case_sensitive", "by", "reverse")
        guard case .mapping(let mapping) = value else { throw TemplateFault.evaluation("dictsort() needs a mapping") }
        let by = try bound[1].text("dictsort", default: "key")
        guard by == "key" || by == "value" else {
            throw TemplateFault.evaluation("dictsort() sorts by 'key' or 'value'")
        }
        let isCaseless = !bound[0].isTrue(default: false)
        let entries = try TemplateSorting.sorted(
            mapping.entries, descending: bound[2].isTrue(default: false), evaluator.budget
        ) {
            entry in
            let key = by == "key" ? entry.key : entry.value
            return isCaseless ? TemplateSorting.caseless(key) : key
        }
        return .list(entries.map { .tuple([$0.key, $0.value]) })
    }

    private static func unique(
        _ evaluator: TemplateEvaluator, _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        let bound = try arguments.bound("unique", to: "case_sensitive", "attribute")
        let path = try TemplateAttributePath(bound[1], isCaseless: !bound[0].isTrue(default: false))
        let source = try evaluator.iterator(over: value)
        var seen: Set<TemplateKey> = []
        return .iterator(
            TemplateIterator(depth: source.depth) { evaluator in
                while let element = try source.next(evaluator) {
                    let value = try path.value(in: element, evaluator)
                    guard let key = TemplateKey(value) else {
                        throw TemplateFault.evaluation("unhashable type: '\(value.typeName)'")
                    }
                    if seen.insert(key).inserted { return element }
                }
                return nil
            })
    }

    private static func grouped(
        _ evaluator: TemplateEvaluator, _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        let bound = try arguments.bound("groupby", to: "attribute", "default", "case_sensitive")
        let isCaseless = !bound[2].isTrue(default: false)
        let path = try TemplateAttributePath(bound[0], fallback: bound[1])
        let keyPath = try TemplateAttributePath(bound[0], isCaseless: isCaseless, fallback: bound[1])
        let elements = try TemplateSorting.sorted(try evaluator.elements(of: value), evaluator.budget) { element in
            try keyPath.value(in: element, evaluator)
        }
        var groups: [(key: TemplateValue, elements: [TemplateValue])] = []
        for element in elements {
            let key = try keyPath.value(in: element, evaluator)
            if let last = groups.last, try last.key.equals(key, evaluator.budget) {
                groups[groups.count - 1].elements.append(element)
            } else {
                groups.append((key, [element]))
            }
        }
        return .list(
            try groups.map { .tuple([try path.value(in: $0.elements[0], evaluator), .list($0.elements)]) })
    }

    // MARK: - Cutting up

    private static func batch(
        _ evaluator: TemplateEvaluator, _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        let bound = try arguments.bound("batch", to: "linecount", "fill_with")
        let size = try bound[0].integer("batch")
        guard size > 0 else { throw TemplateFault.evaluation("batch() needs a size above zero") }
        let elements = try evaluator.elements(of: value)
        var batches = stride(from: 0, to: elements.count, by: size).map {
            Array(elements[$0...].prefix(size))
        }
        if let filling = given(bound[1]), let last = batches.last {
            try evaluator.budget.charge(size - last.count)
            batches[batches.count - 1] += repeatElement(filling, count: size - last.count)
        }
        return .iterator(TemplateIterator(batches.map(TemplateValue.list), depth: value.depth + 1))
    }

    private static func slices(
        _ evaluator: TemplateEvaluator, _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        let bound = try arguments.bound("slice", to: "slices", "fill_with")
        let count = try bound[0].integer("slice")
        guard count > 0 else { throw TemplateFault.evaluation("slice() needs a number of slices above zero") }
        try evaluator.budget.charge(count)
        var rest = try evaluator.elements(of: value)[...]
        let (size, longer) = rest.count.quotientAndRemainder(dividingBy: count)
        var slices: [TemplateValue] = []
        for number in 0..<count {
            var slice = Array(rest.prefix(number < longer ? size + 1 : size))
            rest = rest.dropFirst(slice.count)
            if number >= longer, let filling = given(bound[1]) { slice.append(filling) }
            slices.append(.list(slice))
        }
        return .iterator(TemplateIterator(slices, depth: value.depth + 1))
    }

    private static func given(_ value: TemplateValue?) -> TemplateValue? {
        if case TemplateValue.none? = value { nil } else { value }
    }

    // MARK: - Folding

    private static func sum(
        _ evaluator: TemplateEvaluator, _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        let bound = try arguments.bound("sum", to: "attribute", "start")
        let path = try TemplateAttributePath(bound[0])
        var total = bound[1] ?? .integer(0)
        if case .text = total { throw TemplateFault.evaluation("sum() cannot sum strings") }
        for element in try evaluator.elements(of: value) {
            total = try evaluator.compute(.add, total, try path.value(in: element, evaluator))
        }
        return total
    }

    private static func extreme(
        _ evaluator: TemplateEvaluator, _ value: TemplateValue, _ arguments: TemplateArguments, name: String,
        isLargest: Bool
    ) throws -> TemplateValue {
        let bound = try arguments.bound(name, to: "case_sensitive", "attribute")
        let path = try TemplateAttributePath(bound[1], isCaseless: !bound[0].isTrue(default: false))
        var best: (key: TemplateValue, element: TemplateValue)?
        for element in try evaluator.elements(of: value) {
            let key = try path.value(in: element, evaluator)
            if let current = best {
                let (smaller, larger) = isLargest ? (current.key, key) : (key, current.key)
                let isBetter = try smaller.isLess(than: larger, evaluator.budget)
                guard isBetter else { continue }
            }
            best = (key, element)
        }
        return best?.element ?? .undefined(.other("no item of an empty sequence"))
    }
}
