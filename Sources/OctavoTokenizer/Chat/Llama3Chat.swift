import OctavoCore

/// Llama 3's own form of a conversation, for checkpoints that carry no chat template, as Meta's do not.
///
/// It writes what `ChatFormat` of Meta's llama-models (0.3) writes, token for token: a message is a header, two
/// newlines, the content as it is and an end; the conversation ends with the header of an answer. Content is tokenized
/// apart from its header. Unlike the templates of the instruct models on Hugging Face it trims nothing and adds no date.
///
/// Llama 3 and 3.1 differ in two tokens, `<|eom_id|>` and `<|python_tag|>`, which only calls of tools need; where the
/// vocabulary lacks one, a conversation that needs it is refused.
public struct Llama3Chat: Sendable {
    /// Names this form in fingerprints; changes with what it writes.
    public static let identity = "llama3-chat-1"

    private let tokens: Set<String>

    /// The form, if the vocabulary of `tokenizer` has its tokens.
    public init?(_ tokenizer: Tokenizer) {
        func isSpecial(_ token: Token) -> Bool {
            tokenizer.token(named: token.rawValue).map(tokenizer.isSpecial) ?? false
        }
        guard [.begin, .startOfHeader, .endOfHeader, .endOfTurn].allSatisfy(isSpecial) else { return nil }
        tokens = Set(Token.allCases.filter(isSpecial).map(\.rawValue))
    }

    /// The special tokens of the form.
    enum Token: String, CaseIterable {
        case begin = "<|begin_of_text|>"
        case startOfHeader = "<|start_header_id|>"
        case endOfHeader = "<|end_header_id|>"
        case endOfTurn = "<|eot_id|>"
        case endOfMessage = "<|eom_id|>"
        case pythonTag = "<|python_tag|>"
    }

    /// Renders a conversation.
    ///
    /// - Parameters:
    ///   - messages: in OpenAI's form; calls of tools also in Meta's (`tool_name`, `arguments`), and a `stop_reason` of
    ///     `end_of_message` ends a message with `<|eom_id|>`.
    ///   - tools: described in the system message, as `Llama3Tools` does.
    ///   - options: `add_generation_prompt` (true unless given), `continue_final_message`, and `tool_prompt_format`
    ///     (`json` unless given, `function_tag` or `python_list`), the form of past calls. Others have no effect.
    /// - Throws: `ChatTemplateError` for a role that the model does not know, for options and calls it cannot write.
    func render(
        messages: [JSONValue], tools: JSONValue?, options: JSONObject
    ) throws(ChatTemplateError) -> [PromptSegment] {
        let messages = try ChatMessages.normalized(messages.map(Llama3Call.inOpenAIForm), contentFormat: .string)
        let continuesLast = try FinalMessage(of: messages, options: options) != nil
        let format = try Llama3Call.Format(options["tool_prompt_format"])
        var prompt = [PromptSegment(text: Token.begin.rawValue, isTrusted: true)]
        var description = try tools.flatMap { tools throws(ChatTemplateError) in try Llama3Tools.description(of: tools)
        }
        if let text = description, messages.first.map(Self.isSystem) != true {
            prompt += Self.header("system") + [Self.content(text), Self.special(.endOfTurn)]
            description = nil
        }
        for (index, message) in messages.enumerated() {
            let isOpen = continuesLast && index == messages.count - 1
            prompt += try self.message(message, at: index, after: description, format: format, isOpen: isOpen)
            description = nil
        }
        let addsHeader = options["add_generation_prompt"]?.boolValue ?? true
        return continuesLast || !addsHeader ? prompt : prompt + Self.header("assistant")
    }

    private static func isSystem(_ message: JSONValue) -> Bool { ["system", "developer"].contains(message["role"]) }

    /// - Parameter description: of the tools, to go before the content.
    /// - Parameter isOpen: whether the model goes on with the message.
    private func message(
        _ message: JSONValue, at index: Int, after description: String?, format: Llama3Call.Format, isOpen: Bool
    ) throws(ChatTemplateError) -> [PromptSegment] {
        let role = try Self.role(of: message, at: index)
        var calls: [Llama3Call] = []
        if role == "assistant" {
            for call in message["tool_calls"]?.arrayValue ?? [] { calls.append(try Llama3Call(call, message: index)) }
        }
        var segments = Self.header(role)
        if calls.first?.isCode == true { segments.append(try checked(.pythonTag, at: index)) }
        let content = try Self.text(of: message, at: index)
        segments.append(Self.content([description, content].compactMap(\.self).joined(separator: "\n\n")))
        guard !isOpen else { return segments }
        for call in calls { segments.append(Self.content(try call.text(in: format))) }
        let endsMessage = role == "assistant" && message["stop_reason"] == "end_of_message"
        return segments + [try checked(endsMessage ? .endOfMessage : .endOfTurn, at: index)]
    }

    /// The role as headers have it: the results of tools are the interpreter's.
    private static func role(of message: JSONValue, at index: Int) throws(ChatTemplateError) -> String {
        switch message["role"]?.stringValue {
        case "system", "developer": return "system"
        case "tool", "function", "ipython": return "ipython"
        case let role? where ["user", "assistant"].contains(role): return role
        default:
            throw .message(index: index, reason: "the role must be system, user, assistant or tool for Llama 3")
        }
    }

    private static func text(of message: JSONValue, at index: Int) throws(ChatTemplateError) -> String {
        switch message["content"] {
        case nil, .null?: return ""
        case .string(let text)?: return text
        default: throw .message(index: index, reason: "content must be a string")
        }
    }

    // MARK: - Segments

    private static func header(_ role: String) -> [PromptSegment] {
        let text = "\(Token.startOfHeader.rawValue)\(role)\(Token.endOfHeader.rawValue)\n\n"
        return [PromptSegment(text: text, isTrusted: true)]
    }

    private static func content(_ text: String) -> PromptSegment {
        PromptSegment(text: text, isTrusted: false, isApart: true)
    }

    private static func special(_ token: Token) -> PromptSegment {
        PromptSegment(text: token.rawValue, isTrusted: true)
    }

    /// A token that the vocabulary may lack.
    private func checked(_ token: Token, at index: Int) throws(ChatTemplateError) -> PromptSegment {
        guard tokens.contains(token.rawValue) else {
            throw .message(index: index, reason: "needs the token \(token.rawValue), which this vocabulary has not")
        }
        return Self.special(token)
    }
}
