public import OctavoCore

/// How much work a batch is, and how much of it is done: by tokens, each at its cost, not by requests.
public struct WorkForecast: Sendable, Hashable {
    /// Tokens of all prompts.
    public private(set) var promptTokens = 0.0
    /// Tokens that all answers together are expected to have, those that are finished included.
    public private(set) var answerTokens = 0.0
    /// The cost of everything.
    public private(set) var total = 0.0
    /// The cost of what is computed already.
    public private(set) var done = 0.0
    /// How many of the requests have ended or begun: what the forecast rests on.
    public private(set) var observations = 0

    /// Forecasts.
    ///
    /// - Parameter requests: all of a batch's, or a fair sample of them.
    /// - Parameter scale: how many requests each of them stands for.
    /// - Parameter earlier: requests of other batches to learn from while too few of these have ended.
    /// - Complexity: O(n log n).
    public init(
        _ requests: [ObservedRequest], costs: TokenCosts, scale: Double = 1,
        learningFrom earlier: [ObservedRequest] = []
    ) {
        let lengths = AnswerLengths(requests + earlier)
        for request in requests {
            let answer = lengths.expected(request)
            var computed = 0.0
            switch request.progress {
            // Its prompt may have been read or not; its answer counts for nothing.
            case .failed:
                observations += 1
                continue
            case .waiting: break
            case .running(let tokens):
                computed = costs.prompt * Double(request.promptTokens) + costs.answer * Double(tokens)
            case .finished: computed = costs.prompt * Double(request.promptTokens) + costs.answer * answer
            }
            if request.progress != .waiting { observations += 1 }
            promptTokens += scale * Double(request.promptTokens)
            answerTokens += scale * answer
            total += scale * (costs.prompt * Double(request.promptTokens) + costs.answer * answer)
            done += scale * computed
        }
    }

    /// The seconds left if the rest is computed as fast as what is done was; nil if nothing is.
    ///
    /// - Parameter seconds: that the computing has taken so far.
    public func secondsLeft(after seconds: Double) -> Double? {
        guard done > 0, seconds > 0 else { return nil }
        return max(0, (total - done) * seconds / done)
    }
}
