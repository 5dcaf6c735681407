// What both endpoints tell of log-probabilities.

extension TokenLogprob {
    /// The most likely tokens, and after them those that were asked for by id and are not among them.
    var alternatives: [Entry] { top + named.filter { entry in !top.contains { $0.token == entry.token } } }
}

extension ResponseBody {
    /// The log-probabilities that a response tells, if asked for: of the text's tokens as OpenAI's API does, or, where the
    /// response has the ids of all that was generated, of all these, the token that ended the answer included.
    func reportedLogprobs(of completion: Completion, _ request: RequestBody) -> [TokenLogprob]? {
        guard request.wantsLogprobs, let logprobs = completion.logprobs else { return nil }
        return request.returnsTokenIDs ? logprobs : Array(logprobs.prefix(completion.textTokenCount))
    }

    /// A token as log-probabilities name it.
    func spelling(of token: TokenID, _ request: RequestBody) -> String {
        request.spellsTokensAsIDs ? "token_id:\(token)" : text(of: token)
    }

    private func text(of token: TokenID) -> String { String(decoding: tokens.bytes(of: token), as: UTF8.self) }

    /// A log-probability in as many digits as tell it from its neighbors; OpenAI's -9999 stands for minus infinity.
    static func number(_ logprob: Float) -> JSONValue {
        .double(logprob.isFinite ? Double(logprob.description) ?? Double(logprob) : -9999)
    }

    /// Adds `prompt_logprobs`, in vLLM's form, if the request asks for it: an element per token of the prompt, null for the
    /// first, with the token itself before the most likely ones.
    func addPromptLogprobs(to object: inout JSONObject, _ request: RequestBody, _ scores: [TokenLogprob]) {
        guard let count = request.promptLogprobs else { return }
        object["prompt_logprobs"] = .array([.null] + scores.map { promptLogprob($0, count: count) })
        addLogSumExps(to: &object, "prompt_log_sum_exp", scores, request, isPrompt: true)
    }

    private func promptLogprob(_ score: TokenLogprob, count: Int) -> JSONValue {
        var object = JSONObject()
        let top = score.top.prefix(count).enumerated().map { (entry: $1, rank: $0 + 1) }
        for (entry, rank) in [(score.chosen, score.rank)] + top {
            let key = String(entry.token)
            guard object[key] == nil else { continue }
            object[key] = [
                "logprob": Self.number(entry.logprob), "rank": .integer(rank),
                "decoded_token": .string(text(of: entry.token)),
            ]
        }
        return .object(object)
    }

    /// Adds the log-sum-exps of positions, if the request asks for them: an array per token of one number per temperature.
    /// Beside those of generated tokens stand the tokens' ranks, which a prompt's log-probabilities have of themselves.
    func addLogSumExps(
        to object: inout JSONObject, _ key: String, _ scores: [TokenLogprob], _ request: RequestBody,
        isPrompt: Bool = false
    ) {
        guard !request.sampling.logSumExpTemperatures.isEmpty else { return }
        let rows = scores.map { JSONValue.array($0.logSumExps.map(Self.number)) }
        object[key] = .array(isPrompt ? [.null] + rows : rows)
        if !isPrompt { object["ranks"] = .array(scores.map { .integer($0.rank) }) }
    }
}
