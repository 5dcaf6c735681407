internal import OctavoCore

/// What rows answers become: the keys `output`, `filters` and `dedup` of a recipe.
struct JobOutput: Sendable {
    /// What a row of the output stands for.
    enum Unit: String, Sendable, CaseIterable {
        /// A row of the input.
        case row
        /// A choice: with `n: 4`, a row of the input gives four.
        case choice
    }

    /// A column of the output.
    struct Column: Sendable {
        enum Source: Sendable {
            /// Text.
            case template(JobTemplate)
            /// A value as it is.
            case value(path: String)
        }

        var name: String
        var source: Source
    }

    var format = JobRecipe.RowFormat.jsonl
    var unit = Unit.row
    /// None where the recipe leaves the form of the output to the export.
    var columns: [Column] = []
    var filters: [OutputFilter] = []
    /// Columns of the output of which rows that agree are kept once.
    var distinct: [String] = []

    /// What an answer offers to columns; `json` has what the answer holds if it is JSON.
    static let answerMembers = [
        "text", "json", "finish_reason", "index", "logprobs", "usage", "model", "texts", "choices",
    ]

    init(_ fields: JobFields, variants: [String], schema: JSONValue?) throws(JobError) {
        if let output = try fields.fields("output") {
            try output.allow(only: ["format", "each", "columns"])
            format = try output.word("format", as: JobRecipe.RowFormat.self) ?? .jsonl
            unit = try output.word("each", as: Unit.self) ?? .row
            if let given = try output.fields("columns") {
                for name in given.object.keys { columns.append(try Self.column(name, given, variants)) }
            }
            guard !columns.isEmpty else {
                throw output.error("columns", "missing", "Name the columns of the output, each with its template.")
            }
        }
        for filter in try fields.list("filters") {
            filters.append(try OutputFilter(filter, schema: schema, columns: columns.map(\.name)))
        }
        distinct = try fields.strings("dedup") ?? []
        for (key, isUsed) in [("filters", !filters.isEmpty), ("dedup", !distinct.isEmpty)] where isUsed {
            guard !columns.isEmpty else {
                throw fields.error(key, "needs output.columns", "Name the columns that the output is to have.")
            }
        }
        for column in distinct where !columns.contains(where: { $0.name == column }) {
            throw fields.unknownWord("dedup", column, columns.map(\.name))
        }
        if unit == .choice, variants.count > 1 {
            throw fields.error("output.each", "cannot be choice beside variants", "Remove one of them.")
        }
    }

    private static func column(
        _ name: String, _ fields: JobFields, _ variants: [String]
    ) throws(JobError) -> Column {
        let source: Column.Source
        let paths: [String]
        if fields.value(name)?.objectValue != nil, let given = try fields.fields(name) {
            try given.allow(only: ["value"])
            guard let path = try given.string("value") else {
                throw given.error("value", "missing", "Name the value, such as answer.logprobs.")
            }
            source = .value(path: path)
            paths = [path]
        } else {
            guard let text = try fields.string(name) else {
                throw fields.error(name, "has no template", "Write one, such as \"{{answer.text}}\".")
            }
            let template = try JobTemplate(text, at: name, of: fields)
            source = .template(template)
            paths = template.required
        }
        for path in paths {
            let parts = path.split(separator: ".").map(String.init)
            guard let first = parts.first, variants.contains(first), parts.count > 1 else { continue }
            guard answerMembers.contains(parts[1]) else { throw fields.unknownWord(name, parts[1], answerMembers) }
        }
        return Column(name: name, source: source)
    }

    /// The columns of the input that the output cannot be made without.
    func columns(neededOf variants: [String]) -> [String] {
        columns.flatMap { column in
            switch column.source {
            case .template(let template): template.required
            case .value(let path): [path]
            }
        }
        .filter { path in
            let first = path.split(separator: ".").first.map(String.init) ?? path
            return first != "custom_id" && !variants.contains(first)
        }
    }
}
