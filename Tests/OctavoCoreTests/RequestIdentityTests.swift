import OctavoCore
import Testing

/// What makes two requests the same.
@Suite struct RequestIdentityTests {
    /// A token for every byte.
    private struct Bytes: PromptEncoding {
        let contextLength = 1024
        let vocabularySize = 256

        func tokens(of text: String) -> [TokenID] { text.utf8.map { TokenID($0) } }

        func encode(_ body: RequestBody) throws(RequestError) -> [[TokenID]] {
            switch body.prompt {
            case .chat: [[1, 2, 3]]
            case .texts(let prompts):
                prompts.map { prompt in
                    switch prompt {
                    case .text(let text): tokens(of: text)
                    case .tokens(let tokens): tokens
                    }
                }
            }
        }
    }

    private func parameters(_ body: JSONObject, rules: OutputRules? = nil) throws -> JSONValue? {
        let parsed = try RequestBody.parse(body)
        return try EncodedRequest(parsed, encoder: Bytes(), seed: 77).fixedParameters(rules: rules)
    }

    private static let plain: JSONObject = ["prompt": "x", "temperature": 0]

    @Test func `every property of a request is part of its identity, or known not to matter`() throws {
        func names(_ value: Any) -> Set<String> { Set(Mirror(reflecting: value).children.compactMap(\.label)) }
        func keys(_ object: JSONObject) -> Set<String> { Set(object.members.map { $0.key }) }
        let sampling = SamplingParameters()
        // Answers are no longer than maxTokens, which goes by the prompt; the default has become it.
        #expect(names(sampling) == keys(sampling.identity).union(["maxTokens", "defaultMaxTokens"]))
        // Of these, tokens and sampling tell; the model is whoever answers.
        let told: Set = ["prompt", "sampling", "addsSpecialTokens", "badWords", "promptLimit", "model"]
        let body = try RequestBody.parse(["prompt": "x"])
        #expect(names(body) == keys(body.identity).subtracting(["endpoint"]).union(told))
        let chat = try RequestBody.parse(["messages": [["role": "user", "content": "x"]]])
        guard case .chat(let conversation) = chat.prompt else { return #expect(Bool(false), "not a chat") }
        #expect(
            names(conversation)
                == keys(chat.identity).subtracting(keys(body.identity)).union(["messages", "options", "template"]))
        #expect(names(OutputRules([], retries: 0)) == ["conditions", "retries", "keepsLast", "schema"])
    }

    @Test func `a request that is sampled has an identity only with a seed of its own`() throws {
        #expect(try parameters(["prompt": "x"]) == nil)
        #expect(try parameters(["prompt": "x", "seed": 1]) != nil)
        #expect(try parameters(["prompt": "x", "seed": 1]) != parameters(["prompt": "x", "seed": 2]))
        #expect(try parameters(Self.plain) != nil)
    }

    @Test(
        arguments: [
            ["seed": 5], ["user": "somebody"], ["metadata": ["a": "b"]], ["model": "any"], ["n": 1], ["stop": []],
            ["max_completion_tokens": 16], ["row": ["a": 1]], ["logit_bias": [:]],
        ] as [JSONObject])
    func `greedy requests are the same whatever does not matter`(extra: JSONObject) throws {
        var body = Self.plain
        for member in extra.members { body[member.key] = member.value }
        #expect(try parameters(body) == parameters(Self.plain))
    }

    @Test(
        arguments: [
            ["max_tokens": 15], ["n": 2], ["best_of": 2], ["stop": ["a"]], ["logprobs": 1], ["echo": true],
            ["prompt_logprobs": 1], ["temperature": 0.5, "seed": 1], ["repetition_penalty": 1.5],
            ["logit_bias": ["5": 1]], ["min_tokens": 2], ["ignore_eos": true], ["return_token_ids": true],
            ["bad_words": ["a"]], ["allowed_token_ids": [1]], ["guided_regex": "a+"], ["guided_choice": ["a"]],
            ["return_tokens_as_token_ids": true, "logprobs": 1], ["skip_special_tokens": false],
            ["log_sum_exp_temperatures": [2], "logprobs": 1],
        ] as [JSONObject])
    func `requests that differ in a parameter are not the same`(extra: JSONObject) throws {
        var body = Self.plain
        for member in extra.members { body[member.key] = member.value }
        let (parameters, plain) = (try parameters(body), try parameters(Self.plain))
        #expect(parameters != nil && parameters != plain)
    }

    @Test func `rules that decide whether an answer counts are part of it`() throws {
        let strict = OutputRules([.json], retries: 1)
        #expect(try parameters(Self.plain, rules: strict) != parameters(Self.plain))
        #expect(
            try parameters(Self.plain, rules: strict)
                != parameters(Self.plain, rules: OutputRules([.json], retries: 2)))
    }

    @Test func `biases are the same in any order`() throws {
        let many = (0..<50).map { ("\($0)", JSONValue.integer($0)) }
        func body(_ biases: [(String, JSONValue)]) -> JSONObject {
            var object = JSONObject()
            for bias in biases { object[bias.0] = bias.1 }
            return ["prompt": "x", "temperature": 0, "logit_bias": .object(object)]
        }
        #expect(try parameters(body(many)) == parameters(body(many.reversed())))
    }
}
