import OctavoCore

/// Arrays and objects.
extension SchemaCompiler {
    mutating func array(_ schema: JSONObject, at path: String, depth: Int) throws(StructureError) -> Term {
        if let unique = schema["uniqueItems"], unique != false {
            throw StructureError("is not supported: remove it", at: joined(path, "uniqueItems"))
        }
        var firsts: [Term] = []
        if let prefix = schema["prefixItems"] {
            guard let schemas = prefix.arrayValue else {
                throw StructureError("must be an array of schemas", at: joined(path, "prefixItems"))
            }
            for (index, item) in schemas.enumerated() {
                firsts.append(try term(of: item, at: joined(path, "prefixItems[\(index)]"), depth: depth + 1))
            }
        }
        var (minimum, maximum) = try counts("minItems", "maxItems", of: schema, at: path)
        let items = schema["items"] ?? true
        if items == false {
            maximum = min(maximum, Int32(firsts.count))
            guard minimum <= maximum else {
                throw StructureError("minItems is more than prefixItems gives", at: path)
            }
        }
        guard maximum > 0 else { return try terms.literal("[]".utf8) }
        let item =
            items == false
            ? TermStore.nothing : try term(of: items, at: joined(path, "items"), depth: depth + 1)
        let elements = try elements(firsts, then: item, minimum, maximum)
        return try terms.bracketed("[", elements, "]", isOptional: minimum == 0)
    }

    /// The elements of an array that has some: the first of their own schemas, all others of one.
    private mutating func elements(
        _ firsts: [Term], then item: Term, _ minimum: Int32, _ maximum: Int32
    ) throws(StructureError) -> Term {
        guard !firsts.isEmpty else { return try terms.separated(item, minimum, maximum) }
        let count = Int32(firsts.count)
        let comma = try terms.mark(",")
        var tail = TermStore.empty
        if maximum > count, item != TermStore.nothing {
            let rest = maximum == TermNode.unlimited ? maximum : maximum - count
            tail = try terms.repetition(terms.sequence(comma, item), max(minimum - count, 0), rest)
        }
        for (index, first) in firsts.enumerated().reversed() where index < Int(maximum) {
            if index == 0 { return try terms.sequence(first, tail) }
            let element = try terms.sequence([comma, first, tail])
            tail = index < Int(minimum) ? element : try terms.optional(element)
        }
        return tail
    }

    /// Two bounds of a size; one that no text could reach is none.
    func counts(
        _ lowest: String, _ highest: String, of schema: JSONObject, at path: String
    ) throws(StructureError) -> (Int32, Int32) {
        func count(_ key: String) throws(StructureError) -> Int? {
            guard let value = schema[key] else { return nil }
            if case .bigInteger(let digits) = value, !digits.hasPrefix("-") { return Int.max }
            guard let count = value.integerValue, count >= 0 else {
                throw StructureError("must be a whole number, 0 or more", at: joined(path, key))
            }
            return count
        }
        let minimum = try count(lowest) ?? 0
        let maximum = try count(highest) ?? Int.max
        guard minimum <= maximum else {
            throw StructureError("\(lowest) is \(minimum), but \(highest) is \(maximum): exchange them", at: path)
        }
        guard minimum < Int(Int32.max) else {
            throw StructureError("is more than any answer can have", at: joined(path, lowest))
        }
        return (Int32(minimum), Int32(clamping: maximum))
    }
}

// MARK: - Objects

extension SchemaCompiler {
    /// The members of an object come in the order in which the schema declares them; those that are not required may be left
    /// out. Others come behind them, if the schema says explicitly that there may be some.
    mutating func object(_ schema: JSONObject, at path: String, depth: Int) throws(StructureError) -> Term {
        let properties = try declaredProperties(of: schema, at: path)
        let required = try requiredNames(of: schema, at: path)
        var members: [(term: Term, isRequired: Bool)] = []
        for property in properties.members {
            let name = try terms.memberName(terms.jsonText(.string(property.key)))
            let value = try term(
                of: property.value, at: joined(path, "properties.\(property.key)"), depth: depth + 1)
            members.append(
                (try terms.sequence(name, value), required.contains { $0.utf8.elementsEqual(property.key.utf8) }))
        }
        for name in required where properties[name] == nil {
            throw StructureError(
                "names \(JSONValue.string(name).jsonText), which is not among the properties: declare it",
                at: joined(path, "required"))
        }
        let others = try additionalMember(of: schema, properties, at: path, depth: depth)
        return try object(of: members, others: others)
    }

    private func declaredProperties(of schema: JSONObject, at path: String) throws(StructureError) -> JSONObject {
        guard let value = schema["properties"] else { return JSONObject() }
        guard let properties = value.objectValue else {
            throw StructureError("must be an object, found \(value.typeName)", at: joined(path, "properties"))
        }
        return properties
    }

    private func requiredNames(of schema: JSONObject, at path: String) throws(StructureError) -> [String] {
        guard let value = schema["required"] else { return [] }
        let names = value.arrayValue?.compactMap(\.stringValue)
        guard let names, names.count == value.arrayValue?.count else {
            throw StructureError("must be an array of names", at: joined(path, "required"))
        }
        return names
    }

    /// A member that is not declared; `nothing` if there may be none.
    private mutating func additionalMember(
        of schema: JSONObject, _ properties: JSONObject, at path: String, depth: Int
    ) throws(StructureError) -> Term {
        let additional = schema["additionalProperties"] ?? .bool(schema["properties"] == nil)
        guard additional != false else { return TermStore.nothing }
        let value = try term(of: additional, at: joined(path, "additionalProperties"), depth: depth + 1)
        guard !properties.isEmpty else {
            return try terms.sequence(terms.memberName(terms.anyString()), value)
        }
        let name = try terms.names(except: properties.keys.map { Array($0.utf8) }, at: path)
        return try terms.sequence(terms.memberName(name), value)
    }

    /// An object of members in their order, and then others.
    private mutating func object(
        of members: [(term: Term, isRequired: Bool)], others: Term
    ) throws(StructureError) -> Term {
        let comma = try terms.mark(",")
        // What may follow a member, and what an object may begin with.
        var tail = try terms.repetition(terms.sequence(comma, others), 0, TermNode.unlimited)
        var beginnings = others == TermStore.nothing ? [] : [try terms.sequence(others, tail)]
        for member in members.reversed() {
            let beginning = try terms.sequence(member.term, tail)
            beginnings = member.isRequired ? [beginning] : [beginning] + beginnings
            let next = try terms.sequence(comma, member.term)
            tail = try terms.sequence(member.isRequired ? next : terms.optional(next), tail)
        }
        let content = try terms.choice(beginnings)
        guard content != TermStore.nothing else { return try terms.literal("{}".utf8) }
        let isOptional = !members.contains(where: \.isRequired)
        return try terms.bracketed("{", content, "}", isOptional: isOptional)
    }
}
