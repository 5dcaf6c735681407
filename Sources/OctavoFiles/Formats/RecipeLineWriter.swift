internal import OctavoCore
internal import OctavoJobs
internal import OctavoQueue

/// Writes the rows that a recipe makes of answers, which must come in the order of the input.
struct RecipeLineWriter: LineWriter {
    private let recipe: JobRecipe
    private var results: JobResults
    private var groups: AnswerGroups

    /// A writer by the output of a recipe, which must have one.
    init(_ recipe: JobRecipe) {
        self.recipe = recipe
        results = JobResults(recipe)
        groups = AnswerGroups(requestsPerRow: recipe.requestsPerRow)
    }

    var needsRequestBodies: Bool { true }

    var header: [UInt8] {
        var bytes: [UInt8] = []
        if recipe.outputFormat == .csv { CSVRecord.write(recipe.outputColumns, to: &bytes) }
        return bytes
    }

    var dropped: [ExportResult.Dropped] {
        results.dropped.map { ExportResult.Dropped(filter: $0.reason, count: $0.count) }
    }

    mutating func append(_ answered: AnsweredRequest, to bytes: inout [UInt8]) throws(RowProblem) -> WrittenLines {
        guard let answer = RowAnswer(answered.row, response: answered.response) else { throw .malformed }
        guard let answers = groups.add(answer, line: answered.row.line) else { return WrittenLines() }
        let rows = results.rows(for: answers)
        for row in rows { write(row, to: &bytes) }
        return WrittenLines(lines: rows.count)
    }

    private func write(_ row: JSONObject, to bytes: inout [UInt8]) {
        switch recipe.outputFormat {
        case .jsonl:
            JSONValue.object(row).write(to: &bytes)
            bytes.append(UInt8(ascii: "\n"))
        case .csv: CSVRecord.write(row.members.map { $0.value.stringValue ?? $0.value.jsonText }, to: &bytes)
        }
    }
}
