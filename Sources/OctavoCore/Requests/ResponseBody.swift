/// Builds response bodies as OpenAI's API has them, without the two members that name the moment of answering.
///
/// `id` and `created` are added on export: what the database keeps is a pure function of the request and the model.
public struct ResponseBody: Sendable {
    /// The model's name as the response gives it.
    public var model: String
    /// The fingerprint of weights, tokenizer, template and numerics.
    public var systemFingerprint: String
    /// Gives the bytes behind tokens, for logprobs.
    public var tokens: any TokenDecoding
    /// Whether `usage` tells how many prompt tokens were not computed again; what the database keeps then depends on what
    /// was computed before, too.
    public var reportsCachedTokens: Bool

    /// A builder for responses of one model.
    public init(
        model: String, systemFingerprint: String, tokens: any TokenDecoding, reportsCachedTokens: Bool = false
    ) {
        self.model = model
        self.systemFingerprint = systemFingerprint
        self.tokens = tokens
        self.reportsCachedTokens = reportsCachedTokens
    }

    /// The body that answers `request`.
    ///
    /// - Parameters:
    ///   - prompts: the token ids of each prompt.
    ///   - completions: every sample of every prompt, in order.
    public func json(for request: RequestBody, prompts: [[TokenID]], completions: [Completion]) -> JSONValue {
        let isChat = request.endpoint == .chatCompletions
        let choices = kept(completions, for: request).enumerated().map { index, completion in
            let prompt = index / max(request.choicesPerPrompt, 1)
            // The first sample of a prompt tells of it.
            let scores = completions[prompt * max(request.samplesPerPrompt, 1)].promptLogprobs ?? []
            let context = ChoiceContext(request: request, index: index, prompt: prompts[prompt], promptScores: scores)
            return JSONValue.object(isChat ? chatChoice(completion, context) : textChoice(completion, context))
        }
        var body: JSONObject = [
            "object": isChat ? "chat.completion" : "text_completion", "model": .string(model),
            "choices": .array(choices),
            "usage": .object(usage(of: completions, to: request, prompts: prompts)),
            "system_fingerprint": .string(systemFingerprint),
        ]
        if isChat { addPrompt(to: &body, request, prompts[0], completions[0]) }
        return .object(body)
    }

    /// What a chat's response tells of its prompt; a completion's tells it in every choice.
    private func addPrompt(
        to body: inout JSONObject, _ request: RequestBody, _ prompt: [TokenID], _ completion: Completion
    ) {
        if let tier = request.serviceTier { body["service_tier"] = .string(tier) }
        if request.returnsTokenIDs { body["prompt_token_ids"] = Self.ids(prompt) }
        addPromptLogprobs(to: &body, request, completion.promptLogprobs ?? [])
    }

    /// The completions that a response gives: of the samples of each prompt the likeliest by token, as many as are wanted.
    public func kept(_ completions: [Completion], for request: RequestBody) -> [Completion] {
        guard request.samplesPerPrompt > request.choicesPerPrompt else { return completions }
        func likelihood(_ completion: Completion) -> Double {
            (completion.cumulativeLogprob ?? 0) / Double(max(completion.tokens.count, 1))
        }
        return stride(from: 0, to: completions.count, by: request.samplesPerPrompt).flatMap { first in
            let samples = completions[first..<min(first + request.samplesPerPrompt, completions.count)]
            let ranked = samples.enumerated().sorted {
                (likelihood($1.element), $0.offset) < (likelihood($0.element), $1.offset)
            }
            return ranked.prefix(request.choicesPerPrompt).map(\.element)
        }
    }

    private func usage(of completions: [Completion], to request: RequestBody, prompts: [[TokenID]]) -> JSONObject {
        let generated = completions.reduce(0) { $0 + $1.tokens.count }
        let promptTokens = prompts.reduce(0) { $0 + $1.count }
        var usage: JSONObject = [
            "prompt_tokens": .integer(promptTokens), "completion_tokens": .integer(generated),
            "total_tokens": .integer(promptTokens + generated),
        ]
        if reportsCachedTokens {
            // A prompt counts once, whatever the number of its samples: with its first.
            let firsts = stride(from: 0, to: completions.count, by: max(request.samplesPerPrompt, 1))
            let cached = firsts.reduce(0) { $0 + completions[$1].cachedTokens }
            usage["prompt_tokens_details"] = ["cached_tokens": .integer(cached)]
        }
        return usage
    }

    static func ids(_ tokens: [TokenID]) -> JSONValue { .array(tokens.map { .integer(Int($0)) }) }
}

/// What a choice is made for.
struct ChoiceContext {
    var request: RequestBody
    /// Its place in the response.
    var index: Int
    /// The tokens that it goes on from.
    var prompt: [TokenID]
    /// What is known of the prompt's tokens but the first.
    var promptScores: [TokenLogprob]
}
