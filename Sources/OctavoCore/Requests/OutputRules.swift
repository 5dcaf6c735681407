/// What a batch asks of its answers before they count: the part of a job recipe that a worker applies.
///
/// An answer that breaks a rule is an attempt that failed. The next attempt samples with another seed, derived from the
/// request's own and the number of the attempt, so that every attempt's answer remains a function of request and number.
public struct OutputRules: Sendable, Hashable {
    /// A reason to try again.
    public enum Condition: String, Sendable, Hashable, CaseIterable {
        /// The answer is not JSON.
        case json
        /// The answer is not JSON that the recipe's schema describes.
        case schema
        /// The answer was cut off at `max_tokens`.
        case length
        /// The answer is nothing but white space.
        case empty
    }

    /// What makes an attempt fail.
    public var conditions: [Condition]
    /// How often a request is tried again.
    public var retries: Int
    /// Whether the last attempt's answer counts though it breaks the rules; else the request has failed.
    public var keepsLast: Bool
    /// What `schema` checks.
    public var schema: JSONSchemaCheck?

    /// Rules by their parts.
    public init(_ conditions: [Condition], retries: Int, keepsLast: Bool = false, schema: JSONSchemaCheck? = nil) {
        self.conditions = conditions
        self.retries = retries
        self.keepsLast = keepsLast
        self.schema = schema
    }

    /// The rules of a recipe as it is stored with a batch; `nil` if it has none.
    public init?(job: JSONValue) {
        guard let retry = job["retry"] else { return nil }
        self.init(
            (retry["when"]?.arrayValue ?? []).compactMap { Condition(rawValue: $0.stringValue ?? "") },
            retries: retry["attempts"]?.integerValue ?? 1, keepsLast: retry["then"] == "keep",
            schema: job["schema"].map(JSONSchemaCheck.init))
    }

    /// Why an answer must not count; `nil` if it may.
    ///
    /// - Parameter attempts: how often the request failed before.
    public func rejection(of text: String, finishReason: FinishReason, attempts: Int) -> Rejection? {
        guard !(keepsLast && attempts >= retries) else { return nil }
        for condition in conditions {
            if let reason = violation(of: condition, text, finishReason) {
                return Rejection(reason: reason, isFinal: attempts >= retries)
            }
        }
        return nil
    }

    private func violation(of condition: Condition, _ text: String, _ finishReason: FinishReason) -> String? {
        switch condition {
        case .length: return finishReason == .length ? "the answer was cut off at max_tokens" : nil
        case .empty: return text.allSatisfy(\.isWhitespace) ? "the answer is empty" : nil
        case .json, .schema:
            guard let value = try? JSONValue.parse(text) else { return "the answer is not JSON" }
            return condition == .schema ? schema?.violation(in: value) : nil
        }
    }

    /// An answer that does not count.
    public struct Rejection: Sendable, Hashable {
        /// What is wrong with it; quotes nothing of it.
        public var reason: String
        /// Whether the request may not be tried again.
        public var isFinal: Bool
    }
}
