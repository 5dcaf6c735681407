extension RequestBody {
    /// Parses and checks a request body.
    ///
    /// - Parameter json: the body; `messages` makes it a chat, `prompt` a completion.
    /// - Parameter defaults: members used where the body has none, for instance a batch's sampling settings.
    /// - Parameter sampling: the parameters that neither gives: a model's own defaults.
    /// - Throws: `RequestError` naming the first parameter that is missing, of a wrong type, out of range or not
    ///   supported. Unknown members are ignored, as OpenAI-compatible servers do.
    public static func parse(
        _ json: JSONObject, defaults: JSONObject = JSONObject(), sampling: SamplingParameters = SamplingParameters()
    ) throws(RequestError) -> RequestBody {
        let fields = RequestFields(body: json, defaults: defaults)
        try fields.rejectUnsupported()
        let prompt = try fields.prompt()
        let isChat = if case .chat = prompt { true } else { false }
        var body = RequestBody(prompt: prompt, model: try fields.string("model"), sampling: sampling)
        body.choicesPerPrompt = try fields.integer("n", in: 1...128) ?? 1
        try fields.readSampling(into: &body.sampling)
        body.sampling.topLogprobs = isChat ? try fields.chatLogprobs() : try fields.completionLogprobs()
        return body
    }
}

/// Reads the members of a body, falling back to defaults; an explicit null counts as absent, as OpenAI's clients mean.
private struct RequestFields {
    let body: JSONObject
    let defaults: JSONObject

    func value(_ key: String) -> JSONValue? {
        if let value = body[key], !value.isNull { return value }
        if let value = defaults[key], !value.isNull { return value }
        return nil
    }

    func wrongType(_ key: String, expected: String, found: JSONValue) -> RequestError {
        RequestError("must be \(expected), found \(found.typeName)", parameter: key)
    }

    func string(_ key: String) throws(RequestError) -> String? {
        guard let value = value(key) else { return nil }
        guard let string = value.stringValue else { throw wrongType(key, expected: "a string", found: value) }
        return string
    }

    func bool(_ key: String) throws(RequestError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let bool = value.boolValue else { throw wrongType(key, expected: "true or false", found: value) }
        return bool
    }

    func integer(_ key: String, in range: ClosedRange<Int>) throws(RequestError) -> Int? {
        guard let value = value(key) else { return nil }
        guard let integer = value.integerValue else {
            throw wrongType(key, expected: "an integer", found: value)
        }
        guard range.contains(integer) else { throw outOfRange(key, range.lowerBound, range.upperBound, value) }
        return integer
    }

    func number(_ key: String, in range: ClosedRange<Double>) throws(RequestError) -> Float? {
        guard let value = value(key) else { return nil }
        guard let number = value.doubleValue else { throw wrongType(key, expected: "a number", found: value) }
        guard range.contains(number) else {
            throw outOfRange(key, plain(range.lowerBound), plain(range.upperBound), value)
        }
        return Float(number)
    }

    /// A bound as a person writes it: `1`, not `1.0`.
    private func plain(_ bound: Double) -> String { Int(exactly: bound).map(String.init) ?? "\(bound)" }

    func outOfRange<Bound>(_ key: String, _ low: Bound, _ high: Bound, _ found: JSONValue) -> RequestError {
        RequestError("must be between \(low) and \(high), found \(found.jsonText)", parameter: key)
    }
}

// MARK: - Prompt

extension RequestFields {
    func prompt() throws(RequestError) -> RequestBody.Prompt {
        switch (value("messages"), value("prompt")) {
        case (let messages?, nil): .chat(try chat(messages))
        case (nil, let prompt?): .texts(try texts(prompt))
        case (nil, nil): throw RequestError("missing: give either messages or prompt", parameter: "messages")
        case (.some, .some): throw RequestError("give either messages or prompt, not both", parameter: "prompt")
        }
    }

    func chat(_ value: JSONValue) throws(RequestError) -> RequestBody.Chat {
        guard let messages = value.arrayValue else {
            throw wrongType("messages", expected: "an array", found: value)
        }
        guard !messages.isEmpty else { throw RequestError("must not be empty", parameter: "messages") }
        for (index, message) in messages.enumerated() { try check(message, at: "messages[\(index)]") }
        var options = JSONObject()
        if let arguments = self.value("chat_template_kwargs") {
            guard let object = arguments.objectValue else {
                throw wrongType("chat_template_kwargs", expected: "an object", found: arguments)
            }
            options = object
        }
        for key in ["add_generation_prompt", "continue_final_message"] {
            if let flag = try bool(key) { options[key] = .bool(flag) }
        }
        if options["continue_final_message"]?.boolValue == true {
            options["add_generation_prompt"] = false
        } else if options["add_generation_prompt"] == nil {
            options["add_generation_prompt"] = true
        }
        var chat = RequestBody.Chat(messages: messages, tools: nil, options: options)
        guard try allowsToolCalls() else { return chat }
        chat.tools = try tools()
        chat.callableTools = Self.names(of: chat.tools, builtIn: options["builtin_tools"])
        chat.allowsParallelCalls = try bool("parallel_tool_calls") ?? true
        return chat
    }

    func check(_ message: JSONValue, at path: String) throws(RequestError) {
        guard let object = message.objectValue else { throw wrongType(path, expected: "an object", found: message) }
        guard let role = object["role"] else { throw RequestError("missing", parameter: "\(path).role") }
        guard role.stringValue != nil else {
            throw wrongType("\(path).role", expected: "a string", found: role)
        }
        switch object["content"] {
        case nil:
            guard object["tool_calls"] != nil else { throw RequestError("missing", parameter: "\(path).content") }
        case .null, .string: break
        case .array(let parts):
            for (index, part) in parts.enumerated() { try check(part: part, at: "\(path).content[\(index)]") }
        case let content?:
            throw wrongType("\(path).content", expected: "a string or an array of parts", found: content)
        }
    }

    func check(part: JSONValue, at path: String) throws(RequestError) {
        guard part.objectValue != nil else { throw wrongType(path, expected: "an object", found: part) }
        guard let type = part["type"] else { throw RequestError("missing", parameter: "\(path).type") }
        guard type == "text" else {
            throw RequestError(
                "only text parts are supported, found \(type.jsonText)", parameter: "\(path).type",
                code: "unsupported_parameter")
        }
        guard let text = part["text"] else { throw RequestError("missing", parameter: "\(path).text") }
        guard text.stringValue != nil else { throw wrongType("\(path).text", expected: "a string", found: text) }
    }

    /// Whether the answer may call tools; where it may not, they are not offered either. That it must call one cannot be
    /// promised without constrained decoding.
    func allowsToolCalls() throws(RequestError) -> Bool {
        switch value("tool_choice") {
        case nil, "auto": return true
        case "none": return false
        default:
            throw RequestError(
                "only \"auto\" and \"none\" are supported: a call cannot be forced", parameter: "tool_choice",
                code: "unsupported_parameter")
        }
    }

    /// The names of declared functions, and of the tools built into the model that the template is told to offer.
    static func names(of tools: JSONValue?, builtIn: JSONValue?) -> Set<String> {
        let functions = (tools?.arrayValue ?? []).compactMap { ($0["function"] ?? $0)["name"]?.stringValue }
        return Set(functions + (builtIn?.arrayValue ?? []).compactMap(\.stringValue))
    }

    func tools() throws(RequestError) -> JSONValue? {
        guard let tools = value("tools") else { return nil }
        guard let array = tools.arrayValue else { throw wrongType("tools", expected: "an array", found: tools) }
        return array.isEmpty ? nil : tools
    }

    func texts(_ value: JSONValue) throws(RequestError) -> [RequestBody.TextPrompt] {
        let expected = "a string, an array of strings, or token ids"
        switch value {
        case .string(let text): return [.text(text)]
        case .array(let elements):
            guard let first = elements.first else { throw RequestError("must not be empty", parameter: "prompt") }
            if case .integer = first { return [.tokens(try tokens(value, at: "prompt"))] }
            var prompts: [RequestBody.TextPrompt] = []
            for (index, element) in elements.enumerated() {
                switch element {
                case .string(let text): prompts.append(.text(text))
                case .array: prompts.append(.tokens(try tokens(element, at: "prompt[\(index)]")))
                default: throw wrongType("prompt[\(index)]", expected: expected, found: element)
                }
            }
            return prompts
        default: throw wrongType("prompt", expected: expected, found: value)
        }
    }

    func tokens(_ value: JSONValue, at path: String) throws(RequestError) -> [TokenID] {
        guard let elements = value.arrayValue, !elements.isEmpty else {
            throw RequestError("must not be empty", parameter: path)
        }
        var tokens: [TokenID] = []
        tokens.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            guard case .integer(let id) = element, let token = TokenID(exactly: id), token >= 0 else {
                throw RequestError("is not a token id", parameter: "\(path)[\(index)]")
            }
            tokens.append(token)
        }
        return tokens
    }
}

// MARK: - Sampling

extension RequestFields {
    func readSampling(into sampling: inout SamplingParameters) throws(RequestError) {
        let limit = Int(Int32.max)
        if let value = try number("temperature", in: 0...100) { sampling.temperature = value }
        if let value = try number("top_p", in: 0...1) { sampling.topP = value }
        if let value = try integer("top_k", in: -1...limit) { sampling.topK = max(value, 0) }
        if let value = try number("min_p", in: 0...1) { sampling.minP = value }
        if let value = try integer("seed", in: Int.min...Int.max) { sampling.seed = Int64(value) }
        sampling.maxTokens = try maxTokens(in: 1...limit)
        if let value = try integer("min_tokens", in: 0...limit) { sampling.minTokens = value }
        if let value = try bool("ignore_eos") { sampling.ignoresEndTokens = value }
        if let value = try bool("include_stop_str_in_output") { sampling.includesStop = value }
        if let value = try number("frequency_penalty", in: -2...2) { sampling.frequencyPenalty = value }
        if let value = try number("presence_penalty", in: -2...2) { sampling.presencePenalty = value }
        if let value = try number("repetition_penalty", in: 0.01...100) { sampling.repetitionPenalty = value }
        sampling.stop = try stopStrings()
        if let value = value("stop_token_ids"), value != [] {
            sampling.stopTokenIDs = try tokens(value, at: "stop_token_ids")
        }
        sampling.logitBias = try logitBias()
    }

    /// Of the two names of one parameter the newer wins, but either in the body wins over both in the defaults.
    func maxTokens(in range: ClosedRange<Int>) throws(RequestError) -> Int? {
        for source in [body, defaults] {
            for key in ["max_completion_tokens", "max_tokens"] {
                guard let value = source[key], !value.isNull else { continue }
                return try integer(key, in: range)
            }
        }
        return nil
    }

    func stopStrings() throws(RequestError) -> [String] {
        guard let value = value("stop") else { return [] }
        let elements = if case .array(let elements) = value { elements } else { [value] }
        var stops: [String] = []
        for element in elements {
            guard let text = element.stringValue else {
                throw wrongType("stop", expected: "a string or an array of strings", found: element)
            }
            guard !text.isEmpty else { throw RequestError("must not contain an empty string", parameter: "stop") }
            stops.append(text)
        }
        return stops
    }

    func logitBias() throws(RequestError) -> [TokenID: Float] {
        guard let value = value("logit_bias") else { return [:] }
        guard let object = value.objectValue else { throw wrongType("logit_bias", expected: "an object", found: value) }
        var biases: [TokenID: Float] = [:]
        for member in object.members {
            guard let token = TokenID(member.key), token >= 0 else {
                throw RequestError("has the key \"\(member.key)\", which is not a token id", parameter: "logit_bias")
            }
            guard let bias = member.value.doubleValue, (-100...100).contains(bias) else {
                throw RequestError("must be between -100 and 100", parameter: "logit_bias.\(member.key)")
            }
            biases[token] = Float(bias)
        }
        return biases
    }

    /// `logprobs` is a boolean for chats, and `top_logprobs` how many.
    func chatLogprobs() throws(RequestError) -> Int? {
        let count = try integer("top_logprobs", in: 0...1024)
        guard try bool("logprobs") == true else {
            guard count == nil || count == 0 else {
                throw RequestError("needs logprobs to be true", parameter: "top_logprobs")
            }
            return nil
        }
        return count ?? 0
    }

    /// `logprobs` is a number for completions.
    func completionLogprobs() throws(RequestError) -> Int? { try integer("logprobs", in: 0...1024) }
}

// MARK: - What is refused

extension RequestFields {
    /// Refuses, by name, what would change the answer and is not supported; what changes nothing is ignored.
    func rejectUnsupported() throws(RequestError) {
        for key in ["stream", "echo", "functions", "function_call", "modalities", "audio", "web_search_options"] {
            guard let value = value(key), value != false else { continue }
            throw RequestError("is not supported", parameter: key, code: "unsupported_parameter")
        }
        let later = [
            "suffix", "prompt_logprobs", "structured_outputs", "guided_json", "guided_regex", "guided_choice",
            "bad_words", "allowed_token_ids", "truncate_prompt_tokens", "return_token_ids", "stream_options",
        ]
        for key in later where value(key) != nil {
            throw RequestError("is not supported", parameter: key, code: "unsupported_parameter")
        }
        if let format = value("response_format"), format["type"]?.stringValue != "text" {
            throw RequestError(
                "only {\"type\": \"text\"} is supported", parameter: "response_format", code: "unsupported_parameter")
        }
        if let effort = value("reasoning_effort"), effort != "none" {
            throw RequestError(
                "only \"none\" is supported", parameter: "reasoning_effort", code: "unsupported_parameter")
        }
        if let best = try integer("best_of", in: 1...128), best != (try integer("n", in: 1...128) ?? 1) {
            throw RequestError("must equal n", parameter: "best_of", code: "unsupported_parameter")
        }
    }
}
