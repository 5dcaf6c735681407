/// What the text of a completion is held to.
public struct OutputStructure: Sendable, Hashable {
    /// The texts that are allowed.
    public enum Language: Sendable, Hashable {
        /// Any JSON object.
        case jsonObject
        /// The instances of a JSON schema.
        case jsonSchema(JSONValue)
        /// The texts that a regular expression matches as a whole.
        case regex(String)
        /// One of several texts.
        case choice([String])
    }

    /// The texts that are allowed.
    public var language: Language
    /// The body's parameter that asks for it, as a path: `response_format.json_schema.schema`.
    public var parameter: String

    /// Texts of `language`, which `parameter` asks for.
    public init(_ language: Language, parameter: String) {
        self.language = language
        self.parameter = parameter
    }
}
