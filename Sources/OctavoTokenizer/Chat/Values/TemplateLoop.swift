/// The state of a running `for`, which templates see as `loop`.
///
/// It looks one element ahead only when asked (`loop.last`, `loop.nextitem`), so that a condition on the loop sees what
/// its body did before.
final class TemplateLoop {
    let source: TemplateIterator
    /// The statement, for `loop(…)` in a recursive one.
    let statement: TemplateStatement.Loop
    /// The scope around the loop.
    let scope: TemplateScope
    /// How many loops around it are the same recursive one.
    let level: Int
    private(set) var index = -1
    private var current: TemplateValue?
    private var previous: TemplateValue?
    private var ahead: [TemplateValue] = []
    private var knownCount: Int?
    private var lastChanged: TemplateValue?

    /// - Parameter count: the number of elements, where it is known without reading them.
    init(
        over source: TemplateIterator, count: Int?, statement: TemplateStatement.Loop, scope: TemplateScope, level: Int
    ) {
        self.source = source
        self.statement = statement
        self.scope = scope
        self.level = level
        knownCount = count
    }

    var depth: Int { source.depth + 1 }

    /// Steps to the next element.
    func advance(_ evaluator: TemplateEvaluator) throws -> TemplateValue? {
        guard let next = try peek(evaluator) else { return nil }
        ahead.removeFirst()
        index += 1
        previous = current
        current = next
        return next
    }

    private func peek(_ evaluator: TemplateEvaluator) throws -> TemplateValue? {
        if ahead.isEmpty, let next = try source.next(evaluator) { ahead.append(next) }
        return ahead.first
    }

    private func count(_ evaluator: TemplateEvaluator) throws -> Int {
        if let knownCount { return knownCount }
        while let next = try source.next(evaluator) { ahead.append(next) }
        let count = index + 1 + ahead.count
        knownCount = count
        return count
    }

    /// The value of `loop.NAME`.
    func attribute(_ name: String, _ evaluator: TemplateEvaluator) throws -> TemplateValue {
        switch name {
        case "index": .integer(index + 1)
        case "index0": .integer(index)
        case "revindex": .integer(try count(evaluator) - index)
        case "revindex0": .integer(try count(evaluator) - index - 1)
        case "first": .bool(index == 0)
        case "last": .bool(try peek(evaluator) == nil)
        case "length": .integer(try count(evaluator))
        case "depth": .integer(level + 1)
        case "depth0": .integer(level)
        case "previtem": previous ?? .undefined(.other("there is no previous item"))
        case "nextitem": try peek(evaluator) ?? .undefined(.other("there is no next item"))
        case "cycle": .callable(TemplateCallable("cycle", depth: depth, body: cycle))
        case "changed": .callable(TemplateCallable("changed", depth: depth, body: changed))
        default: .undefined(.attribute(name, of: "loop"))
        }
    }

    private func cycle(
        _ evaluator: TemplateEvaluator, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        guard !arguments.positional.isEmpty else { throw TemplateFault.evaluation("no items for cycling given") }
        return arguments.positional[max(0, index) % arguments.positional.count]
    }

    private func changed(
        _ evaluator: TemplateEvaluator, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        let current = TemplateValue.list(arguments.positional)
        let isSame = try lastChanged?.equals(current, evaluator.budget) ?? false
        lastChanged = current
        return .bool(!isSame)
    }
}
