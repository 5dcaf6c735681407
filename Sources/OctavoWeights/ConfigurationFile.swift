internal import OctavoCore

/// A JSON file of a Hugging Face checkpoint, with typed access whose errors name the file and the key.
///
/// A member that is `null` counts as absent.
struct ConfigurationFile {
    let path: String
    let root: JSONObject

    /// The longest file accepted, in bytes: the index of the largest models has a few hundred thousand.
    private static let maximumByteCount = 64 << 20

    /// Reads the JSON object in `file`.
    init(_ file: MappedFile) throws(WeightsError) {
        let path = file.path
        guard file.bytes.count <= Self.maximumByteCount else {
            throw WeightsError(path: path, reason: "has \(file.bytes.count) bytes: it is not a model's configuration")
        }
        let value: JSONValue
        do {
            value = try JSONValue.parse(file.bytes)
        } catch {
            throw WeightsError(
                path: path, offset: error.offset, reason: "is not JSON: \(error.reason); correct it, or fetch it again")
        }
        guard case .object(let object) = value else {
            throw WeightsError(path: path, reason: "holds a JSON \(value.typeName), not an object")
        }
        self.init(path: path, root: object)
    }

    init(path: String, root: JSONObject) {
        self.path = path
        self.root = root
    }

    /// The value at `key`, a path of members joined by dots.
    func value(_ key: String) -> JSONValue? {
        var value = JSONValue.object(root)
        for member in key.split(separator: ".") {
            guard let next = value[String(member)], !next.isNull else { return nil }
            value = next
        }
        return value
    }

    /// A size in 1...`limit`; required unless it has a default.
    func size(
        _ key: String, default fallback: Int? = nil, limit: Int = ModelConfiguration.maximumSize
    ) throws(WeightsError) -> Int {
        guard let value = value(key) else { return try required(key, fallback) }
        guard let size = value.integerValue, (1...limit).contains(size) else {
            throw failure(key, "expected a whole number in 1...\(limit), found \(value.jsonText)")
        }
        return size
    }

    /// A number; required unless it has a default.
    func number(_ key: String, default fallback: Double? = nil) throws(WeightsError) -> Double {
        guard let value = value(key) else { return try required(key, fallback) }
        guard let number = value.doubleValue else {
            throw failure(key, "expected a number, found \(value.jsonText)")
        }
        return number
    }

    /// A boolean; `false` if absent.
    func flag(_ key: String) throws(WeightsError) -> Bool {
        guard let value = value(key) else { return false }
        guard let flag = value.boolValue else { throw failure(key, "expected a boolean, found \(value.jsonText)") }
        return flag
    }

    /// A string; `nil` if absent.
    func string(_ key: String) throws(WeightsError) -> String? {
        guard let value = value(key) else { return nil }
        guard let string = value.stringValue else { throw failure(key, "expected a string, found \(value.jsonText)") }
        return string
    }

    /// The members of an object; `nil` if absent.
    func object(_ key: String) throws(WeightsError) -> JSONObject? {
        guard let value = value(key) else { return nil }
        guard let object = value.objectValue else { throw failure(key, "expected an object, found \(value.typeName)") }
        return object
    }

    /// The token ids at `key`, one or a list; `nil` if absent.
    func tokens(_ key: String) throws(WeightsError) -> [TokenID]? {
        guard let value = value(key) else { return nil }
        var tokens: [TokenID] = []
        for element in value.arrayValue ?? [value] {
            guard let token = element.integerValue.flatMap(TokenID.init(exactly:)), token >= 0 else {
                throw failure(key, "expected token ids, found \(element.jsonText)")
            }
            tokens.append(token)
        }
        return tokens
    }

    /// An error about the value of `key`.
    func failure(_ key: String, _ reason: String) -> WeightsError {
        WeightsError(path: path, key: key, reason: reason)
    }

    private func required<Value>(_ key: String, _ fallback: Value?) throws(WeightsError) -> Value {
        guard let fallback else { throw failure(key, "is missing") }
        return fallback
    }
}
