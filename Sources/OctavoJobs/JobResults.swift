public import OctavoCore

/// The answer to a request of a recipe.
public struct RowAnswer: Sendable {
    /// Its name.
    public var customID: String
    /// The columns of its row.
    public var row: JSONObject
    /// The response's body.
    public var response: JSONValue

    /// Makes a value.
    public init(customID: String, row: JSONObject, response: JSONValue) {
        self.customID = customID
        self.row = row
        self.response = response
    }
}

/// Makes the rows of the output from answers, one row of the input after the other.
///
/// Memory grows by 16 bytes for each distinct row where the recipe keeps rows once, and not at all where it does not.
public struct JobResults {
    /// How many rows were dropped, and by which condition, in the order of the first of each.
    public private(set) var dropped: [(reason: String, count: Int)] = []
    /// The rows made.
    public private(set) var written = 0

    private let recipe: JobRecipe
    private let filters: [CompiledFilter]
    private var seen: Set<RowDigest> = []

    /// Makes rows by the output of a recipe, which must have one.
    public init(_ recipe: JobRecipe) {
        precondition(recipe.hasOutput, "the recipe names no columns of an output")
        self.recipe = recipe
        filters = recipe.output.filters.map(CompiledFilter.init)
    }

    /// The rows that the answers to one row of the input give; none if they are dropped.
    ///
    /// - Parameter answers: one for each variant of the recipe, in its order.
    public mutating func rows(for answers: [RowAnswer]) -> [JSONObject] {
        precondition(answers.count == recipe.requestsPerRow, "an answer is missing")
        let choices = recipe.output.unit == .row ? 1 : answers[0].response["choices"]?.arrayValue?.count ?? 0
        var rows: [JSONObject] = []
        for choice in 0..<choices {
            var context = answers[0].row
            context["custom_id"] = .string(recipe.rowName(of: answers[0].customID))
            var views: [JSONObject] = []
            for (variant, answer) in zip(recipe.variants, answers) {
                let view = Self.view(of: answer.response, choice: choice)
                context[variant.name] = .object(view)
                views.append(view)
            }
            switch row(from: context) {
            case .failure(let missing): drop("no \(missing.name)")
            case .success(let row):
                if let reason = refusal(of: row, answers: views) { drop(reason) } else { rows.append(row) }
            }
        }
        written += rows.count
        return rows
    }

    private func row(from context: JSONObject) -> Result<JSONObject, JobTemplate.MissingColumn> {
        Result { () throws(JobTemplate.MissingColumn) in
            var row = JSONObject()
            for column in recipe.output.columns {
                switch column.source {
                case .template(let template): row[column.name] = .string(try template.render(context))
                case .value(let path):
                    guard let value = context.value(at: path) else { throw JobTemplate.MissingColumn(name: path) }
                    row[column.name] = value
                }
            }
            return row
        }
    }

    private mutating func refusal(of row: JSONObject, answers: [JSONObject]) -> String? {
        for filter in filters {
            if let reason = filter.refusal(of: row, answers: answers) { return reason }
        }
        guard !recipe.output.distinct.isEmpty else { return nil }
        return seen.insert(RowDigest(row, recipe.output.distinct)).inserted ? nil : "duplicate"
    }

    private mutating func drop(_ reason: String) {
        if let index = dropped.firstIndex(where: { $0.reason == reason }) {
            dropped[index].count += 1
        } else {
            dropped.append((reason, 1))
        }
    }

    /// What columns find under the name of an answer.
    private static func view(of response: JSONValue, choice index: Int) -> JSONObject {
        let choices = response["choices"]?.arrayValue ?? []
        let texts = choices.map { $0["message"]?["content"] ?? $0["text"] ?? .null }
        var view = JSONObject()
        guard choices.indices.contains(index) else { return view }
        let text = texts[index].stringValue ?? ""
        view["text"] = .string(text)
        view["json"] = try? JSONValue.parse(text)
        view["finish_reason"] = choices[index]["finish_reason"]
        view["index"] = .integer(index)
        view["logprobs"] = choices[index]["logprobs"]
        view["usage"] = response["usage"]
        view["model"] = response["model"]
        view["texts"] = .array(texts)
        view["choices"] = .array(choices)
        return view
    }
}

extension JobRecipe {
    /// Whether the recipe says what rows the answers become.
    public var hasOutput: Bool { !output.columns.isEmpty }
    /// The form of the output.
    public var outputFormat: RowFormat { output.format }
    /// The names of the output's columns.
    public var outputColumns: [String] { output.columns.map(\.name) }

    /// The name of the row that the first of its requests belongs to.
    func rowName(of customID: String) -> String {
        let suffix = ":\(variants[0].name)"
        return variants.count > 1 && customID.hasSuffix(suffix) ? String(customID.dropLast(suffix.count)) : customID
    }
}

/// 128 bits that stand for what distinguishes a row: its text without the differences that nobody would call one (case,
/// white space, punctuation). Among ten million rows, two different ones agree with a probability below 10⁻²⁴.
private struct RowDigest: Hashable {
    private let first: Int
    private let second: Int

    init(_ row: JSONObject, _ columns: [String]) {
        let texts = columns.map { column in
            let text = row[column].map { $0.stringValue ?? $0.jsonText } ?? ""
            return text.lowercased().split { !$0.isLetter && !$0.isNumber }.joined(separator: " ")
        }
        var hashers = (Hasher(), Hasher())
        hashers.0.combine(texts)
        hashers.1.combine(1)
        hashers.1.combine(texts)
        first = hashers.0.finalize()
        second = hashers.1.finalize()
    }
}
