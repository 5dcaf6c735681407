internal import OctavoCore

/// The last message of a request that the model shall continue.
///
/// Where its content ends in the prompt only the template knows, so a mark travels through it behind the content.
struct FinalMessage {
    static let option = "continue_final_message"
    private static let mark = "CONTINUE_FINAL_MESSAGE_TAG"

    /// The messages, with the mark after the last one's content.
    let markedMessages: [JSONValue]
    private let index: Int

    /// Nothing if the options do not ask for it.
    init?(of messages: [JSONValue], options: JSONObject) throws(ChatTemplateError) {
        guard let value = options[Self.option], value != .null else { return nil }
        guard let isWanted = value.boolValue else { throw .option(name: Self.option, reason: "must be a boolean") }
        guard isWanted else { return nil }
        guard options["add_generation_prompt"] != .bool(true) else {
            throw .option(name: Self.option, reason: "cannot be combined with add_generation_prompt")
        }
        guard case .object(var message)? = messages.last else {
            throw .option(name: Self.option, reason: "needs a final message")
        }
        index = messages.count - 1
        guard let content = message["content"].flatMap(Self.marked) else {
            throw .message(index: index, reason: "only text content can be continued")
        }
        message["content"] = content
        markedMessages = messages.dropLast() + [.object(message)]
    }

    /// Content with the mark behind it: behind the last text, if it is in parts.
    private static func marked(_ content: JSONValue) -> JSONValue? {
        // The space shows whether the template trims: then what the content ended in must go as well.
        if case .string(let text) = content { return .string(text + mark + " ") }
        guard case .array(var parts) = content,
            let last = parts.lastIndex(where: { $0["text"]?.stringValue != nil }),
            case .object(var part) = parts[last], let text = part["text"]?.stringValue
        else { return nil }
        part["text"] = .string(text + mark + " ")
        parts[last] = .object(part)
        return .array(parts)
    }

    /// The prompt up to the mark.
    func cut(_ prompt: TemplateText) throws(ChatTemplateError) -> TemplateText {
        guard let range = prompt.lastRange(of: TemplateText(Self.mark)) else {
            throw .message(index: index, reason: "the template does not show this message, so it cannot be continued")
        }
        let content = prompt[0..<range.lowerBound]
        let isTrimmed = range.upperBound == prompt.bytes.count || prompt.bytes[range.upperBound] != UInt8(ascii: " ")
        return isTrimmed ? content.trimmed(.trailing, of: nil) : content
    }
}
