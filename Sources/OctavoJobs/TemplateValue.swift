internal import Mustache
internal import OctavoCore

/// A JSON value as a template sees it: text prints as it is, everything else as JSON, and what is empty counts as
/// nothing to a section.
enum TemplateValue {
    /// The value as an object that Mustache renders; `nil` for null, which is nothing.
    static func make(_ value: JSONValue) -> Any? {
        switch value {
        case .null: nil
        case .bool(let bool): bool
        case .string(let text): Text(renderText: text)
        case .integer, .bigInteger, .double: Text(renderText: value.jsonText)
        case .array(let elements): List(elements: elements)
        case .object(let object): Object(object: object)
        }
    }

    struct Text: MustacheCustomRenderable {
        let renderText: String
        var isNull: Bool { renderText.isEmpty }
    }

    struct List: MustacheSequence, MustacheCustomRenderable {
        let elements: [JSONValue]
        var renderText: String { JSONValue.array(elements).jsonText }
        var isNull: Bool { elements.isEmpty }

        func makeIterator() -> AnyIterator<Any> {
            var elements = elements.makeIterator()
            return AnyIterator { elements.next().map { TemplateValue.make($0) ?? Text(renderText: "") } }
        }
    }

    struct Object: MustacheParent, MustacheCustomRenderable {
        let object: JSONObject
        var renderText: String { JSONValue.object(object).jsonText }
        var isNull: Bool { object.isEmpty }

        func child(named name: String) -> Any? { object[name].flatMap(TemplateValue.make) }
    }

    /// The columns of a row, which note the names that nothing has.
    final class Row: MustacheParent {
        private let object: JSONObject
        private(set) var missing: [String] = []

        init(_ object: JSONObject) { self.object = object }

        func child(named name: String) -> Any? {
            let child = object[name].flatMap(TemplateValue.make)
            if child == nil { missing.append(name) }
            return child
        }
    }
}

extension JSONObject {
    /// The value at a path of names with dots between them.
    func value(at path: String) -> JSONValue? {
        var parts = path.split(separator: ".", omittingEmptySubsequences: true)[...]
        guard let first = parts.popFirst() else { return nil }
        var value = self[String(first)]
        while let part = parts.popFirst() {
            value =
                Int(part).flatMap { index in
                    value?.arrayValue.flatMap { $0.indices.contains(index) ? $0[index] : nil }
                } ?? value?[String(part)]
        }
        return value.flatMap { $0.isNull ? nil : $0 }
    }
}
