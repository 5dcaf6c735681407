/// The methods of text, lists and mappings.
enum TemplateMethods {
    /// The method `name` of `value`, bound to it; nothing if its type has none.
    ///
    /// Methods that would change a value are there but cannot be used, as in Jinja's immutable sandbox.
    static func method(_ name: String, of value: TemplateValue) -> TemplateValue? {
        switch value {
        case .text(let text): bound(name, text, of: value, in: ofText)
        case .mapping(let mapping):
            mutatingMapping.contains(name)
                ? .undefined(.unsafe(name, of: value.typeName)) : bound(name, mapping, of: value, in: ofMapping)
        case .list(let sequence):
            mutatingList.contains(name)
                ? .undefined(.unsafe(name, of: value.typeName)) : bound(name, sequence, of: value, in: ofSequence)
        case .tuple(let sequence): bound(name, sequence, of: value, in: ofSequence)
        default: nil
        }
    }

    typealias Method<Receiver> =
        @Sendable (TemplateEvaluator, Receiver, TemplateArguments) throws -> TemplateValue

    private static func bound<Receiver>(
        _ name: String, _ receiver: Receiver, of value: TemplateValue, in methods: [String: Method<Receiver>]
    ) -> TemplateValue? {
        guard let method = methods[name] else { return nil }
        return .callable(
            TemplateCallable(name, depth: value.depth) { evaluator, arguments in
                try method(evaluator, receiver, arguments)
            })
    }

    private static let mutatingMapping: Set = ["clear", "pop", "popitem", "setdefault", "update"]
    private static let mutatingList: Set = [
        "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort",
    ]

    private static let ofMapping: [String: Method<TemplateMapping>] = [
        "copy": { _, mapping, _ in .mapping(mapping) },
        "get": { _, mapping, arguments in
            let bound = try arguments.bound("get", to: "key", "default")
            guard let key = bound[0] else { throw TemplateFault.evaluation("get() needs a key") }
            return mapping[key] ?? bound[1] ?? .none
        },
        "items": { _, mapping, _ in .list(mapping.pairs) },
        "keys": { _, mapping, _ in .list(mapping.entries.map(\.key)) },
        "values": { _, mapping, _ in .list(mapping.entries.map(\.value)) },
    ]

    private static let ofSequence: [String: Method<TemplateSequence>] = [
        "copy": { _, sequence, _ in .list(sequence) },
        "count": { evaluator, sequence, arguments in
            guard let value = try arguments.bound("count", to: "value")[0] else {
                throw TemplateFault.evaluation("count() needs a value")
            }
            return .integer(try sequence.elements.count { try $0.equals(value, evaluator.budget) })
        },
        "index": { evaluator, sequence, arguments in
            guard let value = try arguments.bound("index", to: "value")[0],
                let index = try sequence.elements.firstIndex(where: { try $0.equals(value, evaluator.budget) })
            else { throw TemplateFault.evaluation("index() of a value that is not in the list") }
            return .integer(index)
        },
    ]
}
