internal import OctavoCore

/// Reads the keys of one mapping of a recipe, with errors that name them.
struct JobFields {
    let document: JobDocument
    let object: JSONObject
    let path: String

    init(_ document: JobDocument, _ object: JSONObject, at path: String = "") {
        self.document = document
        self.object = object
        self.path = path
    }

    func place(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// An error at a key of the mapping.
    func error(_ key: String, _ reason: String, _ remedy: String) -> JobError {
        document.error(place(key), reason, remedy)
    }

    /// Refuses keys that are not known, with the likeliest one that is.
    func allow(only known: [String]) throws(JobError) {
        for key in object.keys where !known.contains(key) {
            let nearest = Self.nearest(to: key, among: known)
            throw error(
                key, "unknown key",
                nearest.map { "Did you mean \"\($0)\"?" } ?? "Known here are \(known.joined(separator: ", ")).")
        }
    }

    private func wrongType(_ key: String, _ expected: String, _ found: JSONValue) -> JobError {
        error(key, "must be \(expected), found \(found.typeName)", "Correct it or remove it.")
    }

    /// The value of a key; null counts as absent.
    func value(_ key: String) -> JSONValue? { object[key].flatMap { $0.isNull ? nil : $0 } }

    func string(_ key: String) throws(JobError) -> String? {
        guard let value = value(key) else { return nil }
        guard let string = value.stringValue else { throw wrongType(key, "text", value) }
        return string
    }

    func integer(_ key: String, atLeast low: Int) throws(JobError) -> Int? {
        guard let value = value(key) else { return nil }
        guard let integer = value.integerValue else { throw wrongType(key, "a whole number", value) }
        guard integer >= low else { throw error(key, "must be at least \(low), found \(integer)", "Correct it.") }
        return integer
    }

    func bool(_ key: String) throws(JobError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let bool = value.boolValue else { throw wrongType(key, "true or false", value) }
        return bool
    }

    /// One text or a list of them.
    func strings(_ key: String) throws(JobError) -> [String]? {
        guard let value = value(key) else { return nil }
        let elements = value.arrayValue ?? [value]
        var strings: [String] = []
        for element in elements {
            guard let string = element.stringValue else { throw wrongType(key, "text or a list of texts", element) }
            strings.append(string)
        }
        return strings
    }

    func fields(_ key: String) throws(JobError) -> JobFields? {
        guard let value = value(key) else { return nil }
        guard let object = value.objectValue else { throw wrongType(key, "a mapping", value) }
        return JobFields(document, object, at: place(key))
    }

    /// A list of mappings.
    func list(_ key: String) throws(JobError) -> [JobFields] {
        guard let value = value(key) else { return [] }
        guard let elements = value.arrayValue else { throw wrongType(key, "a list", value) }
        var fields: [JobFields] = []
        for (index, element) in elements.enumerated() {
            let place = "\(key)[\(index)]"
            guard let object = element.objectValue else { throw wrongType(place, "a mapping", element) }
            fields.append(JobFields(document, object, at: self.place(place)))
        }
        return fields
    }

    /// One of the words of an enumeration.
    func word<Word: RawRepresentable & CaseIterable>(
        _ key: String, as type: Word.Type
    ) throws(JobError) -> Word? where Word.RawValue == String {
        guard let text = try string(key) else { return nil }
        guard let word = Word(rawValue: text) else { throw unknownWord(key, text, Word.allCases.map(\.rawValue)) }
        return word
    }

    func unknownWord(_ key: String, _ found: String, _ known: [String]) -> JobError {
        let nearest = Self.nearest(to: found, among: known).map { " Did you mean \"\($0)\"?" } ?? ""
        return error(key, "\"\(found)\" is not known", "It must be one of \(known.joined(separator: ", ")).\(nearest)")
    }
}

// MARK: - Suggestions

extension JobFields {
    /// The known word that differs from `word` by the fewest letters, if they are few.
    static func nearest(to word: String, among known: [String]) -> String? {
        let nearest = known.map { ($0, distance(Array(word.lowercased()), Array($0))) }.min { $0.1 < $1.1 }
        guard let (candidate, distance) = nearest, distance <= max(2, word.count / 3) else { return nil }
        return candidate
    }

    /// Letters to insert, remove or replace to make one word the other (Levenshtein, 1966).
    private static func distance(_ left: [Character], _ right: [Character]) -> Int {
        var row = Array(0...right.count)
        for (i, letter) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in right.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (letter == other ? 0 : 1))
                diagonal = above
            }
        }
        return row[right.count]
    }
}
