public import Foundation
public import OctavoCore
import Synchronization

/// A tokenizer and a chat format: everything between a request's body and its token ids.
public struct PromptEncoder: PromptEncoding {
    /// The model's context.
    public let contextLength: Int
    /// The model's tokenizer.
    public let tokenizer: Tokenizer
    /// Renders conversations; without one, chats are refused.
    public let chatFormat: ChatFormat?
    /// Tokens in the vocabulary.
    public var vocabularySize: Int { tokenizer.vocabularySize }
    private let bosText: String
    private let eosText: String
    private let requestTemplate = RequestTemplate()

    /// An encoder for a model.
    ///
    /// - Parameter chatFormat: how it writes conversations.
    /// - Parameter bosText: what the template's `bos_token` stands for.
    /// - Parameter eosText: what the template's `eos_token` stands for.
    public init(
        tokenizer: Tokenizer, chatFormat: ChatFormat?, bosText: String, eosText: String, contextLength: Int
    ) {
        self.tokenizer = tokenizer
        self.chatFormat = chatFormat
        self.bosText = bosText
        self.eosText = eosText
        self.contextLength = contextLength
    }

    /// The token ids of every prompt of `body`.
    ///
    /// A plain text begins with the BOS token where the model expects one, unless the request says otherwise; a chat has
    /// what its template writes, and special tokens only where the template wrote them.
    public func encode(_ body: RequestBody) throws(RequestError) -> [[TokenID]] {
        switch body.prompt {
        case .chat(let chat):
            let segments = try render(
                messages: chat.messages, tools: chat.tools, options: chat.options, template: chat.template)
            let tokens = beginning(of: body) + tokenizer.encode(segments)
            guard !tokens.isEmpty else { throw RequestError("renders to an empty prompt", parameter: "messages") }
            return [tokens]
        case .texts(let prompts):
            var encoded: [[TokenID]] = []
            for (index, prompt) in prompts.enumerated() { encoded.append(try encode(prompt, index: index, of: body)) }
            return encoded
        }
    }

    /// The token ids of a text as it stands within another.
    public func tokens(of text: String) -> [TokenID] { tokenizer.encode(text) }

    /// The tokens before a text: the BOS token, if model and request want it.
    private func beginning(of body: RequestBody) -> [TokenID] {
        body.addsSpecialTokens && tokenizer.addsBOS ? tokenizer.bosToken.map { [$0] } ?? [] : []
    }

    /// Renders a conversation in OpenAI's form.
    ///
    /// - Parameter template: a request's own, in place of the model's.
    /// - Parameter now: the clock that templates can read; the time of the call if `nil`.
    public func render(
        messages: [JSONValue], tools: JSONValue?, options: JSONObject, template: String? = nil, now: Date? = nil
    ) throws(RequestError) -> [PromptSegment] {
        guard let format = try template.map(requestTemplate.format) ?? chatFormat else {
            throw RequestError(
                "the model has no chat template, and its vocabulary is not Llama 3's, whose form is built in: send \"prompt\", or give the worker --chat-template FILE",
                parameter: "messages")
        }
        do {
            return try format.render(
                messages: messages, tools: tools, options: options, bosText: bosText, eosText: eosText, now: now)
        } catch {
            throw RequestError("\(error)", parameter: "messages", code: "chat_template_error")
        }
    }

    private func encode(
        _ prompt: RequestBody.TextPrompt, index: Int, of body: RequestBody
    ) throws(RequestError) -> [TokenID] {
        switch prompt {
        case .text(let text):
            let tokens = beginning(of: body) + tokenizer.encode(text)
            guard !tokens.isEmpty else { throw RequestError("must not be empty", parameter: "prompt") }
            return tokens
        case .tokens(let tokens):
            if let stranger = tokens.first(where: { $0 >= tokenizer.vocabularySize }) {
                throw RequestError(
                    "has the token \(stranger), but the vocabulary ends at \(tokenizer.vocabularySize - 1)",
                    parameter: "prompt[\(index)]")
            }
            return tokens
        }
    }
}

/// The template that requests bring: parsed once, as long as requests bring the same.
private final class RequestTemplate: Sendable {
    private let last = Mutex<(source: String, template: ChatTemplate)?>(nil)

    func format(_ source: String) throws(RequestError) -> ChatFormat {
        if let known = last.withLock({ $0?.source == source ? $0?.template : nil }) { return .template(known) }
        do {
            let template = try ChatTemplate(source: source, name: "the request's template")
            last.withLock { $0 = (source, template) }
            return .template(template)
        } catch {
            throw RequestError("\(error)", parameter: "chat_template", code: "chat_template_error")
        }
    }
}
