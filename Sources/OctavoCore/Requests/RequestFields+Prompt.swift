// What is to be continued: a conversation, texts, or token ids.

extension RequestFields {
    func prompt() throws(RequestError) -> RequestBody.Prompt {
        switch (value("messages"), value("prompt")) {
        case (let messages?, nil): .chat(try chat(messages))
        case (nil, let prompt?): .texts(try prompts(prompt))
        case (nil, nil): throw RequestError("missing: give either messages or prompt", parameter: "messages")
        case (.some, .some): throw RequestError("give either messages or prompt, not both", parameter: "prompt")
        }
    }

    private func chat(_ value: JSONValue) throws(RequestError) -> RequestBody.Chat {
        guard let messages = value.arrayValue else {
            throw wrongType("messages", expected: "an array", found: value)
        }
        guard !messages.isEmpty else { throw RequestError("must not be empty", parameter: "messages") }
        for (index, message) in messages.enumerated() { try check(message, at: "messages[\(index)]") }
        let options = try templateOptions()
        var chat = RequestBody.Chat(messages: messages, tools: nil, options: options)
        chat.template = try string("chat_template")
        guard try allowsToolCalls() else { return chat }
        chat.tools = try tools()
        chat.callableTools = Self.names(of: chat.tools, builtIn: options["builtin_tools"])
        chat.allowsParallelCalls = try bool("parallel_tool_calls") ?? true
        return chat
    }

    /// The variables of the template: `chat_template_kwargs`, and what has members of its own.
    private func templateOptions() throws(RequestError) -> JSONObject {
        var options = JSONObject()
        if let arguments = value("chat_template_kwargs") {
            guard let object = arguments.objectValue else {
                throw wrongType("chat_template_kwargs", expected: "an object", found: arguments)
            }
            options = object
        }
        for key in ["add_generation_prompt", "continue_final_message"] {
            if let flag = try bool(key) { options[key] = .bool(flag) }
        }
        if try bool("continue_final_message") == true, try bool("add_generation_prompt") == true {
            throw RequestError("cannot be true beside add_generation_prompt", parameter: "continue_final_message")
        }
        if options["continue_final_message"]?.boolValue == true {
            options["add_generation_prompt"] = false
        } else if options["add_generation_prompt"] == nil {
            options["add_generation_prompt"] = true
        }
        if let documents = try array("documents") {
            for (index, document) in documents.enumerated() where document.objectValue == nil {
                throw wrongType("documents[\(index)]", expected: "an object", found: document)
            }
            options["documents"] = .array(documents)
        }
        return options
    }

    private func check(_ message: JSONValue, at path: String) throws(RequestError) {
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

    private func check(part: JSONValue, at path: String) throws(RequestError) {
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
    private func allowsToolCalls() throws(RequestError) -> Bool {
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
    private static func names(of tools: JSONValue?, builtIn: JSONValue?) -> Set<String> {
        let functions = (tools?.arrayValue ?? []).compactMap { ($0["function"] ?? $0)["name"]?.stringValue }
        return Set(functions + (builtIn?.arrayValue ?? []).compactMap(\.stringValue))
    }

    private func tools() throws(RequestError) -> JSONValue? {
        guard let tools = value("tools") else { return nil }
        guard let array = tools.arrayValue else { throw wrongType("tools", expected: "an array", found: tools) }
        return array.isEmpty ? nil : tools
    }

    private func prompts(_ value: JSONValue) throws(RequestError) -> [RequestBody.TextPrompt] {
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
}
