public import OctavoCore

/// A recipe that turns rows of any columns into requests, and the answers into rows: a file in `jobs/`.
///
/// It is read from YAML by `init(yaml:file:)`, stored with the batch as `json`, and read from there by `init(stored:)`.
public struct JobRecipe: Sendable {
    /// The form of a file of rows.
    public enum RowFormat: String, Sendable, Hashable, CaseIterable {
        /// A JSON object per line.
        case jsonl
        /// Comma-separated values with a header (RFC 4180).
        case csv
    }

    /// One of the requests that each row becomes.
    struct Variant: Sendable {
        /// Under what name output columns find its answer.
        var name: String
        /// Members of the body that it alone has.
        var parameters: JSONObject
    }

    /// A turn of the conversation.
    struct Turn: Sendable {
        var role: String
        var content: JobTemplate
    }

    /// The name that the answer has where there is but one.
    static let soleVariant = "answer"

    /// The recipe's name: by default its file's.
    public var name: String
    /// What it is for, for people.
    public var summary: String?
    /// The form of the rows; `nil` goes by the file's name.
    public var rowFormat: RowFormat?
    /// Members of the body that all requests have, unless a flag says otherwise.
    public var sampling: JSONObject
    /// What answers are asked to be, as a worker applies it.
    public var rules: OutputRules?
    /// Whether requests may be answered by copies of identical requests' answers.
    public var reusesAnswers: Bool
    /// The recipe as one JSON value, from which `init(stored:)` makes it again.
    public let json: JSONValue
    var endpoint: Endpoint
    var idColumn: String?
    var turns: [Turn]
    var prompt: JobTemplate
    var examples: [JSONObject]
    var variants: [Variant]
    var schema: JSONValue?
    var output: JobOutput

    /// How many requests each row becomes.
    public var requestsPerRow: Int { variants.count }

    /// The part of `json` that shapes requests and answers: two batches that differ only in the rest are one.
    public var identity: JSONValue {
        guard var object = json.objectValue else { return json }
        for key in ["name", "description", "reuse", "filters", "dedup", "output"] { object[key] = nil }
        return .object(object)
    }
}
