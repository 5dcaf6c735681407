import Foundation
import OctavoCore

/// Turns a JSON schema into a term: the texts of its instances.
struct SchemaCompiler {
    static let maximumDepth = 100

    var terms: TermStore
    private let root: JSONValue
    /// The rules of places that `$ref` names, by the pointer to them.
    private var rules: [String: Int32] = [:]
    private var pending: [(rule: Int32, schema: JSONValue, path: String)] = []

    init(_ root: JSONValue, terms: TermStore) {
        self.root = root
        self.terms = terms
    }

    /// The term of the whole schema.
    ///
    /// - Throws: what is not supported or cannot be satisfied, and where.
    mutating func compile() throws(StructureError) -> Term {
        let whole = try reference("#", at: "")
        let first = Int32(terms.rules.count) - 1
        while let next = pending.popLast() { terms.define(next.rule, as: try term(of: next.schema, at: next.path)) }
        try checkRules(from: first)
        return whole
    }

    /// The term of a schema, which is never empty text and never without texts.
    mutating func term(of schema: JSONValue, at path: String, depth: Int = 0) throws(StructureError) -> Term {
        guard depth < Self.maximumDepth else {
            throw StructureError("is nested deeper than \(Self.maximumDepth) schemas", at: path)
        }
        let object: JSONObject
        switch schema {
        case .bool(true): return try terms.anyValue()
        case .bool(false): throw StructureError("is false, which allows nothing: leave it out", at: path)
        case .object(let schema): object = schema
        default: throw StructureError("must be a schema, found \(schema.typeName)", at: path)
        }
        let keywords = try SchemaKeywords.validating(in: object, at: path)
        for key in ["$ref", "const", "enum", "anyOf", "oneOf", "allOf"] where keywords.contains(key) {
            let beside = keywords.subtracting([key] + (["const", "enum"].contains(key) ? ["type"] : []))
            if let other = beside.sorted().first {
                throw StructureError("\"\(other)\" beside \"\(key)\" is not supported: write one of them", at: path)
            }
            return try combined(key, of: object, at: path, depth: depth)
        }
        var parts: [Term] = []
        for type in try types(of: object, keywords, at: path) {
            parts.append(try self.term(ofType: type, object, at: path, depth: depth))
        }
        return try terms.choice(parts)
    }

    private mutating func term(
        ofType type: String, _ schema: JSONObject, at path: String, depth: Int
    ) throws(StructureError) -> Term {
        switch type {
        case "null": try terms.literal("null".utf8)
        case "boolean": try terms.anyBoolean()
        case "string": try string(schema, at: path)
        case "integer": try integer(schema, at: path)
        case "number": try number(schema, at: path)
        case "array": try array(schema, at: path, depth: depth)
        case "object": try object(schema, at: path, depth: depth)
        case "any": try terms.anyValue()
        default: throw StructureError("\"\(type)\" is no type of JSON", at: joined(path, "type"))
        }
    }

    /// The types that instances may have: those that `type` names, else the one that the keywords speak of.
    private func types(
        of schema: JSONObject, _ keywords: Set<String>, at path: String
    ) throws(StructureError) -> [String] {
        switch schema["type"] {
        case nil:
            let spoken = SchemaKeywords.byType.filter { !$0.keywords.isDisjoint(with: keywords) }.map(\.type)
            guard spoken.count < 2 else {
                throw StructureError("speaks of \(spoken.joined(separator: " and ")): give it a \"type\"", at: path)
            }
            return spoken.isEmpty ? ["any"] : spoken
        case .string(let type): return [type]
        case .array(let elements) where !elements.isEmpty:
            var types: [String] = []
            for element in elements {
                guard let type = element.stringValue else {
                    throw StructureError("must be names of types", at: joined(path, "type"))
                }
                types.append(type)
            }
            // Every integer is a number, too.
            return types.contains("number") ? types.filter { $0 != "integer" } : types
        default: throw StructureError("must be a name, or an array of names", at: joined(path, "type"))
        }
    }
}

// MARK: - References

extension SchemaCompiler {
    /// A text of the schema that a `$ref` names. It becomes a rule, so that schemas may contain themselves.
    mutating func reference(_ pointer: String, at path: String) throws(StructureError) -> Term {
        if let known = rules[pointer] { return try terms.rule(known) }
        let (schema, place) = try resolve(pointer, at: path)
        let rule = try terms.newRule()
        rules[pointer] = rule
        pending.append((rule, schema, place))
        return try terms.rule(rule)
    }

    /// The schema that a JSON pointer within the document names (RFC 6901), and its place.
    func resolve(_ pointer: String, at path: String) throws(StructureError) -> (JSONValue, path: String) {
        guard pointer.hasPrefix("#") else {
            throw StructureError(
                "\(JSONValue.string(pointer).jsonText) is outside of the schema: put what it names under \"$defs\"",
                at: path)
        }
        var value = root
        var place = ""
        let steps = pointer.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        guard steps.first?.isEmpty ?? true else {
            throw StructureError("anchors are not supported: write #/$defs/NAME", at: path)
        }
        for step in steps.dropFirst() {
            let plain = (step.removingPercentEncoding ?? String(step))
                .replacing("~1", with: "/").replacing("~0", with: "~")
            let next: JSONValue? =
                switch value {
                case .object(let object): object[plain]
                case .array(let elements): Int(plain).flatMap { elements.indices.contains($0) ? elements[$0] : nil }
                default: nil
                }
            guard let next else {
                throw StructureError("\(JSONValue.string(pointer).jsonText) names nothing in the schema", at: path)
            }
            place = if case .array = value { "\(place)[\(plain)]" } else { joined(place, plain) }
            value = next
        }
        return (value, place)
    }
}
