import OctavoCore
import OctavoEngine
import OctavoGrammar
import OctavoTestSupport
import Testing

/// Completions that are held to a structure, through the engine.
@Suite struct GenerationTests {
    /// The byte that stands for the end of a turn.
    private static let end: TokenID = 4

    private func engine(
        boosts: [TokenID: Float] = [:], configure: (inout LocalEngine.Configuration) -> Void = { _ in }
    ) -> LocalEngine {
        var configuration = LocalEngine.Configuration()
        configure(&configuration)
        return LocalEngine(
            runner: RandomRunner(vocabularySize: 256, boosts: boosts), tokens: SingleBytes(), endTokens: [Self.end],
            configuration: configuration)
    }

    private func request(
        _ language: OutputStructure.Language, id: Int = 0, prompt: String = "?",
        _ change: (inout SamplingParameters) -> Void = { _ in }
    ) -> GenerationRequest {
        var sampling = SamplingParameters()
        sampling.seed = Int64(id)
        sampling.maxTokens = 300
        sampling.structure = OutputStructure(language, parameter: "structure")
        change(&sampling)
        return GenerationRequest(id: id, promptTokens: prompt.utf8.map(TokenID.init), sampling: sampling)
    }

    private func run(
        _ requests: [GenerationRequest], _ engine: LocalEngine
    ) async -> (completions: [Int: Completion], failures: [Int: EngineError], steps: Int) {
        var completions: [Int: Completion] = [:]
        var failures: [Int: EngineError] = [:]
        var steps = 0
        let control = GenerationControl()
        for await event in engine.generate(requests, control: control) {
            switch event {
            case .finished(let completion): completions[completion.id] = completion
            case .failed(let id, let error): failures[id] = error
            case .checkpoint(let checkpoint): control.acknowledge(checkpoint.number)
            case .step: steps += 1
            case .cancelled, .measured: break
            }
        }
        return (completions, failures, steps)
    }

    private static let quotes: [TokenID: Float] = [34: 6, 93: 3, 125: 3]

    private static func languages() throws -> [OutputStructure.Language] {
        [
            .jsonObject, .regex("[a-f]{3,40}(-[0-9]{2})*"), .choice(["yes", "no", "maybe"]),
            try .schema(#"{"type": "array", "items": {"enum": ["red", "blue", 7]}, "minItems": 4, "maxItems": 20}"#),
            try .schema(
                #"{"type": "object", "properties": {"é": {"type": "string", "maxLength": 30}, "n": {"type": "number"}}, "required": ["é"]}"#
            ),
        ]
    }

    private func requests() throws -> [GenerationRequest] {
        let languages = try Self.languages()
        return (0..<20).map { index in
            request(languages[index % languages.count], id: index, prompt: #"["red", "blue", "red", "blue"#) {
                $0.temperature = [0, 0.7, 1.5][index % 3]
                $0.topLogprobs = index % 4 == 0 ? 1 : nil
                $0.topP = index % 5 == 0 ? 0.9 : 1
                $0.maxTokens = 120
            }
        }
    }

    @Test func `completions do not depend on the batch or on guesses`() async throws {
        let requests = try requests()
        let expected = await run(requests, engine(boosts: Self.quotes) { $0.speculativeTokens = 0 }).completions
        #expect(expected.count == requests.count)
        for (batch, guesses) in [(1, 0), (1, 16), (3, 16), (2, 64), (7, 0)] {
            let outcome = await run(
                requests,
                engine(boosts: Self.quotes) {
                    $0.maximumBatch = batch
                    $0.speculativeTokens = guesses
                })
            #expect(outcome.completions == expected, "\(batch) rows, \(guesses) guesses")
        }
    }

    @Test func `a completion that goes on from any of its tokens comes to the same end`() async throws {
        let requests = try requests().prefix(10)
        let expected = await run(Array(requests), engine(boosts: Self.quotes)).completions
        for request in requests {
            let completion = try #require(expected[request.id])
            var resumed: [GenerationRequest] = []
            for count in 0...completion.tokens.count {
                var part = request
                part.id = count
                part.generatedTokens = Array(completion.tokens.prefix(count))
                resumed.append(part)
            }
            let outcome = await run(resumed, engine(boosts: Self.quotes))
            #expect(outcome.completions.count == resumed.count)
            for other in outcome.completions.values {
                #expect(other.tokens == completion.tokens && other.text == completion.text)
                #expect(other.logprobs == completion.logprobs && other.finishReason == completion.finishReason)
            }
        }
    }

    @Test func `guesses are taken where they fit the structure`() async throws {
        let text = String(repeating: "abcd", count: 30)
        let request = request(.choice([text]), prompt: text)
        let plain = await run([request], engine { $0.speculativeTokens = 0 })
        let guessing = await run([request], engine())
        #expect(plain.completions == guessing.completions && plain.completions[0]?.text == text)
        #expect(plain.steps == 120 && guessing.steps < 40)
    }

    @Test func `a text ends as soon as it is complete and nothing may follow`() async throws {
        let outcome = await run(
            [
                request(.choice(["abc"]), id: 0), request(.choice(["abc"]), id: 1) { $0.maxTokens = 3 },
                request(.choice(["abc"]), id: 2) { $0.maxTokens = 2 },
                request(.choice(["abc"]), id: 3) { $0.ignoresEndTokens = true },
                request(.choice(["abc"]), id: 4) { $0.minTokens = 10 },
            ], engine())
        #expect((0..<5).map { outcome.completions[$0]?.text } == ["abc", "abc", "ab", "abc", "abc"])
        let reasons = (0..<5).map { outcome.completions[$0]?.finishReason }
        #expect(reasons == [.stop, .stop, .length, .stop, .stop])
        #expect(outcome.completions[0]?.tokens.count == 3)
    }

    @Test func `an end token is allowed exactly when the text is complete`() async throws {
        let eager = engine(boosts: [Self.end: 100])
        let outcome = await run(
            [
                request(.regex("a{2,9}"), id: 0), request(.regex("a{2,9}"), id: 1) { $0.minTokens = 5 },
                // A stop token that has a text is none of the structure's.
                request(.regex("[ab]{3}"), id: 2) {
                    $0.stopTokenIDs = [97]
                    $0.logitBias = [97: 100]
                },
                request(.regex("[0-9]+"), id: 3) {
                    $0.logitBias = [65: 100]
                    $0.maxTokens = 4
                    $0.ignoresEndTokens = true
                },
            ], eager)
        #expect(outcome.completions[0]?.text == "aa" && outcome.completions[0]?.tokens.last == Self.end)
        #expect(outcome.completions[1]?.text == "aaaaa")
        #expect(outcome.completions[2]?.text == "bbb")
        #expect(outcome.completions[3]?.text.allSatisfy(\.isNumber) == true)
        #expect(outcome.completions[3]?.finishReason == .length)
    }

    @Test func `stop strings cut a structure, too`() async throws {
        let outcome = await run([request(.choice(["abcdef"])) { $0.stop = ["cd"] }], engine())
        #expect(outcome.completions[0]?.text == "ab" && outcome.completions[0]?.finishReason == .stop)
    }

    @Test func `a structure that cannot be followed fails its own request only`() async throws {
        let ambiguous = OutputStructure.Language.regex("((a{1,1000}){1,1000}){1,1000}b")
        let requests = [
            request(ambiguous, id: 0) { $0.maxTokens = 500 }, request(.jsonObject, id: 1),
            request(.regex("("), id: 2), request(.regex("[a-z]{290}"), id: 3),
        ]
        let outcome = await run(requests, engine(boosts: Self.quotes.merging([98: -100]) { $1 }))
        #expect(Set(outcome.completions.keys).union(outcome.failures.keys) == [0, 1, 2, 3])
        #expect(outcome.failures.keys.contains(2) && outcome.completions.keys.contains(1))
        #expect(outcome.completions[3]?.text.count == 290)
    }

    @Test func `a text that the vocabulary cannot spell fails`() async {
        struct Letters: TokenDecoding {
            func bytes(of token: TokenID) -> [UInt8] { (97...122).contains(token) ? [UInt8(token)] : [] }
            func isSpecial(_ token: TokenID) -> Bool { false }
        }
        let engine = LocalEngine(runner: RandomRunner(vocabularySize: 256), tokens: Letters(), endTokens: [])
        let outcome = await run([request(.choice(["a1"]))], engine)
        #expect(outcome.failures[0] == .structure("no token of the vocabulary fits"))
    }
}
