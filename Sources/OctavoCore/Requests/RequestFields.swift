/// Reads the members of a body, falling back to defaults; an explicit null counts as absent, as OpenAI's clients mean.
struct RequestFields {
    let body: JSONObject
    let defaults: JSONObject
    /// The most alternatives that may be asked for at a position.
    let maximumLogprobs: Int

    func value(_ key: String) -> JSONValue? {
        if let value = body[key], !value.isNull { return value }
        if let value = defaults[key], !value.isNull { return value }
        return nil
    }

    func wrongType(_ key: String, expected: String, found: JSONValue) -> RequestError {
        RequestError("must be \(expected), found \(found.typeName)", parameter: key)
    }

    func string(_ key: String) throws(RequestError) -> String? {
        guard let value = value(key) else { return nil }
        guard let string = value.stringValue else { throw wrongType(key, expected: "a string", found: value) }
        return string
    }

    func bool(_ key: String) throws(RequestError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let bool = value.boolValue else { throw wrongType(key, expected: "true or false", found: value) }
        return bool
    }

    func array(_ key: String) throws(RequestError) -> [JSONValue]? {
        guard let value = value(key) else { return nil }
        guard let array = value.arrayValue else { throw wrongType(key, expected: "an array", found: value) }
        return array
    }

    func integer(_ key: String, in range: ClosedRange<Int>) throws(RequestError) -> Int? {
        guard let value = value(key) else { return nil }
        guard let integer = value.integerValue else {
            throw wrongType(key, expected: "an integer", found: value)
        }
        guard range.contains(integer) else { throw outOfRange(key, range.lowerBound, range.upperBound, value) }
        return integer
    }

    func number(_ key: String, in range: ClosedRange<Double>) throws(RequestError) -> Float? {
        guard let value = value(key) else { return nil }
        return try number(value, at: key, in: range)
    }

    func number(_ value: JSONValue, at path: String, in range: ClosedRange<Double>) throws(RequestError) -> Float {
        guard let number = value.doubleValue else { throw wrongType(path, expected: "a number", found: value) }
        guard range.contains(number) else {
            throw outOfRange(path, plain(range.lowerBound), plain(range.upperBound), value)
        }
        return Float(number)
    }

    /// A bound as a person writes it: `1`, not `1.0`.
    private func plain(_ bound: Double) -> String { Int(exactly: bound).map(String.init) ?? "\(bound)" }

    private func outOfRange<Bound>(_ key: String, _ low: Bound, _ high: Bound, _ found: JSONValue) -> RequestError {
        RequestError("must be between \(low) and \(high), found \(found.jsonText)", parameter: key)
    }

    /// A text, or an array of texts; none may be empty.
    func texts(_ key: String) throws(RequestError) -> [String] {
        guard let value = value(key) else { return [] }
        let elements = if case .array(let elements) = value { elements } else { [value] }
        var texts: [String] = []
        for element in elements {
            guard let text = element.stringValue else {
                throw wrongType(key, expected: "a string or an array of strings", found: element)
            }
            guard !text.isEmpty else { throw RequestError("must not contain an empty string", parameter: key) }
            texts.append(text)
        }
        return texts
    }

    /// An array of token ids, which may be empty.
    func tokens(_ key: String) throws(RequestError) -> [TokenID]? {
        guard let value = value(key) else { return nil }
        return value == [] ? [] : try tokens(value, at: key)
    }

    func tokens(_ value: JSONValue, at path: String) throws(RequestError) -> [TokenID] {
        guard let elements = value.arrayValue, !elements.isEmpty else {
            throw RequestError("must not be empty", parameter: path)
        }
        var tokens: [TokenID] = []
        tokens.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            guard case .integer(let id) = element, let token = TokenID(exactly: id), token >= 0 else {
                throw RequestError("is not a token id", parameter: "\(path)[\(index)]")
            }
            tokens.append(token)
        }
        return tokens
    }
}
