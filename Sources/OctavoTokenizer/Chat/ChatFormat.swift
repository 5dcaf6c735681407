public import Foundation
public import OctavoCore

/// How a model writes conversations.
public enum ChatFormat: Sendable {
    /// By the template that came with it, or that the user gave.
    case template(ChatTemplate)
    /// In Llama 3's own form, which is built in.
    case llama3(Llama3Chat)

    /// Renders a conversation in OpenAI's form.
    ///
    /// - Parameters:
    ///   - messages: the `messages` of a request, not yet normalized.
    ///   - tools: the tools of the request, if any.
    ///   - options: the variables of the template.
    ///   - bosText: what a template's `bos_token` stands for.
    ///   - eosText: what a template's `eos_token` stands for.
    ///   - now: the clock that templates can read; the time of the call if `nil`.
    /// - Throws: `ChatTemplateError`.
    public func render(
        messages: [JSONValue], tools: JSONValue?, options: JSONObject, bosText: String, eosText: String, now: Date?
    ) throws(ChatTemplateError) -> [PromptSegment] {
        switch self {
        case .template(let template):
            try template.render(
                messages: ChatMessages.normalized(messages, contentFormat: template.contentFormat), tools: tools,
                options: options, bosToken: bosText, eosToken: eosText, now: now)
        case .llama3(let chat): try chat.render(messages: messages, tools: tools, options: options)
        }
    }
}
