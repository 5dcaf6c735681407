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

    /// The body that answers `request` with its completions, one per choice, in order of their index.
    ///
    /// - Parameter promptTokens: tokens of all prompts together.
    public func json(for request: RequestBody, completions: [Completion], promptTokens: Int) -> JSONValue {
        let isChat = request.endpoint == .chatCompletions
        let choices = completions.enumerated().map { index, completion in
            isChat
                ? chatChoice(completion, index: index, request: request) : textChoice(completion, index: index)
        }
        return [
            "object": isChat ? "chat.completion" : "text_completion",
            "model": .string(model),
            "choices": .array(choices),
            "usage": .object(usage(of: completions, to: request, promptTokens: promptTokens)),
            "system_fingerprint": .string(systemFingerprint),
        ]
    }

    private func usage(of completions: [Completion], to request: RequestBody, promptTokens: Int) -> JSONObject {
        let generated = completions.reduce(0) { $0 + $1.tokens.count }
        var usage: JSONObject = [
            "prompt_tokens": .integer(promptTokens), "completion_tokens": .integer(generated),
            "total_tokens": .integer(promptTokens + generated),
        ]
        if reportsCachedTokens {
            // A prompt counts once, whatever the number of its samples: with its first.
            let firsts = stride(from: 0, to: completions.count, by: max(request.choicesPerPrompt, 1))
            let cached = firsts.reduce(0) { $0 + completions[$1].cachedTokens }
            usage["prompt_tokens_details"] = ["cached_tokens": .integer(cached)]
        }
        return usage
    }

    /// Why the answer made of a completion ended.
    public func finishReason(of completion: Completion, to request: RequestBody) -> FinishReason {
        toolCalls(in: completion, to: request) == nil ? completion.finishReason : .toolCalls
    }

    /// The calls of tools that a completion consists of, if it does and the request allows them.
    private func toolCalls(in completion: Completion, to request: RequestBody) -> [ToolCall]? {
        // What was cut off may be half a call, and is left to the reader.
        guard case .chat(let chat) = request.prompt, completion.finishReason == .stop else { return nil }
        let followsTag = completion.tokens.first.map { tokens.isSpecial($0) && tokens.bytes(of: $0) == ToolCall.tag }
        let calls = ToolCall.calls(in: completion.text, followsTag: followsTag ?? false, tools: chat.callableTools)
        return chat.allowsParallelCalls ? calls : calls.map { Array($0.prefix(1)) }
    }

    private func chatChoice(_ completion: Completion, index: Int, request: RequestBody) -> JSONValue {
        let logprobs: JSONValue =
            completion.logprobs.map { entries in
                ["content": .array(entries.map(chatLogprob)), "refusal": nil]
            } ?? .null
        var message: JSONObject = ["role": "assistant", "content": .string(completion.text), "refusal": nil]
        let calls = toolCalls(in: completion, to: request)
        if let calls {
            let ids = ToolCallIdentifiers(request: request, completion: completion, choice: index)
            message["content"] = .null
            message["tool_calls"] = .array(calls.enumerated().map { $1.json(id: ids[$0]) })
        }
        return [
            "index": .integer(index),
            "message": .object(message),
            "logprobs": logprobs,
            "finish_reason": .string((calls == nil ? completion.finishReason : .toolCalls).rawValue),
        ]
    }

    private func chatLogprob(_ logprob: TokenLogprob) -> JSONValue {
        var object = entry(logprob.chosen)
        object["top_logprobs"] = .array(logprob.top.map { .object(entry($0)) })
        return .object(object)
    }

    private func entry(_ entry: TokenLogprob.Entry) -> JSONObject {
        let bytes = tokens.bytes(of: entry.token)
        var object = JSONObject()
        object["token"] = .string(String(decoding: bytes, as: UTF8.self))
        object["logprob"] = Self.number(entry.logprob)
        object["bytes"] = .array(bytes.map { .integer(Int($0)) })
        return object
    }

    /// A log-probability in as many digits as tell it from its neighbors; OpenAI's -9999 stands for minus infinity.
    private static func number(_ logprob: Float) -> JSONValue {
        .double(logprob.isFinite ? Double(logprob.description) ?? Double(logprob) : -9999)
    }

    private func textChoice(_ completion: Completion, index: Int) -> JSONValue {
        [
            "index": .integer(index),
            "text": .string(completion.text),
            "logprobs": completion.logprobs.map(textLogprobs) ?? .null,
            "finish_reason": .string(completion.finishReason.rawValue),
        ]
    }

    private func textLogprobs(_ entries: [TokenLogprob]) -> JSONValue {
        var offset = 0
        var texts: [JSONValue] = []
        var offsets: [JSONValue] = []
        for entry in entries {
            let text = String(decoding: tokens.bytes(of: entry.chosen.token), as: UTF8.self)
            texts.append(.string(text))
            offsets.append(.integer(offset))
            offset += text.unicodeScalars.count
        }
        let top = entries.map { entry in
            var object = JSONObject()
            for alternative in entry.top {
                let key = String(decoding: tokens.bytes(of: alternative.token), as: UTF8.self)
                object[key] = Self.number(alternative.logprob)
            }
            return JSONValue.object(object)
        }
        return [
            "tokens": .array(texts),
            "token_logprobs": .array(entries.map { Self.number($0.chosen.logprob) }),
            "top_logprobs": .array(top),
            "text_offset": .array(offsets),
        ]
    }
}
