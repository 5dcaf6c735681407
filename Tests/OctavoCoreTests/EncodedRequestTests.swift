import OctavoCore
import Testing

@Suite struct EncodedRequestTests {
    /// A token for every byte, and a context of 32.
    private struct Bytes: PromptEncoding {
        let contextLength = 32
        let vocabularySize = 256

        func tokens(of text: String) -> [TokenID] { text.utf8.map { TokenID($0) } }

        func encode(_ body: RequestBody) throws(RequestError) -> [[TokenID]] {
            guard case .texts(let prompts) = body.prompt else { return [[1, 2, 3]] }
            return prompts.map { prompt in
                switch prompt {
                case .text(let text): tokens(of: text)
                case .tokens(let tokens): tokens
                }
            }
        }
    }

    @Test func `choices are counted through prompts and samples`() throws {
        let encoded = try encode(["prompt": [[1, 2], [3]], "n": 3])
        #expect(encoded.generations.map(\.promptTokens) == [[1, 2], [1, 2], [1, 2], [3], [3], [3]])
        #expect(encoded.generations.map(\.sampleIndex) == Array(0..<6) && encoded.promptTokens == 3)
        #expect(encoded.generations.allSatisfy { $0.sampling.seed == 77 && $0.sampling.maxTokens == 16 })
    }

    @Test func `the prompt is scored once, with its first sample`() throws {
        let encoded = try encode(["prompt": [[1, 2], [3]], "n": 2, "prompt_logprobs": 4])
        #expect(encoded.generations.map(\.sampling.promptLogprobs) == [4, nil, 4, nil])
    }

    @Test func `the best of several are found by log-probabilities that nobody asked for`() throws {
        let encoded = try encode(["prompt": "x", "n": 1, "best_of": 3])
        #expect(encoded.generations.map(\.sampling.topLogprobs) == [0, 0, 0])
        #expect(!encoded.body.wantsLogprobs)
    }

    @Test func `a long prompt keeps its end, as much as is asked for or fits`() throws {
        let prompt = JSONValue.array((0..<100).map { .integer($0) })
        #expect(try encode(["prompt": prompt, "truncate_prompt_tokens": 5]).prompts == [[95, 96, 97, 98, 99]])
        let fitted = try encode(["prompt": prompt, "truncate_prompt_tokens": -1, "max_tokens": 10])
        #expect(fitted.prompts == [Array(78..<100)])
        #expect(throws: RequestError.self) { try encode(["prompt": prompt]) }
    }

    @Test func `a prompt may fill the context if nothing is to be generated`() throws {
        let prompt = JSONValue.array((0..<32).map { .integer($0) })
        let encoded = try encode(["prompt": prompt, "max_tokens": 0, "prompt_logprobs": 1])
        #expect(encoded.generations[0].maximumLength == 32)
    }

    @Test func `bad words are barred with and without a space before them`() throws {
        let encoded = try encode(["prompt": "x", "bad_words": ["ab", " c"]])
        #expect(encoded.generations[0].sampling.badWords == [[97, 98], [32, 97, 98], [99], [32, 99]])
    }

    @Test(arguments: ["allowed_token_ids", "logprob_token_ids"])
    func `tokens outside the vocabulary are refused by name`(parameter: String) throws {
        var body: JSONObject = ["prompt": "x", "logprobs": 1]
        body[parameter] = [5, 256]
        let error = #expect(throws: RequestError.self) { try encode(body) }
        #expect(error?.parameter == "\(parameter)[1]")
    }

    private func encode(_ body: JSONObject) throws -> EncodedRequest {
        try EncodedRequest(try RequestBody.parse(body), encoder: Bytes(), seed: 77)
    }
}
