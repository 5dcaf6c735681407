extension RequestBody {
    /// The most alternatives at a position that a request may ask for, unless configured otherwise.
    public static let usualMaximumLogprobs = 1024

    /// Parses and checks a request body.
    ///
    /// - Parameters:
    ///   - json: the body; `messages` makes it a chat, `prompt` a completion.
    ///   - defaults: members used where the body has none, for instance a batch's sampling settings.
    ///   - sampling: the parameters that neither gives: a model's own defaults.
    ///   - maximumLogprobs: the most alternatives at a position that may be asked for.
    /// - Throws: `RequestError` naming the first parameter that is missing, of a wrong type, out of range or not
    ///   supported. Unknown members are ignored, as OpenAI-compatible servers do: `RequestParameter.unknown` finds them.
    public static func parse(
        _ json: JSONObject, defaults: JSONObject = JSONObject(), sampling: SamplingParameters = SamplingParameters(),
        maximumLogprobs: Int = usualMaximumLogprobs
    ) throws(RequestError) -> RequestBody {
        let fields = RequestFields(body: json, defaults: defaults, maximumLogprobs: maximumLogprobs)
        try fields.rejectUnsupported()
        var body = RequestBody(prompt: try fields.prompt(), model: try fields.string("model"), sampling: sampling)
        try fields.readChoices(into: &body)
        try fields.readSampling(into: &body.sampling)
        try fields.readPromptOptions(into: &body)
        try fields.readResponseOptions(into: &body)
        try fields.readLogprobs(into: &body)
        body.sampling.structure = try fields.structure()
        try body.checkLength()
        return body
    }

    /// Without tokens to generate, something must be told of the prompt.
    private func checkLength() throws(RequestError) {
        guard sampling.maxTokens == 0, sampling.promptLogprobs == nil, !echoes else { return }
        throw RequestError("must be at least 1, unless with echo or prompt_logprobs", parameter: "max_tokens")
    }
}

extension RequestFields {
    fileprivate func readChoices(into body: inout RequestBody) throws(RequestError) {
        body.choicesPerPrompt = try integer("n", in: 1...128) ?? 1
        body.samplesPerPrompt = body.choicesPerPrompt
        guard body.endpoint == .completions, let best = try integer("best_of", in: 1...128) else { return }
        guard best >= body.choicesPerPrompt else {
            throw RequestError("must be at least n, which is \(body.choicesPerPrompt)", parameter: "best_of")
        }
        body.samplesPerPrompt = best
    }

    /// How the prompt becomes tokens.
    fileprivate func readPromptOptions(into body: inout RequestBody) throws(RequestError) {
        body.addsSpecialTokens = try bool("add_special_tokens") ?? (body.endpoint == .completions)
        body.badWords = try texts("bad_words")
        body.promptLimit = try integer("truncate_prompt_tokens", in: -1...Int(Int32.max))
        guard body.promptLimit != 0 else {
            throw RequestError(
                "must be at least 1, or -1 for what the context leaves", parameter: "truncate_prompt_tokens")
        }
    }

    /// What the response has besides the answer.
    fileprivate func readResponseOptions(into body: inout RequestBody) throws(RequestError) {
        body.echoes = try bool("echo") ?? false
        body.returnsTokenIDs = try bool("return_token_ids") ?? false
        body.spellsTokensAsIDs = try bool("return_tokens_as_token_ids") ?? false
        let tiers = ["auto", "default", "flex", "scale", "priority"]
        body.serviceTier = value("service_tier")?.stringValue.flatMap { tiers.contains($0) ? $0 : nil }
    }

    /// Refuses, by name, what would change the answer and is not supported; what changes nothing is ignored.
    fileprivate func rejectUnsupported() throws(RequestError) {
        for parameter in RequestParameter.all where parameter.treatment == .refused {
            guard let value = value(parameter.name), !parameter.neutralValues.contains(value) else { continue }
            let only = parameter.neutralValues.first { $0 != false && $0 != "" }
            let message = only.map { "only \($0.jsonText) is supported" } ?? "is not supported"
            throw RequestError(message, parameter: parameter.name, code: "unsupported_parameter")
        }
    }
}
