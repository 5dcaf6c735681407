import OctavoCore

/// Strings and numbers.
extension SchemaCompiler {
    mutating func string(_ schema: JSONObject, at path: String) throws(StructureError) -> Term {
        let given = ["pattern", "format", "minLength", "maxLength"].filter { schema[$0] != nil }
        guard given.count < 2 || given == ["minLength", "maxLength"] else {
            throw StructureError(
                "\"\(given[1])\" beside \"\(given[0])\" is not supported: write one \"pattern\" that says both",
                at: path)
        }
        if let pattern = schema["pattern"] { return try string(matching: pattern, at: joined(path, "pattern")) }
        if let format = schema["format"] { return try string(ofFormat: format, at: joined(path, "format")) }
        let (minimum, maximum) = try counts("minLength", "maxLength", of: schema, at: path)
        return try terms.quoted(terms.repetition(terms.anyJSONCharacter(), minimum, maximum))
    }

    private mutating func string(matching pattern: JSONValue, at path: String) throws(StructureError) -> Term {
        guard let pattern = pattern.stringValue else {
            throw StructureError("must be a string, found \(pattern.typeName)", at: path)
        }
        do throws(StructureError) {
            let content = try terms.term(of: RegexParser.parse(pattern), in: .jsonString)
            guard content != TermStore.nothing else { throw StructureError("matches nothing") }
            return try terms.quoted(content)
        } catch {
            throw StructureError(error.reason, at: path)
        }
    }

    private mutating func string(ofFormat format: JSONValue, at path: String) throws(StructureError) -> Term {
        guard let pattern = format.stringValue.flatMap({ StringFormats.patterns[$0] }) else {
            let known = StringFormats.patterns.keys.sorted().joined(separator: ", ")
            throw StructureError(
                "\(format.jsonText) is not supported, only \(known): write a \"pattern\", or remove it", at: path)
        }
        return try terms.quoted(terms.term(regex: pattern))
    }

    mutating func integer(_ schema: JSONObject, at path: String) throws(StructureError) -> Term {
        if let multiple = schema["multipleOf"], multiple.doubleValue != 1 {
            throw StructureError("is supported for integers as 1 only: remove it", at: joined(path, "multipleOf"))
        }
        let bounds = try bounds(of: schema, at: path)
        guard bounds.low != nil || bounds.high != nil else { return try terms.anyInteger() }
        let most = TermStore.largestInteger
        var low = -most
        var high = most
        if let bound = bounds.low {
            let value = bound.value.rounded(.up)
            low = max(low, (Int(exactly: value) ?? (value > 0 ? .max : .min)))
            if bound.isExclusive, value == bound.value, low < .max { low += 1 }
        }
        if let bound = bounds.high {
            let value = bound.value.rounded(.down)
            high = min(high, (Int(exactly: value) ?? (value > 0 ? .max : .min)))
            if bound.isExclusive, value == bound.value, high > .min { high -= 1 }
        }
        guard low <= high else {
            throw StructureError("no integer of at most 18 digits is within its bounds", at: path)
        }
        return try terms.integers(from: low, to: high)
    }

    mutating func number(_ schema: JSONObject, at path: String) throws(StructureError) -> Term {
        if schema["multipleOf"] != nil {
            throw StructureError("is not supported: remove it", at: joined(path, "multipleOf"))
        }
        let (low, high) = try bounds(of: schema, at: path)
        guard low != nil || high != nil else { return try terms.anyNumber() }
        var parts: [Term] = []
        if high.map({ $0.value > 0 || $0.value == 0 && !$0.isExclusive }) ?? true {
            let floor = low.flatMap { $0.value >= 0 ? $0 : nil }
            parts.append(try magnitudes(from: floor, to: high, at: path))
        }
        if low.map({ $0.value < 0 }) ?? true {
            let floor = high.flatMap { $0.value <= 0 ? $0 : nil }
            parts.append(try terms.sequence(terms.literal("-".utf8), magnitudes(from: floor, to: low, at: path)))
        }
        let term = try terms.choice(parts)
        guard term != TermStore.nothing else { throw StructureError("no number is within its bounds", at: path) }
        return term
    }

    private mutating func magnitudes(
        from low: Bound?, to high: Bound?, at path: String
    ) throws(StructureError) -> Term {
        let floor = if let low { try decimal(low, at: path) } else { DecimalBound.zero }
        let ceiling: DecimalBound? = if let high { try decimal(high, at: path) } else { nil }
        return try terms.magnitudes(from: floor, to: ceiling)
    }

    private func decimal(_ bound: Bound, at path: String) throws(StructureError) -> DecimalBound {
        guard let decimal = DecimalBound(magnitudeOf: bound.value, isExclusive: bound.isExclusive) else {
            throw StructureError(
                "the bound \(bound.value) has more than \(DecimalBound.maximumDigits) digits before or after the point",
                at: path)
        }
        return decimal
    }
}

// MARK: - Bounds

extension SchemaCompiler {
    /// A bound of a number.
    struct Bound {
        var value: Double
        var isExclusive: Bool
    }

    /// The stricter of the two bounds that a schema may have on either side.
    private func bounds(of schema: JSONObject, at path: String) throws(StructureError) -> (low: Bound?, high: Bound?) {
        func bound(_ key: String, isExclusive: Bool) throws(StructureError) -> Bound? {
            guard let value = schema[key] else { return nil }
            guard let number = value.doubleValue else {
                throw StructureError("must be a number, found \(value.typeName)", at: joined(path, key))
            }
            return Bound(value: number, isExclusive: isExclusive)
        }
        let lows = [try bound("exclusiveMinimum", isExclusive: true), try bound("minimum", isExclusive: false)]
        let highs = [try bound("exclusiveMaximum", isExclusive: true), try bound("maximum", isExclusive: false)]
        // Of two equal ones the exclusive one.
        var (low, high) = (lows[0], highs[0])
        if let other = lows[1], low.map({ $0.value < other.value }) ?? true { low = other }
        if let other = highs[1], high.map({ $0.value > other.value }) ?? true { high = other }
        if let low, let high {
            let isOpen = low.isExclusive || high.isExclusive
            guard low.value < high.value || low.value == high.value && !isOpen else {
                throw StructureError("no number is within its bounds: correct them", at: path)
            }
        }
        return (low, high)
    }
}
