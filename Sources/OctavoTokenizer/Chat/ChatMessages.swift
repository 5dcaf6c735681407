public import OctavoCore

/// Brings the messages of an OpenAI client into the form that chat templates expect.
public enum ChatMessages {
    /// The messages as a template wants them.
    ///
    /// Text parts become one text, joined by newlines, unless the template takes parts; content that is null or absent
    /// beside tool calls becomes `""`. The arguments of tool calls, JSON in a string, become values, an empty
    /// `tool_calls` is dropped, and the role `developer` becomes `system`. All else stays, such as a tool's result that
    /// is a value rather than text; so do all messages if one has a role that OpenAI's API does not know, such as
    /// `ipython`: then they are in the template's own form already.
    ///
    /// - Parameters:
    ///   - messages: the `messages` of a request.
    ///   - contentFormat: how the template takes content: `ChatTemplate.contentFormat`.
    /// - Throws: `ChatTemplateError.message` for what is not a message, for a part that is not text, and for arguments
    ///   that are not JSON.
    public static func normalized(
        _ messages: [JSONValue], contentFormat: ContentFormat
    ) throws(ChatTemplateError) -> [JSONValue] {
        let roles = messages.compactMap { $0["role"]?.stringValue }
        guard roles.allSatisfy(openAIRoles.contains) else { return messages }
        var result: [JSONValue] = []
        for (index, message) in messages.enumerated() {
            let normalizer = MessageNormalizer(index: index, contentFormat: contentFormat)
            result.append(.object(try normalizer.normalized(message)))
        }
        return result
    }

    private static let openAIRoles: Set = ["system", "developer", "user", "assistant", "tool", "function"]
}

extension JSONValue {
    /// Whether it is a result of a tool that only a template can put in words.
    fileprivate var isToolValue: Bool {
        switch self {
        case .bool, .integer, .bigInteger, .double, .object: true
        case .null, .string, .array: false
        }
    }
}

/// Normalizes the message at one index.
private struct MessageNormalizer {
    let index: Int
    let contentFormat: ChatMessages.ContentFormat

    func failure(_ reason: String) -> ChatTemplateError { .message(index: index, reason: reason) }

    func normalized(_ message: JSONValue) throws(ChatTemplateError) -> JSONObject {
        guard case .object(var result) = message else { throw failure("must be an object, not a \(message.typeName)") }
        guard case .string(let role)? = result["role"] else { throw failure("needs a role, which is a string") }
        if role == "developer" { result["role"] = "system" }
        let content = result["content"] ?? .null
        let isToolValue = role == "tool" && content.isToolValue
        if !isToolValue, !content.isNull || !(result["tool_calls"] ?? .null).isNull {
            result["content"] = try self.content(content)
        }
        if let calls = result["tool_calls"] { result["tool_calls"] = try toolCalls(calls) }
        return result
    }

    // MARK: - Content

    private func content(_ content: JSONValue) throws(ChatTemplateError) -> JSONValue {
        switch (content, contentFormat) {
        case (.null, _): return wrapped("")
        case (.string(let text), _): return wrapped(text)
        case (.array(let parts), .string):
            var texts: [String] = []
            for (place, part) in parts.enumerated() { texts.append(try text(of: part, at: place)) }
            return .string(texts.joined(separator: "\n"))
        case (.array(let parts), .parts), (.array(let parts), .stringOrParts):
            for (place, part) in parts.enumerated() { _ = try text(of: part, at: place) }
            return content
        default: throw failure("content must be a string or an array of parts, not a \(content.typeName)")
        }
    }

    /// Plain text as the template takes it.
    private func wrapped(_ text: String) -> JSONValue {
        contentFormat == .parts ? [["type": "text", "text": .string(text)]] : .string(text)
    }

    private func text(of part: JSONValue, at place: Int) throws(ChatTemplateError) -> String {
        guard case .string("text")? = part["type"] else {
            let type = part["type"]?.stringValue.map { "'\($0)'" } ?? "without a type"
            throw failure("content part \(place) is \(type); only text is supported")
        }
        guard case .string(let text)? = part["text"] else {
            throw failure("content part \(place) needs a text, which is a string")
        }
        return text
    }

    // MARK: - Tool calls

    /// Nothing if there are none.
    private func toolCalls(_ calls: JSONValue) throws(ChatTemplateError) -> JSONValue? {
        if case .null = calls { return nil }
        guard case .array(let calls) = calls else { throw failure("tool_calls must be an array") }
        var result: [JSONValue] = []
        for (place, call) in calls.enumerated() { result.append(.object(try toolCall(call, at: place))) }
        return result.isEmpty ? nil : .array(result)
    }

    private func toolCall(_ call: JSONValue, at place: Int) throws(ChatTemplateError) -> JSONObject {
        guard case .object(var result) = call, case .object(var function)? = call["function"] else {
            throw failure("tool_calls[\(place)] needs a function, which is an object")
        }
        function["arguments"] = try arguments(function["arguments"] ?? .null, at: place)
        result["function"] = .object(function)
        return result
    }

    private func arguments(_ arguments: JSONValue, at place: Int) throws(ChatTemplateError) -> JSONValue {
        switch arguments {
        case .null, .string(""): return .object(JSONObject())
        case .string(let text):
            do {
                return try JSONValue.parse(text)
            } catch {
                throw failure("the arguments of tool_calls[\(place)] are not JSON: \(error)")
            }
        default: return arguments
        }
    }
}
