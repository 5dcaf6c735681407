/// A request as token ids: what an engine is to generate for it.
public struct EncodedRequest: Sendable {
    /// The request.
    public let body: RequestBody
    /// The token ids of each prompt.
    public let prompts: [[TokenID]]
    /// Every sample of every prompt, in order; `id` and `sampleIndex` are its place.
    public var generations: [GenerationRequest]

    /// Encodes a request.
    ///
    /// - Parameter seed: the seed of a request that names none.
    /// - Throws: `RequestError` when the request can never be answered.
    public init(_ body: RequestBody, encoder: any PromptEncoding, seed: Int64) throws(RequestError) {
        self.body = body
        prompts = try body.encodedPrompts(by: encoder)
        generations = []
        var sampling = body.sampling
        sampling.seed = sampling.seed ?? seed
        sampling.badWords = Self.badWords(body.badWords, encoder: encoder)
        // The likeliest of several is found by log-probabilities, asked for or not.
        if body.samplesPerPrompt > body.choicesPerPrompt { sampling.topLogprobs = sampling.topLogprobs ?? 0 }
        for prompt in prompts {
            sampling.maxTokens = try body.maximumNewTokens(
                promptTokens: prompt.count, contextLength: encoder.contextLength)
            for sample in 0..<body.samplesPerPrompt {
                // Once is enough to tell of a prompt.
                sampling.promptLogprobs = sample == 0 ? body.sampling.promptLogprobs : nil
                generations.append(
                    GenerationRequest(
                        id: generations.count, promptTokens: prompt, sampling: sampling,
                        sampleIndex: generations.count))
            }
        }
    }

    /// Tokens of all prompts.
    public var promptTokens: Int { prompts.reduce(0) { $0 + $1.count } }

    /// A word is barred at the beginning of a text and after a space, which most vocabularies write differently.
    private static func badWords(_ words: [String], encoder: any PromptEncoding) -> [[TokenID]] {
        var sequences: [[TokenID]] = []
        for word in words {
            let bare = String(word.drop { $0 == " " })
            for spelling in [bare, " " + bare] {
                let tokens = encoder.tokens(of: spelling)
                if !tokens.isEmpty, !sequences.contains(tokens) { sequences.append(tokens) }
            }
        }
        return sequences
    }
}
