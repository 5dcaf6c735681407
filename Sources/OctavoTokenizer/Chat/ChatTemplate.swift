public import Foundation
public import OctavoCore

/// A model's chat template: turns the messages of a request into the text of a prompt.
///
/// Templates are programs in Jinja, as Hugging Face's `apply_chat_template` runs them: `trim_blocks` and
/// `lstrip_blocks` on, the loop controls, `raise_exception`, `strftime_now`, `tojson` without HTML escapes, and
/// Python's ways with text and numbers. Inheritance, `include` and `import` are not part of it.
public struct ChatTemplate: Sendable {
    /// What one rendering may spend; beyond it, rendering fails instead of running on.
    public struct Limits: Sendable, Hashable {
        /// The most steps: one is a node evaluated, an element made, or 64 bytes of text made.
        public var steps: Int
        /// The most bytes in any text.
        public var outputBytes: Int
        /// The most levels of nested evaluation (a macro's call takes about six), and of values within values.
        public var depth: Int

        /// Limits that no sensible template comes near.
        public init(steps: Int = 4_000_000, outputBytes: Int = 64 << 20, depth: Int = 500) {
            self.steps = steps
            self.outputBytes = outputBytes
            self.depth = depth
        }
    }

    /// The name under which errors speak of it.
    public let name: String
    /// How this template takes the content of messages.
    public let contentFormat: ChatMessages.ContentFormat
    /// What one rendering may spend.
    public var limits: Limits
    private let statements: [TemplateStatement]

    /// Parses a template.
    ///
    /// - Parameter name: what errors call it, such as the file it came from.
    /// - Throws: `ChatTemplateError.syntax` with the line.
    public init(
        source: String, name: String = "chat template", limits: Limits = Limits()
    ) throws(ChatTemplateError) {
        self.name = name
        self.limits = limits
        statements = try TemplateParser.statements(of: source, named: name)
        contentFormat = ChatMessages.ContentFormat(of: statements)
    }

    /// Renders a prompt.
    ///
    /// The messages are given to the template as they are; `ChatMessages.normalized` brings those of an OpenAI client
    /// into the form it expects. Text of the template, `bosToken` and `eosToken` is trusted; text of `messages`,
    /// `tools` and `options` is not, wherever it ends up, so that it cannot forge a special token.
    ///
    /// - Parameters:
    ///   - messages: the conversation, one object each.
    ///   - tools: the tools of the request; `nil` is `none` to the template.
    ///   - options: further variables: `add_generation_prompt` (false unless given), `date_string`, …; and
    ///     `continue_final_message`, which is none: it ends the prompt right after the last message's content, for the
    ///     model to go on with it.
    ///   - bosToken: the text of the token that begins a sequence.
    ///   - eosToken: the text of the token that ends one.
    ///   - now: what `strftime_now` reads, in UTC; the time of the call if `nil`.
    /// - Returns: the prompt in order, neighbors always of different trust.
    /// - Throws: `ChatTemplateError`.
    public func render(
        messages: [JSONValue], tools: JSONValue? = nil, options: JSONObject = JSONObject(), bosToken: String,
        eosToken: String, now: Date? = nil
    ) throws(ChatTemplateError) -> [PromptSegment] {
        var variables: [String: TemplateValue] = [
            "documents": TemplateValue.none, "add_generation_prompt": .bool(false),
        ]
        for member in options.members where member.key != FinalMessage.option {
            variables[member.key] = TemplateValue(member.value)
        }
        variables["tools"] = TemplateValue(tools ?? .null)
        variables["bos_token"] = .text(TemplateText(bosToken))
        variables["eos_token"] = .text(TemplateText(eosToken))
        let continued = try FinalMessage(of: messages, options: options)
        variables["messages"] = TemplateValue(.array(continued?.markedMessages ?? messages))
        let prompt = try render(variables, now: now)
        return try (continued?.cut(prompt) ?? prompt).segments
    }

    /// Renders any template with any variables.
    package func render(variables: JSONObject, now: Date? = nil) throws(ChatTemplateError) -> [PromptSegment] {
        let values = variables.members.map { ($0.key, TemplateValue($0.value)) }
        return try render(Dictionary(values) { _, last in last }, now: now).segments
    }

    private func render(_ variables: [String: TemplateValue], now: Date?) throws(ChatTemplateError) -> TemplateText {
        let evaluator = TemplateEvaluator(variables: variables, now: now ?? Date(), limits: limits)
        do {
            return try evaluator.render(statements)
        } catch let fault as TemplateFault {
            switch fault.kind {
            case .evaluation: throw .evaluation(template: name, line: evaluator.line, reason: fault.reason)
            case .limit: throw .limit(template: name, line: evaluator.line, reason: fault.reason)
            case .raised: throw .refused(message: fault.reason)
            }
        } catch {
            throw .evaluation(template: name, line: evaluator.line, reason: "\(error)")
        }
    }
}

extension [PromptSegment] {
    /// The text of all segments.
    public var text: String { map(\.text).joined() }
}
