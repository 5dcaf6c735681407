/// A member of a request's body that Octavo knows by name. `docs/parameters.md` says what each one does.
public struct RequestParameter: Sendable, Hashable {
    /// What is made of it.
    public enum Treatment: String, Sendable, Hashable {
        /// It does what its name says.
        case honored
        /// It is taken, and changes nothing: neither the answer nor, but for `service_tier`, the response.
        case ignored
        /// The request is refused by its name, unless its value is one that asks for nothing.
        case refused
    }

    /// The name of the member.
    public var name: String
    /// What is made of it.
    public var treatment: Treatment
    /// Of a refused parameter, the values that ask for nothing; `null` is always one.
    public var neutralValues: [JSONValue] = []

    /// The members that none of `all` has the name of, sorted: they are ignored, and may be slips.
    public static func unknown(in body: JSONObject) -> [String] {
        body.members.map(\.key).filter { !names.contains($0) }.sorted()
    }

    private static let names = Set(all.map(\.name))
}

extension RequestParameter {
    /// Every member that Octavo knows.
    public static let all: [RequestParameter] =
        honored.map { RequestParameter(name: $0, treatment: .honored) }
        + ignored.map { RequestParameter(name: $0, treatment: .ignored) }
        + refused.map { RequestParameter(name: $0.name, treatment: .refused, neutralValues: $0.neutralValues) }

    private static let honored = [
        // The prompt.
        "messages", "prompt", "model", "tools", "tool_choice", "parallel_tool_calls", "chat_template",
        "chat_template_kwargs", "documents", "add_generation_prompt", "continue_final_message", "add_special_tokens",
        "truncate_prompt_tokens",
        // Choices and lengths.
        "n", "best_of", "max_tokens", "max_completion_tokens", "min_tokens", "stop", "stop_token_ids", "ignore_eos",
        "include_stop_str_in_output",
        // Sampling.
        "seed", "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "frequency_penalty",
        "presence_penalty", "logit_bias", "allowed_token_ids", "bad_words",
        // Structure.
        "response_format", "structured_outputs", "guided_json", "guided_regex", "guided_choice",
        // The response.
        "echo", "skip_special_tokens", "logprobs", "top_logprobs", "prompt_logprobs", "logprob_token_ids",
        "log_sum_exp_temperatures", "return_token_ids", "return_tokens_as_token_ids",
    ]

    private static let ignored = [
        "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
        "verbosity", "prediction", "priority", "cache_salt", "request_id", "spaces_between_special_tokens",
    ]

    private static let refused: [(name: String, neutralValues: [JSONValue])] = [
        ("stream", [false]), ("stream_options", []), ("functions", []), ("function_call", []),
        ("modalities", [["text"], false]), ("audio", [false]), ("web_search_options", [false]),
        ("reasoning_effort", ["none"]), ("suffix", [""]), ("guided_grammar", []), ("guided_decoding_backend", []),
        ("guided_whitespace_pattern", []), ("prompt_embeds", []), ("logits_processors", []),
        ("use_beam_search", [false]),
    ]
}
