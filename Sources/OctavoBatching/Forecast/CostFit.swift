public import OctavoCore

/// What tokens cost, from what requests took: the costs of a token of a prompt and of an answer that explain the
/// core-seconds of many requests best, by least squares. The sums are all that it takes, so that a database can make them.
public struct CostFit: Sendable, Hashable {
    /// Requests.
    public var count: Int
    /// The sum over requests of the square of the tokens of the prompt.
    public var promptPrompt: Double
    /// Of the product of the tokens of prompt and answer.
    public var promptAnswer: Double
    /// Of the square of the tokens of the answer.
    public var answerAnswer: Double
    /// Of the product of the tokens of the prompt and the core-seconds.
    public var promptTime: Double
    /// Of the product of the tokens of the answer and the core-seconds.
    public var answerTime: Double

    /// Fewer requests than these tell nothing.
    private static let leastCount = 16

    /// Takes the sums.
    public init(
        count: Int, promptPrompt: Double, promptAnswer: Double, answerAnswer: Double, promptTime: Double,
        answerTime: Double
    ) {
        self.count = count
        self.promptPrompt = promptPrompt
        self.promptAnswer = promptAnswer
        self.answerAnswer = answerAnswer
        self.promptTime = promptTime
        self.answerTime = answerTime
    }

    /// The costs; nil if too few requests are known. Where prompts and answers are of one proportion throughout, they
    /// cannot be told apart, and have the proportion that is typical.
    public var costs: TokenCosts? {
        guard count >= Self.leastCount, promptPrompt + answerAnswer > 0, promptTime + answerTime > 0 else { return nil }
        let determinant = promptPrompt * answerAnswer - promptAnswer * promptAnswer
        if determinant > 1e-3 * promptPrompt * answerAnswer {
            let prompt = (promptTime * answerAnswer - answerTime * promptAnswer) / determinant
            let answer = (answerTime * promptPrompt - promptTime * promptAnswer) / determinant
            if prompt > 0, answer > 0 { return TokenCosts(prompt: prompt, answer: answer) }
        }
        let typical = TokenCosts.typical
        let scale =
            (typical.prompt * promptTime + typical.answer * answerTime)
            / (typical.prompt * typical.prompt * promptPrompt + 2 * typical.prompt * typical.answer * promptAnswer
                + typical.answer * typical.answer * answerAnswer)
        return TokenCosts(prompt: typical.prompt * scale, answer: typical.answer * scale)
    }
}
