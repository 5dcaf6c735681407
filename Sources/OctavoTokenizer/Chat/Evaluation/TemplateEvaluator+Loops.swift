extension TemplateEvaluator {
    func execute(_ statement: TemplateStatement.Loop) throws {
        try run(statement, over: try evaluate(statement.iterable), scope: scope, level: 0)
    }

    /// Runs the loop over the elements of `value`, its body in a new scope within `outer` each time.
    private func run(
        _ statement: TemplateStatement.Loop, over value: TemplateValue, scope outer: TemplateScope, level: Int
    ) throws {
        let loop = try makeLoop(statement, over: value, scope: outer, level: level)
        while let element = try loop.advance(self) {
            let inner = TemplateScope(parent: outer, variables: ["loop": .loop(loop)])
            let flow = try scoped(inner) {
                try assign(element, to: statement.target)
                return try execute(statement.body)
            }
            if case .breaking = flow { break }
        }
        guard loop.index < 0 else { return }
        try scoped(TemplateScope(parent: outer)) { _ = try execute(statement.otherwise) }
    }

    private func makeLoop(
        _ statement: TemplateStatement.Loop, over value: TemplateValue, scope outer: TemplateScope, level: Int
    ) throws -> TemplateLoop {
        let elements = try iterator(over: value)
        guard let condition = statement.condition else {
            return TemplateLoop(
                over: elements, count: value.count, statement: statement, scope: outer, level: level)
        }
        let matching = TemplateIterator(depth: elements.depth) { evaluator in
            while let element = try elements.next(evaluator) {
                let isWanted = try evaluator.scoped(TemplateScope(parent: outer)) {
                    try evaluator.assign(element, to: statement.target)
                    return try evaluator.evaluate(condition).isTrue
                }
                if isWanted { return element }
            }
            return nil
        }
        return TemplateLoop(over: matching, count: nil, statement: statement, scope: outer, level: level)
    }

    /// `loop(elements)`: the same loop, one level down, as text.
    func recurse(_ loop: TemplateLoop, _ arguments: TemplateArguments) throws -> TemplateValue {
        guard loop.statement.isRecursive, arguments.positional.count == 1 else {
            throw TemplateFault.evaluation("a loop must be marked 'recursive' to be called, with one argument")
        }
        let text = try captured {
            try run(loop.statement, over: arguments.positional[0], scope: loop.scope, level: loop.level + 1)
        }
        return .text(text)
    }

    /// An iterator over what Python's `iter` would read.
    func iterator(over value: TemplateValue) throws -> TemplateIterator {
        switch value {
        case .undefined: return TemplateIterator([], depth: 0)
        case .list(let sequence), .tuple(let sequence):
            return TemplateIterator(sequence.elements, depth: sequence.depth)
        case .mapping(let mapping): return TemplateIterator(mapping.entries.map(\.key), depth: mapping.depth)
        case .text(let text): return iterator(over: text)
        case .iterator(let iterator): return iterator
        default: throw TemplateFault.evaluation("'\(value.typeName)' object is not iterable")
        }
    }

    private func iterator(over text: TemplateText) -> TemplateIterator {
        var offset = 0
        return TemplateIterator(depth: 0) { _ in
            guard offset < text.bytes.count else { return nil }
            let start = offset
            offset = text.offset(after: start)
            return .text(text[start..<offset])
        }
    }

    /// All elements of an iterable value.
    func elements(of value: TemplateValue) throws -> [TemplateValue] {
        switch value {
        case .list(let sequence), .tuple(let sequence):
            try budget.charge(sequence.elements.count)
            return sequence.elements
        default:
            let iterator = try iterator(over: value)
            var elements: [TemplateValue] = []
            while let element = try iterator.next(self) { elements.append(element) }
            return elements
        }
    }
}

extension TemplateValue {
    /// Python's `len`, where there is one.
    var count: Int? {
        switch self {
        case .undefined: 0
        case .text(let text): text.scalarCount
        case .list(let sequence), .tuple(let sequence): sequence.elements.count
        case .mapping(let mapping): mapping.entries.count
        default: nil
        }
    }
}
