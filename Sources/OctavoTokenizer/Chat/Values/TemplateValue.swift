internal import OctavoCore

/// A value of the template language: Python's, as far as templates see them.
///
/// Lists and mappings cannot be changed by a template (the reference environment is immutable), so they are values;
/// only a namespace is shared.
enum TemplateValue {
    /// What is missing: prints as nothing, and is an error when used.
    case undefined(TemplateUndefined)
    case none
    case bool(Bool)
    case integer(Int)
    /// An integer beyond 64 bits: printed and compared, but not reckoned with.
    case bigInteger(String)
    case double(Double)
    case text(TemplateText)
    case list(TemplateSequence)
    case tuple(TemplateSequence)
    case mapping(TemplateMapping)
    /// A generator, such as `map` returns: true even when empty, and consumed by its first reader.
    case iterator(TemplateIterator)
    case namespace(TemplateNamespace)
    /// The `loop` of a `for` statement.
    case loop(TemplateLoop)
    case callable(TemplateCallable)
}

extension TemplateValue {
    static func list(_ elements: [TemplateValue]) -> TemplateValue { .list(TemplateSequence(elements)) }

    static func tuple(_ elements: [TemplateValue]) -> TemplateValue { .tuple(TemplateSequence(elements)) }

    /// The input value `json`; its strings are not trusted.
    init(_ json: JSONValue) {
        switch json {
        case .null: self = .none
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(value)
        case .bigInteger(let digits): self = .bigInteger(digits)
        case .double(let value): self = .double(value)
        case .string(let value): self = .text(TemplateText(value, isTrusted: false))
        case .array(let elements): self = .list(elements.map { TemplateValue($0) })
        case .object(let object):
            self = .mapping(
                TemplateMapping(
                    unique: object.members.map {
                        (.text(TemplateText($0.key, isTrusted: false)), TemplateValue($0.value))
                    }))
        }
    }

    /// How deeply values are nested in this one.
    var depth: Int {
        switch self {
        case .list(let sequence), .tuple(let sequence): sequence.depth
        case .mapping(let mapping): mapping.depth
        case .iterator(let iterator): iterator.depth
        case .loop(let loop): loop.depth
        case .callable(let callable): callable.depth
        default: 0
        }
    }

    /// Python's truth: empty and zero are false, and so is what is missing.
    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .bool(let value): value
        case .integer(let value): value != 0
        case .double(let value): value != 0
        case .text(let text): !text.isEmpty
        case .list(let sequence), .tuple(let sequence): !sequence.elements.isEmpty
        case .mapping(let mapping): !mapping.entries.isEmpty
        case .bigInteger, .iterator, .namespace, .loop, .callable: true
        }
    }

    var isUndefined: Bool {
        if case .undefined = self { true } else { false }
    }

    /// Python's name of the type, for messages.
    var typeName: String {
        switch self {
        case .undefined: "Undefined"
        case .none: "NoneType"
        case .bool: "bool"
        case .integer, .bigInteger: "int"
        case .double: "float"
        case .text: "str"
        case .list: "list"
        case .tuple: "tuple"
        case .mapping: "dict"
        case .iterator: "generator"
        case .namespace: "Namespace"
        case .loop: "LoopContext"
        case .callable: "function"
        }
    }
}

/// What a missing value was looked for as, which is all that can be said when it is used.
enum TemplateUndefined {
    case variable(String)
    case attribute(String, of: String)
    case element(of: String)
    case unsafe(String, of: String)
    case parameter(String)
    case other(String)

    var reason: String {
        switch self {
        case .variable(let name): "'\(name)' is undefined"
        case .attribute(let name, let type): "'\(type) object' has no attribute '\(name)'"
        case .element(let type): "\(type) object has no such element"
        case .unsafe(let name, let type): "access to attribute '\(name)' of '\(type)' object is unsafe"
        case .parameter(let name): "parameter '\(name)' was not provided"
        case .other(let reason): reason
        }
    }

    var fault: TemplateFault { .evaluation(reason) }
}
