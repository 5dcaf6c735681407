// The choices of `/v1/completions`.

extension ResponseBody {
    func textChoice(_ completion: Completion, _ context: ChoiceContext) -> JSONObject {
        let request = context.request
        let echoed = request.echoes ? context.prompt : []
        let entries = reportedLogprobs(of: completion, request)
        var choice: JSONObject = [
            "index": .integer(context.index), "text": .string(text(of: echoed, request) + completion.text),
            "logprobs": entries.map { textLogprobs($0, after: echoed, context) } ?? .null,
            "finish_reason": .string(completion.finishReason.rawValue),
        ]
        if request.returnsTokenIDs {
            choice["prompt_token_ids"] = Self.ids(context.prompt)
            choice["token_ids"] = Self.ids(completion.tokens)
        }
        if let entries { addLogSumExps(to: &choice, "log_sum_exp", entries, request) }
        addPromptLogprobs(to: &choice, request, context.promptScores)
        return choice
    }

    /// The text of tokens as an answer would have it.
    private func text(of tokens: [TokenID], _ request: RequestBody) -> String {
        let shown = tokens.filter { isShown($0, request) }
        return String(decoding: shown.flatMap(self.tokens.bytes), as: UTF8.self)
    }

    private func isShown(_ token: TokenID, _ request: RequestBody) -> Bool {
        !request.sampling.skipsSpecialTokens || !tokens.isSpecial(token)
    }

    /// Parallel arrays over the tokens of the text: those of an echoed prompt, of whose first nothing is known, and those
    /// generated.
    private func textLogprobs(
        _ entries: [TokenLogprob], after echoed: [TokenID], _ context: ChoiceContext
    ) -> JSONValue {
        let request = context.request
        let first = echoed.first.map { (token: $0, score: TokenLogprob?.none) }
        let scored = (echoed.isEmpty ? entries : context.promptScores + entries).map {
            (token: $0.chosen.token, score: $0)
        }
        let all = (first.map { [$0] } ?? []) + scored
        var offset = 0
        var offsets: [JSONValue] = []
        for (token, _) in all {
            offsets.append(.integer(offset))
            // Characters begun, so that those that tokens share count once.
            if isShown(token, request) { offset += tokens.bytes(of: token).count { $0 & 0xC0 != 0x80 } }
        }
        return [
            "tokens": .array(all.map { .string(spelling(of: $0.token, request)) }),
            "token_logprobs": .array(all.map { $0.score.map { Self.number($0.chosen.logprob) } ?? .null }),
            "top_logprobs": .array(all.map { $0.score.map { topLogprobs($0, request) } ?? .null }),
            "text_offset": .array(offsets),
        ]
    }

    /// The alternatives by their text, and the token itself, as OpenAI's API has it.
    private func topLogprobs(_ score: TokenLogprob, _ request: RequestBody) -> JSONValue {
        var object = JSONObject()
        let count = request.sampling.topLogprobs ?? 0
        for entry in score.top.prefix(count) + [score.chosen] + score.named {
            let key = spelling(of: entry.token, request)
            // Tokens that are parts of characters may be spelled alike; the likeliest has the name.
            if object[key] == nil { object[key] = Self.number(entry.logprob) }
        }
        return .object(object)
    }
}
