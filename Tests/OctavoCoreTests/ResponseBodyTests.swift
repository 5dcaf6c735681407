import OctavoCore
import Testing

@Suite struct ResponseBodyTests {
    /// Token 0 is `A`, 1 is `B`, and so on; 30 is the first byte of a two-byte character.
    private struct Letters: TokenDecoding {
        func bytes(of token: TokenID) -> [UInt8] { token == 30 ? [0xC3] : [UInt8(65 + token)] }
        func isSpecial(_ token: TokenID) -> Bool { false }
    }

    private let responses = ResponseBody(model: "m", systemFingerprint: "fp_1", tokens: Letters())

    @Test func `a chat's response has OpenAI's members in OpenAI's order`() throws {
        let request = try RequestBody.parse(["messages": [["role": "user", "content": "x"]]])
        let completion = Completion(id: 0, tokens: [0, 1, 2], text: "AB", finishReason: .stop)
        #expect(
            responses.json(for: request, prompts: [Array(repeating: 0, count: 5)], completions: [completion]).jsonText
                == #"{"object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","#
                + #""content":"AB","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"#
                + #""completion_tokens":3,"total_tokens":8},"system_fingerprint":"fp_1"}"#)
    }

    @Test func `a completion's response lists its choices`() throws {
        let request = try RequestBody.parse(["prompt": ["x", "y"]])
        let completions = [
            Completion(id: 0, tokens: [0], text: "A", finishReason: .length),
            Completion(id: 1, tokens: [1], text: "B", finishReason: .stop),
        ]
        let body = responses.json(for: request, prompts: [[0], [0]], completions: completions)
        #expect(body["object"] == "text_completion")
        #expect(
            body["choices"]?.jsonText
                == #"[{"index":0,"text":"A","logprobs":null,"finish_reason":"length"},"#
                + #"{"index":1,"text":"B","logprobs":null,"finish_reason":"stop"}]"#)
    }

    @Test func `prompt tokens that were not computed again are told on demand, once for each prompt`() throws {
        let request = try RequestBody.parse(["prompt": ["x", "y"], "n": 2])
        let completions = [64, 60, 32, 32].enumerated().map { index, cached in
            Completion(id: index, tokens: [0], text: "A", finishReason: .length, cachedTokens: cached)
        }
        let prompts = [[TokenID]](repeating: Array(repeating: 0, count: 70), count: 2)
        #expect(
            responses.json(for: request, prompts: prompts, completions: completions)["usage"]?.jsonText
                == #"{"prompt_tokens":140,"completion_tokens":4,"total_tokens":144}"#)
        var telling = responses
        telling.reportsCachedTokens = true
        #expect(
            telling.json(for: request, prompts: prompts, completions: completions)["usage"]?.jsonText
                == #"{"prompt_tokens":140,"completion_tokens":4,"total_tokens":144,"#
                + #""prompt_tokens_details":{"cached_tokens":96}}"#)
    }

    private let logprobs = [
        TokenLogprob(
            chosen: .init(token: 0, logprob: -0.1), rank: 1,
            top: [.init(token: 0, logprob: -0.1), .init(token: 1, logprob: -.infinity)]),
        TokenLogprob(chosen: .init(token: 30, logprob: -2), rank: 9, top: []),
    ]

    @Test func `a chat's logprobs give text, bytes and alternatives`() throws {
        let request = try RequestBody.parse(["messages": [["role": "user", "content": "x"]], "logprobs": true])
        let completion = Completion(id: 0, tokens: [0, 30], text: "A", finishReason: .stop, logprobs: logprobs)
        let body = responses.json(for: request, prompts: [[0]], completions: [completion])
        #expect(
            body["choices"]?.arrayValue?.first?["logprobs"]?.jsonText
                == #"{"content":[{"token":"A","logprob":-0.1,"bytes":[65],"top_logprobs":["#
                + #"{"token":"A","logprob":-0.1,"bytes":[65]},{"token":"B","logprob":-9999.0,"bytes":[66]}]},"#
                + #"{"token":"�","logprob":-2.0,"bytes":[195],"top_logprobs":[]}],"refusal":null}"#)
    }

    @Test func `a completion's logprobs are parallel arrays`() throws {
        let request = try RequestBody.parse(["prompt": "x", "logprobs": 2])
        let completion = Completion(id: 0, tokens: [0, 30], text: "A", finishReason: .stop, logprobs: logprobs)
        let body = responses.json(for: request, prompts: [[0]], completions: [completion])
        #expect(
            body["choices"]?.arrayValue?.first?["logprobs"]?.jsonText
                == #"{"tokens":["A","�"],"token_logprobs":[-0.1,-2.0],"#
                + #""top_logprobs":[{"A":-0.1,"B":-9999.0},{"�":-2.0}],"text_offset":[0,1]}"#)
    }
}
