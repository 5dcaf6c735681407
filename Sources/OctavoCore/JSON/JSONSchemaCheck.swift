/// Checks a JSON value against the part of JSON Schema that describes answers of a model.
///
/// Known are `type`, `enum`, `const`, `properties`, `required`, `additionalProperties` as a boolean, `items`, `minItems`,
/// `maxItems`, `minLength`, `maxLength`, `minimum`, `maximum` and `anyOf`; a keyword that is not known restricts nothing.
///
/// - SeeAlso: "JSON Schema: A Media Type for Describing JSON Documents", draft 2020-12.
public struct JSONSchemaCheck: Sendable, Hashable {
    let schema: JSONValue

    /// A check against `schema`, an object or a boolean.
    public init(_ schema: JSONValue) { self.schema = schema }

    /// The first place at which the value differs from what the schema asks for, and how; `nil` if it conforms.
    ///
    /// - Complexity: linear in the value, times the alternatives of `anyOf`.
    public func violation(in value: JSONValue) -> String? { Self.violation(in: value, schema, at: "") }

    private static func violation(in value: JSONValue, _ schema: JSONValue, at path: String) -> String? {
        guard let schema = schema.objectValue else {
            return schema == false ? told("is not allowed", path) : nil
        }
        if let problem = type(of: value, schema) ?? size(of: value, schema) { return told(problem, path) }
        if let alternatives = schema["anyOf"]?.arrayValue,
            !alternatives.contains(where: { violation(in: value, $0, at: path) == nil })
        {
            return told("fits none of the alternatives", path)
        }
        switch value {
        case .object(let object): return members(of: object, schema, at: path)
        case .array(let elements):
            guard let items = schema["items"] else { return nil }
            for (index, element) in elements.enumerated() {
                if let problem = violation(in: element, items, at: "\(path)[\(index)]") { return problem }
            }
            return nil
        default: return nil
        }
    }

    private static func members(of object: JSONObject, _ schema: JSONObject, at path: String) -> String? {
        func place(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
        for key in (schema["required"]?.arrayValue ?? []).compactMap(\.stringValue) where object[key] == nil {
            return told("is missing", place(key))
        }
        for member in object.members {
            if let property = schema["properties"]?[member.key] {
                if let problem = violation(in: member.value, property, at: place(member.key)) { return problem }
            } else if schema["additionalProperties"] == false {
                return told("is not in the schema", place(member.key))
            }
        }
        return nil
    }

    private static func type(of value: JSONValue, _ schema: JSONObject) -> String? {
        if let type = schema["type"] {
            let names = type.arrayValue?.compactMap(\.stringValue) ?? [type.stringValue ?? ""]
            guard names.contains(where: { conforms(value, to: $0) }) else {
                return "is not of type \(names.joined(separator: " or ")), but \(value.typeName)"
            }
        }
        if let options = schema["enum"]?.arrayValue, !options.contains(value) { return "is none of the allowed values" }
        if let constant = schema["const"], constant != value { return "is not the only allowed value" }
        return nil
    }

    private static func conforms(_ value: JSONValue, to type: String) -> Bool {
        switch type {
        case "integer":
            if case .bigInteger = value { true } else { value.integerValue != nil }
        default: value.typeName == type
        }
    }

    private static func size(of value: JSONValue, _ schema: JSONObject) -> String? {
        let size: (Double, low: String, high: String)
        switch value {
        case .string(let text): size = (Double(text.unicodeScalars.count), "minLength", "maxLength")
        case .array(let elements): size = (Double(elements.count), "minItems", "maxItems")
        case .integer, .bigInteger, .double: size = (value.doubleValue ?? 0, "minimum", "maximum")
        default: return nil
        }
        if let low = schema[size.low]?.doubleValue, size.0 < low { return "is below \(size.low)" }
        if let high = schema[size.high]?.doubleValue, size.0 > high { return "is above \(size.high)" }
        return nil
    }

    private static func told(_ problem: String, _ path: String) -> String {
        "\(path.isEmpty ? "the answer" : path) \(problem)"
    }
}
