// Two requests with the same prompts (in tokens) and the same parameters, put to the same model, have the same response.
// What is written here is meant to be complete: a property that is missing would give a request another one's answer.

extension EncodedRequest {
    /// All of the request that its response depends on, beside the tokens of its prompts and the model: a canonical
    /// value, the same for requests that say the same in other words. `nil` if the answer is drawn by chance: sampled,
    /// with no seed in the request.
    ///
    /// - Parameter rules: what decides whether an answer counts.
    public func fixedParameters(rules: OutputRules?) -> JSONValue? {
        guard let sampling = generations.first?.sampling else { return nil }
        guard sampling.temperature == 0 || body.sampling.seed != nil else { return nil }
        var members = body.identity
        members["sampling"] = .object(sampling.identity)
        // The limits of each prompt's answer, which may be what the context leaves.
        members["maxTokens"] = .array(generations.map { .integer($0.sampling.maxTokens ?? 0) })
        members["rules"] = rules?.identity
        return .object(members)
    }
}

extension RequestBody {
    /// The properties that the response depends on but by way of tokens and sampling.
    package var identity: JSONObject {
        var members: JSONObject = [
            "endpoint": .string(endpoint.rawValue), "choicesPerPrompt": .integer(choicesPerPrompt),
            "samplesPerPrompt": .integer(samplesPerPrompt), "echoes": .bool(echoes),
            "promptLogprobs": .optional(promptLogprobs), "returnsTokenIDs": .bool(returnsTokenIDs),
            "spellsTokensAsIDs": .bool(spellsTokensAsIDs),
            "serviceTier": serviceTier.map(JSONValue.string) ?? .null,
        ]
        switch prompt {
        case .chat(let chat):
            // By these, calls are told from text.
            members["tools"] = chat.tools ?? .null
            members["callableTools"] = .array(chat.callableTools.sorted().map(JSONValue.string))
            members["allowsParallelCalls"] = .bool(chat.allowsParallelCalls)
            if echoes { members["prompt"] = .array(chat.messages) }
        case .texts(let prompts):
            // An echo has the text as it was given, which tokens may not tell.
            if echoes { members["prompt"] = .array(prompts.map(\.identity)) }
        }
        return members
    }
}

extension RequestBody.TextPrompt {
    fileprivate var identity: JSONValue {
        switch self {
        case .text(let text): .string(text)
        case .tokens(let tokens): .array(tokens.map { .integer(Int($0)) })
        }
    }
}

extension SamplingParameters {
    /// Every property by its name, but `maxTokens`, which goes by the prompt, and a seed that nothing is drawn by.
    package var identity: JSONObject {
        [
            "temperature": .float(temperature), "topP": .float(topP), "topK": .integer(topK), "minP": .float(minP),
            "seed": temperature == 0 ? .null : .optional(seed.map(Int.init)), "minTokens": .integer(minTokens),
            "stop": .array(stop.map(JSONValue.string)), "stopTokenIDs": .ids(stopTokenIDs),
            "includesStop": .bool(includesStop), "ignoresEndTokens": .bool(ignoresEndTokens),
            "skipsSpecialTokens": .bool(skipsSpecialTokens), "frequencyPenalty": .float(frequencyPenalty),
            "presencePenalty": .float(presencePenalty), "repetitionPenalty": .float(repetitionPenalty),
            "logitBias": .array(
                logitBias.sorted { $0.key < $1.key }.map { [.integer(Int($0.key)), .float($0.value)] }),
            "allowedTokenIDs": allowedTokenIDs.map { .ids($0.sorted()) } ?? .null,
            "badWords": .array(badWords.map(JSONValue.ids)), "structure": structure?.language.identity ?? .null,
            "topLogprobs": .optional(topLogprobs), "logprobTokenIDs": .ids(logprobTokenIDs),
            "promptLogprobs": .optional(promptLogprobs),
            "logSumExpTemperatures": .array(logSumExpTemperatures.map(JSONValue.float)),
        ]
    }
}

extension OutputStructure.Language {
    fileprivate var identity: JSONValue {
        switch self {
        case .jsonObject: ["json": true]
        case .jsonSchema(let schema): ["schema": schema]
        case .regex(let pattern): ["regex": .string(pattern)]
        case .choice(let texts): ["choice": .array(texts.map(JSONValue.string))]
        }
    }
}

extension OutputRules {
    fileprivate var identity: JSONValue {
        [
            "conditions": .array(conditions.map { .string($0.rawValue) }), "retries": .integer(retries),
            "keepsLast": .bool(keepsLast), "schema": schema?.schema ?? .null,
        ]
    }
}

extension JSONValue {
    fileprivate static func optional(_ value: Int?) -> JSONValue { value.map(JSONValue.integer) ?? .null }

    fileprivate static func ids(_ tokens: [TokenID]) -> JSONValue { .array(tokens.map { .integer(Int($0)) }) }

    /// By its bits, which nothing rounds.
    fileprivate static func float(_ value: Float) -> JSONValue { .integer(Int(value.bitPattern)) }
}
