internal import OctavoCore

/// A condition on rows of the output; rows that do not meet it are dropped, and counted.
struct OutputFilter: Sendable {
    /// The column of the output that is looked at; `nil` looks at the text of every answer.
    var column: String?
    var finishReasons: [String]?
    var minimumCharacters: Int?
    var maximumCharacters: Int?
    /// Regular expressions of which one must be found in the text.
    var matches: [String]
    /// Regular expressions of which none may be found.
    var matchesNot: [String]
    var schema: JSONSchemaCheck?

    init(_ fields: JobFields, schema: JSONValue?, columns: [String]) throws(JobError) {
        try fields.allow(only: [
            "column", "finish_reason", "min_chars", "max_chars", "matches", "matches_not", "schema",
        ])
        column = try fields.string("column")
        if let column, !columns.contains(column) { throw fields.unknownWord("column", column, columns) }
        finishReasons = try fields.strings("finish_reason")
        minimumCharacters = try fields.integer("min_chars", atLeast: 0)
        maximumCharacters = try fields.integer("max_chars", atLeast: 0)
        matches = try Self.patterns(fields, "matches")
        matchesNot = try Self.patterns(fields, "matches_not")
        guard try fields.bool("schema") == true else { return }
        guard let schema else {
            throw fields.error("schema", "is asked for, but the recipe has none", "Add the key schema to the recipe.")
        }
        self.schema = JSONSchemaCheck(schema)
    }

    private static func patterns(_ fields: JobFields, _ key: String) throws(JobError) -> [String] {
        let patterns = try fields.strings(key) ?? []
        for pattern in patterns {
            guard (try? Regex(pattern)) != nil else {
                throw fields.error(key, "is no regular expression: \(pattern)", "Correct it.")
            }
        }
        return patterns
    }
}

/// A filter ready for use: its expressions are compiled.
struct CompiledFilter {
    private let filter: OutputFilter
    private let matches: [Regex<AnyRegexOutput>]
    private let matchesNot: [Regex<AnyRegexOutput>]

    init(_ filter: OutputFilter) {
        self.filter = filter
        matches = filter.matches.compactMap { try? Regex($0) }
        matchesNot = filter.matchesNot.compactMap { try? Regex($0) }
    }

    /// Why a row is dropped, as the name of the condition; `nil` if it passes.
    func refusal(of row: JSONObject, answers: [JSONObject]) -> String? {
        for answer in answers {
            let reason = answer["finish_reason"]?.stringValue ?? ""
            if let allowed = filter.finishReasons, !allowed.contains(reason) { return "finish_reason" }
            if let schema = filter.schema {
                guard let value = answer["json"], schema.violation(in: value) == nil else { return "schema" }
            }
        }
        let texts: [String]
        if let column = filter.column {
            texts = [row[column].map { $0.stringValue ?? $0.jsonText } ?? ""]
        } else {
            texts = answers.map { $0["text"]?.stringValue ?? "" }
        }
        return texts.lazy.compactMap(refusal).first.map { reason in
            filter.column.map { "\($0) \(reason)" } ?? reason
        }
    }

    private func refusal(of text: String) -> String? {
        if let minimum = filter.minimumCharacters, text.count < minimum { return "min_chars" }
        if let maximum = filter.maximumCharacters, text.count > maximum { return "max_chars" }
        if !matches.isEmpty, !matches.contains(where: { text.firstMatch(of: $0) != nil }) { return "matches" }
        if matchesNot.contains(where: { text.firstMatch(of: $0) != nil }) { return "matches_not" }
        return nil
    }
}
