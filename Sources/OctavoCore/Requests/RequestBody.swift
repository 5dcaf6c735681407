/// The body of a request to `/v1/chat/completions` or `/v1/completions`, checked.
public struct RequestBody: Sendable, Hashable {
    /// What is to be continued.
    public enum Prompt: Sendable, Hashable {
        /// A conversation, rendered by the model's chat template.
        case chat(Chat)
        /// Texts or token ids to go on from, one or more.
        case texts([TextPrompt])
    }

    /// A conversation and what the template may use beside it.
    public struct Chat: Sendable, Hashable {
        /// The messages in OpenAI's form, not yet normalized.
        public var messages: [JSONValue]
        /// The tools offered, if any.
        public var tools: JSONValue?
        /// Template variables: `chat_template_kwargs`, `add_generation_prompt`, `continue_final_message`, `documents`.
        public var options: JSONObject
        /// A template to render it by in place of the model's.
        public var template: String?
        /// The names of the tools that an answer may call; none where `tool_choice` is `none`.
        public var callableTools: Set<String> = []
        /// Whether an answer may call more than one tool.
        public var allowsParallelCalls = true
    }

    /// One prompt of `/v1/completions`.
    public enum TextPrompt: Sendable, Hashable {
        /// A text, to be tokenized.
        case text(String)
        /// Token ids, used as they are.
        case tokens([TokenID])
    }

    /// What is to be continued.
    public var prompt: Prompt
    /// The model asked for; `nil` is any.
    public var model: String?
    /// How many completions of each prompt are wanted.
    public var choicesPerPrompt = 1
    /// How many completions of each prompt are generated, of which the likeliest are given.
    public var samplesPerPrompt = 1
    /// How to sample.
    public var sampling: SamplingParameters
    /// Whether tokens that begin a text go before the prompt; a chat's template writes them itself.
    public var addsSpecialTokens = true
    /// Texts that may not be generated.
    public var badWords: [String] = []
    /// How many tokens of a prompt to keep, the last ones; -1 for what the context leaves; `nil` for all.
    public var promptLimit: Int?
    /// Whether the prompt, of a chat the last message that is continued, stands before the answer.
    public var echoes = false
    /// How many alternatives of each of the prompt's tokens the response tells; `nil` for nothing of the prompt.
    public var promptLogprobs: Int?
    /// Whether the response has the ids of prompts and answers.
    public var returnsTokenIDs = false
    /// Whether tokens in log-probabilities are spelled as `token_id:N`.
    public var spellsTokensAsIDs = false
    /// The tier that the request names; it changes nothing.
    public var serviceTier: String?
    /// Whether `logprobs` was asked for (the response carries the field's value rather than null).
    public var wantsLogprobs: Bool { sampling.topLogprobs != nil }

    /// How many prompts it has.
    public var promptCount: Int {
        switch prompt {
        case .chat: 1
        case .texts(let prompts): prompts.count
        }
    }

    /// How many choices its response has.
    public var choiceCount: Int { promptCount * choicesPerPrompt }

    /// How many completions the whole request needs.
    public var sampleCount: Int { promptCount * samplesPerPrompt }

    /// The most tokens to generate when the request does not say: for chats the model's default, if it has one.
    public var defaultMaxTokens: Int {
        (endpoint == .chatCompletions ? sampling.defaultMaxTokens : nil) ?? endpoint.defaultMaxTokens
    }

    /// The endpoint that such a body belongs to.
    public var endpoint: Endpoint {
        switch prompt {
        case .chat: .chatCompletions
        case .texts: .completions
        }
    }
}

/// The endpoints of OpenAI's API that Octavo answers.
public enum Endpoint: String, Sendable, Hashable, CaseIterable {
    /// A conversation in, the assistant's next message out.
    case chatCompletions = "/v1/chat/completions"
    /// A text in, its continuation out.
    case completions = "/v1/completions"

    /// Tokens generated at most when neither request nor model names a number: OpenAI's 16 for completions; 1,024 for chats,
    /// where OpenAI has the whole rest of the context, since a batch reserves memory for every row.
    public var defaultMaxTokens: Int { self == .completions ? 16 : 1024 }
}
