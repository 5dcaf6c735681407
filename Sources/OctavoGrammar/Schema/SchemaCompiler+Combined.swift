import OctavoCore

/// Schemas made of others or of values.
extension SchemaCompiler {
    mutating func combined(
        _ key: String, of schema: JSONObject, at path: String, depth: Int
    ) throws(StructureError) -> Term {
        let place = joined(path, key)
        let value = schema[key] ?? .null
        switch key {
        case "$ref":
            guard let pointer = value.stringValue else {
                throw StructureError("must be a string, found \(value.typeName)", at: place)
            }
            return try reference(pointer, at: place)
        case "const": return try choice(of: [value], types: schema["type"], at: place)
        case "enum":
            guard let values = value.arrayValue, !values.isEmpty else {
                throw StructureError("must be an array of values", at: place)
            }
            return try choice(of: values, types: schema["type"], at: place)
        default:
            guard let schemas = value.arrayValue, !schemas.isEmpty else {
                throw StructureError("must be an array of schemas", at: place)
            }
            if key == "allOf", schemas.count > 1 {
                throw StructureError("of more than one schema is not supported: write them as one", at: place)
            }
            if key == "oneOf" { try checkDisjoint(schemas, at: place) }
            var parts: [Term] = []
            for (index, part) in schemas.enumerated() {
                parts.append(try term(of: part, at: "\(place)[\(index)]", depth: depth + 1))
            }
            return try terms.choice(parts)
        }
    }

    /// The values that are of the types that a schema names beside them.
    private mutating func choice(
        of values: [JSONValue], types: JSONValue?, at path: String
    ) throws(StructureError) -> Term {
        let names = types.map { ($0.arrayValue ?? [$0]).compactMap(\.stringValue) }
        let fitting = values.filter { value in names?.contains { value.isOfType($0) } ?? true }
        guard !fitting.isEmpty else { throw StructureError("has no value of the \"type\" beside it", at: path) }
        var parts: [Term] = []
        for value in fitting { parts.append(try term(ofValue: value)) }
        return try terms.choice(parts)
    }

    /// A value as JSON, with white space where there may be some.
    private mutating func term(ofValue value: JSONValue) throws(StructureError) -> Term {
        switch value {
        case .array(let elements) where !elements.isEmpty:
            var parts: [Term] = []
            for element in elements {
                if !parts.isEmpty { parts.append(try terms.mark(",")) }
                parts.append(try term(ofValue: element))
            }
            return try terms.bracketed("[", terms.sequence(parts), "]", isOptional: false)
        case .object(let object) where !object.isEmpty:
            var parts: [Term] = []
            for member in object.members {
                if !parts.isEmpty { parts.append(try terms.mark(",")) }
                parts.append(try terms.memberName(terms.jsonText(.string(member.key))))
                parts.append(try term(ofValue: member.value))
            }
            return try terms.bracketed("{", terms.sequence(parts), "}", isOptional: false)
        default: return try terms.jsonText(value)
        }
    }
}

// MARK: - One of several

extension SchemaCompiler {
    /// `oneOf` is `anyOf` where no instance can be valid under two schemas. That is known of schemas of different types, of
    /// different constants, and of objects that a required member tells apart.
    private func checkDisjoint(_ schemas: [JSONValue], at path: String) throws(StructureError) {
        for (index, schema) in schemas.enumerated() {
            for other in schemas[..<index] where try !areDisjoint(schema, other, at: path, depth: 0) {
                throw StructureError(
                    "may have instances that are valid under two of its schemas: write \"anyOf\"", at: path)
            }
        }
    }

    private func areDisjoint(
        _ first: JSONValue, _ second: JSONValue, at path: String, depth: Int
    ) throws(StructureError) -> Bool {
        let (first, second) = (try target(first, at: path), try target(second, at: path))
        if let one = Self.values(first), let other = Self.values(second) {
            return !one.contains { value in other.contains { value.isSameInstance(as: $0) } }
        }
        let (types, others) = (Self.typeNames(first), Self.typeNames(second))
        if let types, let others, types.isDisjoint(with: others) { return true }
        guard depth < 4, types == ["object"], others == ["object"] else { return false }
        let required = Set((first["required"]?.arrayValue ?? []).compactMap(\.stringValue))
        for name in (second["required"]?.arrayValue ?? []).compactMap(\.stringValue) where required.contains(name) {
            guard let one = first["properties"]?[name], let other = second["properties"]?[name] else { continue }
            if try areDisjoint(one, other, at: path, depth: depth + 1) { return true }
        }
        return false
    }

    /// What a chain of references leads to.
    private func target(_ schema: JSONValue, at path: String) throws(StructureError) -> JSONValue {
        var schema = schema
        for _ in 0..<Self.maximumDepth {
            guard let pointer = schema["$ref"]?.stringValue else { break }
            schema = try resolve(pointer, at: path).0
        }
        return schema
    }

    private static func values(_ schema: JSONValue) -> [JSONValue]? {
        schema["const"].map { [$0] } ?? schema["enum"]?.arrayValue
    }

    private static func typeNames(_ schema: JSONValue) -> Set<String>? {
        if let values = values(schema) { return Set(values.map(\.schemaType)) }
        guard let type = schema["type"] else { return schema["properties"].map { _ in ["object"] } }
        let names = (type.arrayValue ?? [type]).compactMap(\.stringValue)
        return Set(names.map { $0 == "integer" ? "number" : $0 })
    }
}

extension JSONValue {
    /// The type that JSON Schema gives a value; an integer is a number here.
    fileprivate var schemaType: String { typeName }

    fileprivate func isOfType(_ name: String) -> Bool {
        guard name == "integer" else { return name == schemaType }
        switch self {
        case .integer, .bigInteger: return true
        case .double(let value): return value == value.rounded()
        default: return false
        }
    }

    /// Whether JSON Schema takes two values for equal, as far as that is easily told: it may say so of others, too.
    fileprivate func isSameInstance(as other: JSONValue) -> Bool {
        switch (self, other) {
        case (.string(let one), .string(let other)): return one == other
        case (.array, .array), (.object, .object): return true
        default:
            if let one = doubleValue, let other = other.doubleValue { return one == other }
            return self == other
        }
    }
}
