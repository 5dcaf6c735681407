internal import OctavoCore

/// An answer as a student learns from it: its tokens, and what the teacher thought at positions of them.
struct TeacherSample: Sendable {
    /// What the teacher thought at one position of the token that follows.
    struct Position: Sendable {
        /// The likeliest tokens, likeliest first.
        var tokens: [Int32]
        /// Their logits, less that of the first.
        var relativeLogits: [Float16]
        /// For each of the temperatures T, ln of the sum of exp(relative logit / T) over the whole vocabulary.
        var logSumExps: [Float]
        /// The log-probability of the token that does follow.
        var logprob: Float
        /// Its place among all tokens, from 1; 0 where it is not known.
        var rank: Int32
    }

    /// The prompt and the answer, the token that ended it included.
    var tokens: [Int32]
    /// How many of the tokens are the prompt's.
    var promptCount: Int
    /// The place of the token that the first position is at; that of position p is `firstPlace + p`.
    var firstPlace: Int
    /// The positions, each at the token after the one before.
    var positions: [Position]

    /// The tokens that are to be learned: those that were generated, or of a text that was only scored, all but the first.
    var learned: Range<Int> { (promptCount < tokens.count ? promptCount : min(1, tokens.count))..<tokens.count }
}

/// What all positions of an export have in common.
struct TeacherShape: Sendable, Hashable {
    /// How many of the likeliest tokens each position has.
    var topCount: Int
    /// The temperatures of the log-sum-exps: 1, and the others that were asked for.
    var temperatures: [Float]

    /// A shape for a request, with as many tokens.
    init(topCount: Int, _ request: RequestBody) {
        self.topCount = topCount
        temperatures = [1] + request.sampling.logSumExpTemperatures.filter { $0 != 1 }
    }
}

extension TeacherSample {
    /// What a choice of a response tells.
    ///
    /// - Returns: the sample, and the shape of its positions.
    /// - Throws: `RowProblem.unsuitable` where the request did not ask for what a student needs.
    static func read(
        _ choice: JSONValue, of exchange: StoredExchange
    ) throws(RowProblem) -> (TeacherSample, TeacherShape) {
        let request = exchange.request
        guard request.returnsTokenIDs else { throw .lacking("token ids", #""return_token_ids": true"#) }
        let isChat = request.endpoint == .chatCompletions
        let prompt = try ids((isChat ? exchange.response : choice)["prompt_token_ids"])
        let answer = try ids(choice["token_ids"])
        let reader = try TeacherReader(request, isScore: answer.isEmpty)
        let scores = isChat ? exchange.response : choice
        let scored = try reader.promptPositions(scores, count: prompt.count)
        let generated = try reader.answerPositions(choice, count: answer.count)
        let sample = TeacherSample(
            tokens: prompt + answer, promptCount: prompt.count,
            firstPlace: scored.isEmpty ? max(prompt.count - 1, 0) : 0, positions: scored + generated)
        guard let topCount = sample.positions.first?.tokens.count else {
            throw .unsuitable(UnsuitableSample("has no position of which anything could be learned"))
        }
        guard sample.positions.allSatisfy({ $0.tokens.count == topCount }) else { throw .malformed }
        return (sample, TeacherShape(topCount: topCount, request))
    }

    private static func ids(_ value: JSONValue?) throws(RowProblem) -> [Int32] {
        guard let elements = value?.arrayValue else { throw .malformed }
        let ids = elements.compactMap { $0.integerValue.flatMap { Int32(exactly: $0) } }
        guard ids.count == elements.count else { throw .malformed }
        return ids
    }
}

extension RowProblem {
    /// A request that did not ask for something.
    static func lacking(_ what: String, _ member: String) -> RowProblem {
        .unsuitable(UnsuitableSample("has no \(what): enqueue it with \(member)"))
    }
}
