/// How the tokens of one completion are chosen, and when it ends.
///
/// The order of application is: logit bias, repetition penalty, frequency and presence penalties, bad words and minimum
/// length, allowed tokens, structure, temperature, min-p, top-k, top-p. Defaults are OpenAI's.
public struct SamplingParameters: Sendable, Hashable {
    /// Divides the logits; 0 is greedy decoding (the largest logit, ties to the lower id).
    public var temperature: Float = 1
    /// Keeps the smallest set of most likely tokens whose probabilities sum to at least this; 1 keeps all.
    public var topP: Float = 1
    /// Keeps this many most likely tokens; 0 keeps all.
    public var topK: Int = 0
    /// Drops tokens less likely than this share of the most likely one; 0 keeps all.
    public var minP: Float = 0
    /// The key of the random stream; `nil` until it is derived from the batch and the line.
    public var seed: Int64?
    /// The most tokens to generate; 0 only reads the prompt; `nil` takes the default of the model or the endpoint, cut to
    /// what the context leaves.
    public var maxTokens: Int?
    /// The model's default of `maxTokens` for chats, if it has one.
    public var defaultMaxTokens: Int?
    /// Neither end-of-turn tokens nor `stopTokenIDs` are sampled before this many tokens have been.
    public var minTokens: Int = 0
    /// Generation ends when the text comes to contain one of these.
    public var stop: [String] = []
    /// Generation ends at one of these tokens, besides the model's own end-of-turn tokens.
    public var stopTokenIDs: [TokenID] = []
    /// Whether the stop string or token that ended the generation stays in the text.
    public var includesStop = false
    /// Whether the model's end-of-turn tokens are ordinary tokens.
    public var ignoresEndTokens = false
    /// Whether special tokens are left out of the text; if not, they are spelled.
    public var skipsSpecialTokens = true
    /// Subtracted from a token's logit once per time it was generated.
    public var frequencyPenalty: Float = 0
    /// Subtracted from a token's logit once if it was generated.
    public var presencePenalty: Float = 0
    /// Divides positive and multiplies negative logits of tokens in the prompt or the completion (Keskar et al.,
    /// "CTRL", 2019); 1 is none.
    public var repetitionPenalty: Float = 1
    /// Added to the logits of tokens by id.
    public var logitBias: [TokenID: Float] = [:]
    /// The only tokens that may be chosen; `nil` is all. Nothing else bars all of them.
    public var allowedTokenIDs: [TokenID]?
    /// Sequences of tokens that may not be generated: the last of one is barred after all before it.
    public var badWords: [[TokenID]] = []
    /// What the text is held to; `nil` is nothing.
    public var structure: OutputStructure?
    /// How many of the most likely tokens to report at each position beside the chosen one; `nil` reports nothing.
    public var topLogprobs: Int?
    /// Tokens to report at each generated position in any case, where anything is reported.
    public var logprobTokenIDs: [TokenID] = []
    /// How many of the most likely tokens to report at each position of the prompt beside its own; `nil` reports nothing.
    public var promptLogprobs: Int?
    /// The temperatures at which to report the log-sum-exp of the logits, wherever log-probabilities are reported.
    public var logSumExpTemperatures: [Float] = []

    /// Parameters with every value at its default.
    public init() {}
}
