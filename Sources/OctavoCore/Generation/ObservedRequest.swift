/// A request's size, and what is known of its answer: what a forecast goes by.
public struct ObservedRequest: Sendable, Hashable {
    /// How far its answer is.
    public enum Progress: Sendable, Hashable {
        /// Not begun, or so lately that nobody knows.
        case waiting
        /// So many tokens are generated, and it goes on.
        case running(tokens: Int)
        /// It ended with so many tokens, be it by itself or at its limit.
        case finished(tokens: Int)
        /// It failed for good.
        case failed
    }

    /// Tokens of its prompt.
    public var promptTokens: Int
    /// The most tokens that its answer may have.
    public var limit: Int
    /// How far its answer is.
    public var progress: Progress

    /// Makes a value.
    public init(promptTokens: Int, limit: Int, progress: Progress = .waiting) {
        self.promptTokens = promptTokens
        self.limit = limit
        self.progress = progress
    }
}

/// What computing costs, in core-seconds per token: seconds of one thread of those that compute together.
public struct TokenCosts: Sendable, Hashable {
    /// A token of a prompt.
    public var prompt: Double
    /// A token of an answer.
    public var answer: Double

    /// Where nothing was measured, only the proportion counts: a token that is decoded beside some tens of others costs
    /// as much as some tokens of a prompt, since each step reads all weights.
    public static let typical = TokenCosts(prompt: 1, answer: 4)

    /// Makes a value.
    public init(prompt: Double, answer: Double) {
        self.prompt = prompt
        self.answer = answer
    }
}
