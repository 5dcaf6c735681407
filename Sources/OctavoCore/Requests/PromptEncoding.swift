/// Turns the texts of a request into token ids: a tokenizer with a chat template, seen from outside.
public protocol PromptEncoding: Sendable {
    /// The model's context: prompt and completion together have at most this many tokens.
    var contextLength: Int { get }
    /// Tokens in the vocabulary.
    var vocabularySize: Int { get }

    /// The token ids of every prompt of `body` (one for a chat), whole.
    ///
    /// - Throws: `RequestError` when the template refuses the messages or a token id is not in the vocabulary.
    func encode(_ body: RequestBody) throws(RequestError) -> [[TokenID]]

    /// The token ids of a text as it stands within another.
    func tokens(of text: String) -> [TokenID]
}

extension RequestBody {
    /// The most tokens to generate after a prompt of `promptTokens` tokens in a context of `contextLength`.
    ///
    /// - Throws: `RequestError` with the code `context_length_exceeded` when the prompt alone fills the context, or
    ///   with the request's own `max_tokens` overfills it.
    public func maximumNewTokens(promptTokens: Int, contextLength: Int) throws(RequestError) -> Int {
        let room = contextLength - promptTokens
        guard room > 0 || (room == 0 && sampling.maxTokens == 0) else {
            throw RequestError(
                "the prompt has \(promptTokens) tokens, but the model's context is \(contextLength): shorten it",
                parameter: endpoint == .chatCompletions ? "messages" : "prompt", code: "context_length_exceeded")
        }
        guard let asked = sampling.maxTokens else { return min(room, defaultMaxTokens) }
        guard asked <= room else {
            throw RequestError(
                "is \(asked), but the prompt's \(promptTokens) tokens leave \(room) of the model's context of "
                    + "\(contextLength): lower it or shorten the prompt",
                parameter: "max_tokens", code: "context_length_exceeded")
        }
        return asked
    }

    /// The token ids of every prompt, cut as the request says.
    ///
    /// - Throws: `RequestError` as the encoder does, and when a parameter names a token that the vocabulary lacks.
    public func encodedPrompts(by encoder: any PromptEncoding) throws(RequestError) -> [[TokenID]] {
        try check(sampling.allowedTokenIDs ?? [], "allowed_token_ids", encoder)
        try check(sampling.logprobTokenIDs, "logprob_token_ids", encoder)
        let prompts = try encoder.encode(self)
        guard let promptLimit else { return prompts }
        let room = max(1, encoder.contextLength - (sampling.maxTokens ?? 1))
        return prompts.map { Array($0.suffix(promptLimit < 0 ? room : promptLimit)) }
    }

    private func check(
        _ tokens: [TokenID], _ parameter: String, _ encoder: any PromptEncoding
    ) throws(RequestError) {
        for (index, token) in tokens.enumerated() where token >= encoder.vocabularySize {
            throw RequestError(
                "is \(token), but the vocabulary ends at \(encoder.vocabularySize - 1)",
                parameter: "\(parameter)[\(index)]")
        }
    }
}
