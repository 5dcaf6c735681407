import OctavoCore
import Testing

/// What a response has because the request asks for it.
@Suite struct ResponseOptionsTests {
    /// Token 0 is `A`, 1 is `B`, and so on; 30 and 31 are the two bytes of `é`; 40 begins a text.
    private struct Letters: TokenDecoding {
        func bytes(of token: TokenID) -> [UInt8] {
            switch token {
            case 30: [0xC3]
            case 31: [0xA9]
            case 40: Array("<begin>".utf8)
            default: [UInt8(65 + token)]
            }
        }
        func isSpecial(_ token: TokenID) -> Bool { token == 40 }
    }

    private let responses = ResponseBody(model: "m", systemFingerprint: "fp", tokens: Letters())
    private let prompt: [TokenID] = [40, 30, 31, 1]

    /// Scores of the prompt's tokens but the first.
    private var scores: [TokenLogprob] {
        [
            TokenLogprob(
                chosen: .init(token: 30, logprob: -5), rank: 7,
                top: [.init(token: 0, logprob: -0.5), .init(token: 1, logprob: -1.5)], logSumExps: [0.25, 2]),
            TokenLogprob(
                chosen: .init(token: 31, logprob: -0.5), rank: 1,
                top: [.init(token: 31, logprob: -0.5), .init(token: 1, logprob: -1.5)], logSumExps: [0.5, 3]),
            TokenLogprob(
                chosen: .init(token: 1, logprob: -1.5), rank: 2,
                top: [.init(token: 0, logprob: -0.5), .init(token: 1, logprob: -1.5)], logSumExps: [0.75, 4]),
        ]
    }

    private func completion(_ id: Int = 0, logprob: Float = -0.25, tokens: [TokenID] = [2]) -> Completion {
        let entry = TokenLogprob(
            chosen: .init(token: 2, logprob: logprob), rank: 1, top: [.init(token: 2, logprob: logprob)],
            named: [.init(token: 2, logprob: logprob), .init(token: 4, logprob: -8)], logSumExps: [1, 5])
        return Completion(
            id: id, tokens: tokens, text: "C", finishReason: .length, logprobs: [entry],
            cumulativeLogprob: Double(logprob) * Double(tokens.count), promptLogprobs: scores)
    }

    private func choice(_ body: JSONObject, _ completion: Completion? = nil) throws -> JSONValue {
        try #require(response(body, [completion ?? self.completion()])["choices"]?.arrayValue?.first)
    }

    private func response(_ body: JSONObject, _ completions: [Completion]) throws -> JSONValue {
        responses.json(for: try RequestBody.parse(body), prompts: [prompt], completions: completions)
    }

    @Test func `prompt log-probabilities are in vLLM's form`() throws {
        let choice = try choice(["prompt": "x", "prompt_logprobs": 1])
        #expect(
            choice["prompt_logprobs"]?.jsonText
                == #"[null,{"30":{"logprob":-5.0,"rank":7,"decoded_token":"�"},"#
                + #""0":{"logprob":-0.5,"rank":1,"decoded_token":"A"}},"#
                + #"{"31":{"logprob":-0.5,"rank":1,"decoded_token":"�"}},"#
                + #"{"1":{"logprob":-1.5,"rank":2,"decoded_token":"B"},"#
                + #""0":{"logprob":-0.5,"rank":1,"decoded_token":"A"}}]"#)
        let chat: JSONObject = ["messages": [["role": "user", "content": "x"]], "prompt_logprobs": 0]
        let body = try response(chat, [completion()])
        #expect(body["prompt_logprobs"]?.arrayValue?.count == 4)
        #expect(body["prompt_logprobs"]?.arrayValue?.last?.jsonText.contains("\"1\"") == true)
    }

    @Test func `an echo has the prompt's text and log-probabilities before the answer's`() throws {
        let choice = try choice(["prompt": "x", "echo": true, "logprobs": 1])
        #expect(choice["text"] == "éBC")
        #expect(
            choice["logprobs"]?.jsonText
                == #"{"tokens":["<begin>","�","�","B","C"],"token_logprobs":[null,-5.0,-0.5,-1.5,-0.25],"#
                + #""top_logprobs":[null,{"A":-0.5,"�":-5.0},{"�":-0.5},{"A":-0.5,"B":-1.5},{"C":-0.25,"E":-8.0}],"#
                + #""text_offset":[0,0,1,1,2]}"#)
        let spelled = try self.choice(["prompt": "x", "echo": true, "skip_special_tokens": false])
        #expect(spelled["text"] == "<begin>éBC" && spelled["logprobs"] == .null)
    }

    @Test func `a chat echoes the message that it continues, and no other`() throws {
        var body: JSONObject = ["messages": [["role": "assistant", "content": "AB"]], "echo": true]
        #expect(try choice(body)["message"]?["content"] == "ABC")
        body["messages"] = [["role": "user", "content": "AB"]]
        #expect(try choice(body)["message"]?["content"] == "C")
    }

    @Test func `token ids are told, and stand for tokens, on demand`() throws {
        let choice = try choice(
            ["prompt": "x", "return_token_ids": true, "return_tokens_as_token_ids": true, "logprobs": 1])
        #expect(choice["prompt_token_ids"] == [40, 30, 31, 1] && choice["token_ids"] == [2])
        #expect(choice["logprobs"]?["tokens"] == ["token_id:2"])
        #expect(choice["logprobs"]?["top_logprobs"]?.jsonText == #"[{"token_id:2":-0.25,"token_id:4":-8.0}]"#)
        let chat: JSONObject = [
            "messages": [["role": "user", "content": "x"]], "return_token_ids": true, "logprobs": true,
            "return_tokens_as_token_ids": true, "service_tier": "flex",
        ]
        let body = try response(chat, [completion()])
        #expect(body["prompt_token_ids"] == [40, 30, 31, 1] && body["service_tier"] == "flex")
        let content = body["choices"]?.arrayValue?.first?["logprobs"]?["content"]?.arrayValue?.first
        #expect(content?["token"] == "token_id:2" && content?["bytes"] == [67])
        #expect(content?["top_logprobs"]?.arrayValue?.map { $0["token"] } == ["token_id:2", "token_id:4"])
    }

    @Test func `log-sum-exps stand beside log-probabilities`() throws {
        let choice = try choice(
            ["prompt": "x", "logprobs": 0, "prompt_logprobs": 0, "log_sum_exp_temperatures": [1, 0.5]])
        #expect(choice["log_sum_exp"] == [[1.0, 5.0]])
        #expect(choice["ranks"] == [1])
        #expect(choice["prompt_log_sum_exp"] == [nil, [0.25, 2.0], [0.5, 3.0], [0.75, 4.0]])
    }

    @Test func `the token that ended an answer has log-probabilities where its id is told`() throws {
        func entry(_ token: TokenID) -> TokenLogprob {
            TokenLogprob(chosen: .init(token: token, logprob: -1), rank: 1, top: [])
        }
        let completion = Completion(
            id: 0, tokens: [2, 3], text: "C", finishReason: .stop, logprobs: [entry(2), entry(3)], textTokenCount: 1)
        let text = try choice(["prompt": "x", "logprobs": 0], completion)
        #expect(text["logprobs"]?["tokens"] == ["C"])
        let ids = try choice(["prompt": "x", "logprobs": 0, "return_token_ids": true], completion)
        #expect(ids["logprobs"]?["tokens"] == ["C", "D"] && ids["token_ids"] == [2, 3])
    }

    @Test func `the best of several have the greatest log-probability per token`() throws {
        let samples = [
            completion(0, logprob: -3), completion(1, logprob: -1, tokens: [2, 2]), completion(2, logprob: -2),
            completion(3, logprob: -1),
        ]
        let request = try RequestBody.parse(["prompt": "x", "best_of": 4, "n": 3])
        #expect(responses.kept(samples, for: request).map(\.id) == [1, 3, 2])
        let body = responses.json(for: request, prompts: [prompt], completions: samples)
        let choices = try #require(body["choices"]?.arrayValue)
        #expect(choices.map { $0["index"] } == [0, 1, 2] && choices.allSatisfy { $0["logprobs"] == .null })
        #expect(body["usage"]?["completion_tokens"] == 5)
    }
}
