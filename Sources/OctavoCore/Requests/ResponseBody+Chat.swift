// The choices of `/v1/chat/completions`.

extension ResponseBody {
    /// Why the answer made of a completion ended.
    public func finishReason(of completion: Completion, to request: RequestBody) -> FinishReason {
        toolCalls(in: completion, to: request) == nil ? completion.finishReason : .toolCalls
    }

    /// The calls of tools that a completion consists of, if it does and the request allows them.
    private func toolCalls(in completion: Completion, to request: RequestBody) -> [ToolCall]? {
        // What was cut off may be half a call, and is left to the reader.
        guard case .chat(let chat) = request.prompt, completion.finishReason == .stop else { return nil }
        let tag = completion.tokens.first.map { tokens.isSpecial($0) && tokens.bytes(of: $0) == ToolCall.tag } ?? false
        let isSpelled = tag && !request.sampling.skipsSpecialTokens
        let text = isSpelled ? String(completion.text.dropFirst(ToolCall.tag.count)) : completion.text
        let calls = ToolCall.calls(in: text, followsTag: tag, tools: chat.callableTools)
        return chat.allowsParallelCalls ? calls : calls.map { Array($0.prefix(1)) }
    }

    func chatChoice(_ completion: Completion, _ context: ChoiceContext) -> JSONObject {
        let request = context.request
        var message: JSONObject = [
            "role": "assistant", "content": .string(echo(of: request) + completion.text), "refusal": nil,
        ]
        let calls = toolCalls(in: completion, to: request)
        if let calls {
            let ids = ToolCallIdentifiers(request: request, completion: completion, choice: context.index)
            message["content"] = .null
            message["tool_calls"] = .array(calls.enumerated().map { $1.json(id: ids[$0]) })
        }
        let entries = reportedLogprobs(of: completion, request)
        var choice: JSONObject = [
            "index": .integer(context.index), "message": .object(message),
            "logprobs": entries.map { chatLogprobs($0, request) } ?? .null,
            "finish_reason": .string((calls == nil ? completion.finishReason : .toolCalls).rawValue),
        ]
        if request.returnsTokenIDs { choice["token_ids"] = Self.ids(completion.tokens) }
        if let entries { addLogSumExps(to: &choice, "log_sum_exp", entries, request) }
        return choice
    }

    /// What stands before the answer: the assistant's message that it continues.
    private func echo(of request: RequestBody) -> String {
        guard request.echoes, case .chat(let chat) = request.prompt, let last = chat.messages.last,
            last["role"] == "assistant"
        else { return "" }
        switch last["content"] {
        case .string(let text): return text
        case .array(let parts): return parts.compactMap { $0["text"]?.stringValue }.joined()
        default: return ""
        }
    }

    private func chatLogprobs(_ entries: [TokenLogprob], _ request: RequestBody) -> JSONValue {
        let content = entries.map { logprob in
            var object = entry(logprob.chosen, request)
            object["top_logprobs"] = .array(logprob.alternatives.map { .object(entry($0, request)) })
            return JSONValue.object(object)
        }
        return ["content": .array(content), "refusal": nil]
    }

    private func entry(_ entry: TokenLogprob.Entry, _ request: RequestBody) -> JSONObject {
        [
            "token": .string(spelling(of: entry.token, request)), "logprob": Self.number(entry.logprob),
            "bytes": .array(tokens.bytes(of: entry.token).map { .integer(Int($0)) }),
        ]
    }
}
