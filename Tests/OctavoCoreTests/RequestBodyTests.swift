import OctavoCore
import Testing

@Suite struct RequestBodyTests {
    @Test func `a chat with all parameters is read`() throws {
        let body = try parse(
            #"""
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}], "model": "m", "n": 3,
             "temperature": 0.25, "top_p": 0.9, "top_k": 40, "min_p": 0.05, "seed": -7, "max_tokens": 9, "min_tokens": 2,
             "stop": ["a", "b"], "stop_token_ids": [5, 6], "include_stop_str_in_output": true, "ignore_eos": true,
             "frequency_penalty": -2, "presence_penalty": 2, "repetition_penalty": 1.5,
             "logit_bias": {"7": -100, "8": 1.5}, "logprobs": true, "top_logprobs": 4, "user": "u", "unknown": {}}
            """#)
        #expect(body.endpoint == .chatCompletions)
        #expect(body.model == "m")
        #expect(body.sampleCount == 3)
        var expected = SamplingParameters()
        expected.temperature = 0.25
        expected.topP = 0.9
        expected.topK = 40
        expected.minP = 0.05
        expected.seed = -7
        expected.maxTokens = 9
        expected.minTokens = 2
        expected.stop = ["a", "b"]
        expected.stopTokenIDs = [5, 6]
        expected.includesStop = true
        expected.ignoresEndTokens = true
        expected.frequencyPenalty = -2
        expected.presencePenalty = 2
        expected.repetitionPenalty = 1.5
        expected.logitBias = [7: -100, 8: 1.5]
        expected.topLogprobs = 4
        #expect(body.sampling == expected)
    }

    @Test func `a body without parameters has the defaults`() throws {
        #expect(try parse(#"{"prompt": "x"}"#).sampling == SamplingParameters())
        #expect(try parse(#"{"prompt": "x", "n": null, "stop": null, "seed": null}"#).sampling == SamplingParameters())
    }

    @Test(arguments: [
        (#""x""#, [RequestBody.TextPrompt.text("x")]), (#"["x", "y"]"#, [.text("x"), .text("y")]),
        ("[1, 2]", [.tokens([1, 2])]), ("[[1], [2, 3]]", [.tokens([1]), .tokens([2, 3])]),
        (#"["x", [1]]"#, [.text("x"), .tokens([1])]),
    ])
    func `a prompt is texts or token ids`(prompt: String, expected: [RequestBody.TextPrompt]) throws {
        let body = try parse("{\"prompt\": \(prompt), \"n\": 2}")
        #expect(body.prompt == .texts(expected))
        #expect(body.endpoint == .completions)
        #expect(body.sampleCount == 2 * expected.count)
    }

    @Test func `a model's defaults are behind the request's and the batch's`() throws {
        var model = SamplingParameters()
        model.temperature = 0.6
        model.topP = 0.9
        model.topK = 50
        model.defaultMaxTokens = 300
        let chat: JSONObject = ["messages": [["role": "user", "content": "x"]], "temperature": 0.1]
        let request = try RequestBody.parse(chat, defaults: ["top_p": 0.5], sampling: model)
        #expect(request.sampling.temperature == 0.1 && request.sampling.topP == 0.5 && request.sampling.topK == 50)
        #expect(try request.maximumNewTokens(promptTokens: 10, contextLength: 1000) == 300)
        #expect(try request.maximumNewTokens(promptTokens: 10, contextLength: 100) == 90)
        let text = try RequestBody.parse(["prompt": "x"], sampling: model)
        #expect(text.defaultMaxTokens == 16)
    }

    @Test func `template options and tools go to the chat`() throws {
        let body = try parse(
            #"""
            {"messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function"}],
             "chat_template_kwargs": {"date_string": "today"}, "continue_final_message": true}
            """#)
        guard case .chat(let chat) = body.prompt else { throw Unexpected() }
        #expect(chat.tools == [["type": "function"]])
        #expect(
            chat.options == ["date_string": "today", "continue_final_message": true, "add_generation_prompt": false])
    }

    @Test func `defaults fill what the body leaves out`() throws {
        let defaults: JSONObject = ["temperature": 0, "max_completion_tokens": 5, "seed": 1]
        let body = try RequestBody.parse(["prompt": "x", "max_tokens": 7, "seed": nil], defaults: defaults)
        #expect(body.sampling.temperature == 0)
        #expect(body.sampling.maxTokens == 7)
        #expect(body.sampling.seed == 1)
    }

    @Test func `of the two names of the limit the newer wins`() throws {
        #expect(try parse(#"{"prompt": "x", "max_tokens": 7, "max_completion_tokens": 8}"#).sampling.maxTokens == 8)
    }

    /// The member at fault, a value, and a part of the message.
    static let refusals: [(String, String, String)] = [
        ("model", "1", "must be a string, found number"),
        ("n", "0", "must be between 1 and 128, found 0"), ("n", "129", "between 1 and 128"),
        ("n", "1.5", "must be an integer, found number"), ("n", "\"2\"", "must be an integer, found string"),
        ("n", "100000000000000000000", "must be an integer"),
        ("temperature", "-0.1", "must be between 0 and 100"), ("temperature", "\"1\"", "must be a number"),
        ("top_p", "1.01", "between 0 and 1"), ("top_p", "[]", "must be a number, found array"),
        ("top_k", "-2", "must be between -1"), ("top_k", "true", "must be an integer, found boolean"),
        ("min_p", "2", "between 0 and 1"), ("seed", "1e30", "must be an integer"),
        ("max_tokens", "0", "must be at least 1, unless"), ("max_tokens", "2147483648", "must be between 0"),
        ("max_completion_tokens", "-1", "must be between 0"), ("min_tokens", "-1", "must be between 0"),
        ("frequency_penalty", "2.5", "between -2 and 2"), ("presence_penalty", "-3", "between -2 and 2"),
        ("repetition_penalty", "0", "between 0.01 and 100"), ("ignore_eos", "1", "must be true or false"),
        ("include_stop_str_in_output", "\"yes\"", "must be true or false"),
        ("stop", "1", "must be a string or an array"),
        ("stop", "[1]", "must be a string or an array"), ("stop", "[\"\"]", "empty string"),
        ("stop_token_ids[1]", "[1, -1]", "is not a token id"), ("logit_bias", "[]", "must be an object"),
        ("logit_bias", "{\"a\": 1}", "not a token id"), ("logit_bias.3", "{\"3\": 101}", "between -100 and 100"),
        ("logprobs", "true", "must be an integer"), ("logprobs", "-1", "between 0 and 1024"),
        ("best_of", "0", "between 1 and 128"), ("stream", "true", "is not supported"),
        ("echo", "1", "must be true or false"),
        ("suffix", "\"x\"", "is not supported"), ("stream_options", "{}", "is not supported"),
        ("prompt_logprobs", "-1", "between 0 and 1024"), ("prompt_logprobs", "1025", "between 0 and 1024"),
        ("allowed_token_ids", "[]", "must not be empty"), ("allowed_token_ids[0]", "[-1]", "is not a token id"),
        ("bad_words", "[\"\"]", "empty string"), ("truncate_prompt_tokens", "0", "must be at least 1"),
        ("truncate_prompt_tokens", "-2", "between -1"), ("logprob_token_ids", "[1]", "needs logprobs"),
        ("log_sum_exp_temperatures", "[1]", "needs logprobs or prompt_logprobs"),
        ("log_sum_exp_temperatures[0]", "[0]", "between 0.01 and 100"),
        ("use_beam_search", "true", "is not supported"), ("prompt_embeds", "\"x\"", "is not supported"),
        ("response_format.type", "{\"type\": \"xml\"}", "must be"), ("reasoning_effort", "\"high\"", "only \"none\""),
        ("prompt", "7", "must be a string, an array"), ("prompt", "[]", "must not be empty"),
        ("prompt[1]", "[1, \"x\"]", "is not a token id"), ("prompt[0]", "[[]]", "must not be empty"),
        ("prompt[1]", "[\"x\", {}]", "must be a string"), ("prompt[0]", "[4294967296]", "is not a token id"),
    ]

    @Test(arguments: refusals)
    func `a wrong parameter of a completion is refused by name`(
        parameter: String, value: String, message: String
    ) throws {
        let key = String(parameter.prefix { $0 != "[" && $0 != "." })
        var body: JSONObject = ["prompt": "x"]
        body[key] = try JSONValue.parse(value)
        let error = #expect(throws: RequestError.self) { try RequestBody.parse(body) }
        #expect(error?.parameter == parameter)
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [
        ("messages", "{\"messages\": \"x\"}", "must be an array, found string"),
        ("messages", "{\"messages\": []}", "must not be empty"), ("messages", "{}", "missing"),
        ("messages[0]", "{\"messages\": [\"x\"]}", "must be an object"),
        ("messages[0].role", "{\"messages\": [{\"content\": \"x\"}]}", "missing"),
        ("messages[0].role", "{\"messages\": [{\"role\": 1, \"content\": \"x\"}]}", "must be a string"),
        ("messages[0].content", "{\"messages\": [{\"role\": \"user\"}]}", "missing"),
        ("messages[0].content", "{\"messages\": [{\"role\": \"user\", \"content\": 3}]}", "found number"),
        (
            "messages[0].content[0].type",
            "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"image_url\"}]}]}", "only text parts"
        ),
        (
            "messages[0].content[0].text",
            "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\"}]}]}",
            "missing"
        ),
        ("messages[0].content[0]", "{\"messages\": [{\"role\": \"user\", \"content\": [1]}]}", "must be an object"),
        ("prompt", "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"prompt\": \"x\"}", "not both"),
        (
            "documents[0]", "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"documents\": [1]}",
            "must be an object"
        ),
        (
            "continue_final_message",
            "{\"messages\": [{\"role\": \"assistant\", \"content\": \"x\"}], \"continue_final_message\": true, "
                + "\"add_generation_prompt\": true}", "cannot be true beside"
        ),
        ("tools", "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"tools\": {}}", "must be an array"),
        (
            "top_logprobs", "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"top_logprobs\": 2}",
            "needs logprobs"
        ),
        ("logprobs", "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"logprobs\": 2}", "true or false"),
    ])
    func `a wrong chat is refused by name`(parameter: String, text: String, message: String) throws {
        let error = #expect(throws: RequestError.self) { try parse(text) }
        #expect(error?.parameter == parameter)
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }

    @Test func `what an echo or a score needs of the prompt is asked of the engine`() throws {
        #expect(try parse(#"{"prompt": "x", "prompt_logprobs": 5, "max_tokens": 0}"#).sampling.promptLogprobs == 5)
        let echoed = try parse(#"{"prompt": "x", "echo": true, "logprobs": 3, "max_tokens": 0}"#)
        #expect(echoed.sampling.promptLogprobs == 3 && echoed.promptLogprobs == nil && echoed.sampling.maxTokens == 0)
        let both = try parse(#"{"prompt": "x", "echo": true, "logprobs": 3, "prompt_logprobs": 9}"#)
        #expect(both.sampling.promptLogprobs == 9 && both.promptLogprobs == 9)
        #expect(try parse(#"{"prompt": "x", "echo": true}"#).sampling.promptLogprobs == nil)
    }

    @Test func `how many alternatives a request may ask for is configured`() throws {
        let body: JSONObject = ["prompt": "x", "logprobs": 5000, "prompt_logprobs": 5000]
        #expect(throws: RequestError.self) { try RequestBody.parse(body) }
        let allowed = try RequestBody.parse(body, maximumLogprobs: 5000)
        #expect(allowed.sampling.topLogprobs == 5000 && allowed.promptLogprobs == 5000)
    }

    @Test func `an error is OpenAI's error object`() {
        let error = RequestError("is wrong", parameter: "n", code: "c")
        #expect(
            error.json.jsonText
                == #"{"message":"n: is wrong","type":"invalid_request_error","param":"n","code":"c"}"#)
    }

    @Test func `the answer's limit is what is asked for, what the endpoint has, or what the context leaves`() throws {
        let completion = try parse(#"{"prompt": "x"}"#)
        #expect(try completion.maximumNewTokens(promptTokens: 10, contextLength: 100) == 16)
        #expect(try completion.maximumNewTokens(promptTokens: 90, contextLength: 100) == 10)
        let limited = try parse(#"{"prompt": "x", "max_tokens": 50}"#)
        #expect(try limited.maximumNewTokens(promptTokens: 50, contextLength: 100) == 50)
        let overfull = #expect(throws: RequestError.self) {
            try limited.maximumNewTokens(promptTokens: 51, contextLength: 100)
        }
        #expect(overfull?.code == "context_length_exceeded")
        #expect(overfull?.parameter == "max_tokens")
        let tooLong = #expect(throws: RequestError.self) {
            try completion.maximumNewTokens(promptTokens: 100, contextLength: 100)
        }
        #expect(tooLong?.parameter == "prompt")
    }

    private func parse(_ text: String) throws -> RequestBody {
        try RequestBody.parse(try #require(try JSONValue.parse(text).objectValue))
    }
}

/// Thrown where a test cannot go on.
private struct Unexpected: Error {}
