import OctavoCore

/// Validates instances as JSON Schema defines it, as far as random schemas go: written apart from the compiler, to check it.
enum SchemaValidator {
    static func isValid(_ value: JSONValue, _ schema: JSONValue) throws -> Bool {
        if let schemas = schema["anyOf"]?.arrayValue {
            return try schemas.contains { try isValid(value, $0) }
        }
        if let values = schema["enum"]?.arrayValue { return values.contains(value) }
        let types = schema["type"].map { $0.arrayValue ?? [$0] }?.compactMap(\.stringValue) ?? []
        guard types.isEmpty || types.contains(where: { isOfType(value, $0) }) else { return false }
        switch value {
        case .string(let text): return try isValid(text, schema)
        case .integer, .double, .bigInteger: return isValid(value.doubleValue ?? .nan, schema)
        case .array(let elements): return try isValid(elements, schema)
        case .object(let object): return try isValid(object, schema)
        case .null, .bool: return true
        }
    }

    private static func isOfType(_ value: JSONValue, _ type: String) -> Bool {
        switch (value, type) {
        case (.integer, "integer"), (.bigInteger, "integer"): true
        default: value.typeName == type
        }
    }

    private static func isValid(_ text: String, _ schema: JSONValue) throws -> Bool {
        let count = text.unicodeScalars.count
        if let minimum = schema["minLength"]?.integerValue, count < minimum { return false }
        if let maximum = schema["maxLength"]?.integerValue, count > maximum { return false }
        if let pattern = schema["pattern"]?.stringValue {
            return try text.firstMatch(of: Regex(pattern)) != nil
        }
        return schema["format"] == nil || text.wholeMatch(of: /\d{4}-\d\d-\d\d/) != nil
    }

    private static func isValid(_ number: Double, _ schema: JSONValue) -> Bool {
        if let minimum = schema["minimum"]?.doubleValue, number < minimum { return false }
        if let maximum = schema["maximum"]?.doubleValue, number > maximum { return false }
        if let minimum = schema["exclusiveMinimum"]?.doubleValue, number <= minimum { return false }
        return true
    }

    private static func isValid(_ elements: [JSONValue], _ schema: JSONValue) throws -> Bool {
        if let minimum = schema["minItems"]?.integerValue, elements.count < minimum { return false }
        if let maximum = schema["maxItems"]?.integerValue, elements.count > maximum { return false }
        guard let items = schema["items"] else { return true }
        return try elements.allSatisfy { try isValid($0, items) }
    }

    private static func isValid(_ object: JSONObject, _ schema: JSONValue) throws -> Bool {
        let required = schema["required"]?.arrayValue?.compactMap(\.stringValue) ?? []
        guard required.allSatisfy({ object[$0] != nil }) else { return false }
        for member in object.members {
            if let property = schema["properties"]?[member.key] {
                guard try isValid(member.value, property) else { return false }
            } else if schema["additionalProperties"] == false {
                return false
            }
        }
        return true
    }
}
