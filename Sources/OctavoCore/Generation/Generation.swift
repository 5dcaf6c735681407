/// One completion to generate: a prompt in token ids and how to go on from it.
public struct GenerationRequest: Sendable, Hashable {
    /// The caller's name for this completion, unique within a batch handed to an engine.
    public var id: Int
    /// The prompt.
    public var promptTokens: [TokenID]
    /// Tokens generated earlier, by this or another process, from which to go on.
    public var generatedTokens: [TokenID]
    /// How to sample. `seed` and `maxTokens` must be set.
    public var sampling: SamplingParameters
    /// Which of several samples of one prompt this is; part of the random stream's counter.
    public var sampleIndex: Int

    /// A completion to generate.
    public init(
        id: Int, promptTokens: [TokenID], generatedTokens: [TokenID] = [], sampling: SamplingParameters,
        sampleIndex: Int = 0
    ) {
        self.id = id
        self.promptTokens = promptTokens
        self.generatedTokens = generatedTokens
        self.sampling = sampling
        self.sampleIndex = sampleIndex
    }

    /// The most positions this completion can come to occupy in the KV cache.
    public var maximumLength: Int { promptTokens.count + (sampling.maxTokens ?? 0) }
}

/// Why a completion or the answer made of it ended, with OpenAI's spelling.
public enum FinishReason: String, Sendable, Hashable, CaseIterable {
    /// An end-of-turn token or a stop string.
    case stop
    /// `maxTokens`, or the end of the context.
    case length
    /// The answer is calls of tools. Engines do not know of it: to them the completion just stopped.
    case toolCalls = "tool_calls"

    /// The code under which the database keeps it.
    public var code: Int16 {
        switch self {
        case .stop: 0
        case .length: 1
        case .toolCalls: 3
        }
    }
}

/// What a position's logits say of the token that follows it, and of others in its place; they are the model's own,
/// before temperature and filters.
public struct TokenLogprob: Sendable, Hashable {
    /// A token and its log-probability.
    public struct Entry: Sendable, Hashable {
        /// The token.
        public var token: TokenID
        /// Its natural log-probability under the model, before temperature and filters.
        public var logprob: Float

        /// A token and its log-probability.
        public init(token: TokenID, logprob: Float) {
            self.token = token
            self.logprob = logprob
        }
    }

    /// The token that follows: the one that was chosen, or the prompt's.
    public var chosen: Entry
    /// Its place among all tokens, 1 for the most likely, ties to the lower id.
    public var rank: Int
    /// The most likely tokens, most likely first, ties to the lower id.
    public var top: [Entry]
    /// The tokens of `SamplingParameters.logprobTokenIDs`, in their order.
    public var named: [Entry]
    /// For each of `SamplingParameters.logSumExpTemperatures` T, ln of the sum of exp((logit - largest logit) / T) over the
    /// vocabulary. With it, log-probabilities can be had at that temperature: a token's is
    /// (logprob - the likeliest token's logprob) / T, less this.
    public var logSumExps: [Float]

    /// A token with its alternatives.
    public init(chosen: Entry, rank: Int, top: [Entry], named: [Entry] = [], logSumExps: [Float] = []) {
        self.chosen = chosen
        self.rank = rank
        self.top = top
        self.named = named
        self.logSumExps = logSumExps
    }
}

/// A finished generation.
public struct Completion: Sendable, Hashable {
    /// The `GenerationRequest.id` it answers.
    public var id: Int
    /// Every token generated, the end-of-turn token included.
    public var tokens: [TokenID]
    /// The text, without end-of-turn token and (unless asked for) stop string; invalid UTF-8 repaired with U+FFFD.
    public var text: String
    /// Why it ended.
    public var finishReason: FinishReason
    /// One entry per token generated, if asked for.
    public var logprobs: [TokenLogprob]?
    /// How many of `tokens` begin within `text`; the others ended it.
    public var textTokenCount: Int
    /// The sum of the log-probabilities of all of `tokens`, if theirs were asked for.
    public var cumulativeLogprob: Double?
    /// One entry per token of the prompt but the first, if asked for.
    public var promptLogprobs: [TokenLogprob]?
    /// Tokens of the prompt that were not computed for it, since another request begins alike. It depends on what was
    /// computed before, unlike the rest.
    public var cachedTokens: Int

    /// A finished generation.
    public init(
        id: Int, tokens: [TokenID], text: String, finishReason: FinishReason, logprobs: [TokenLogprob]? = nil,
        textTokenCount: Int? = nil, cumulativeLogprob: Double? = nil, promptLogprobs: [TokenLogprob]? = nil,
        cachedTokens: Int = 0
    ) {
        self.id = id
        self.tokens = tokens
        self.text = text
        self.finishReason = finishReason
        self.logprobs = logprobs
        self.textTokenCount = textTokenCount ?? tokens.count
        self.cumulativeLogprob = cumulativeLogprob
        self.promptLogprobs = promptLogprobs
        self.cachedTokens = cachedTokens
    }
}
