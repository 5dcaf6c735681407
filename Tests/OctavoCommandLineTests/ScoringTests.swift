import Foundation
import OctavoCore
import OctavoTestSupport
import OctavoWeights
import Testing

extension CommandLineTests {
    /// Scores of given texts, beside reference logits and beside `octavo model logits`.
    @Suite(.serialized) struct ScoringTests {
        @Test(arguments: ["tiny-untied", "tiny-tied", "tiny-llama31"])
        func `scores of a prompt are those of the reference's logits`(name: String) async throws {
            let folder = TestPaths.fixtures.appending(path: "Models/\(name)")
            let expected = try JSONValue.parse(
                String(contentsOf: folder.appending(path: "expected.json"), encoding: .utf8))
            let prompts = try #require(expected["prompts"]?.arrayValue)
            let variant = try #require(expected["variants"]?["octavo"])
            let sensitivity = try #require(variant["sensitivity"]?.arrayValue)
            let file = try SafetensorsFile(path: folder.appending(path: "expected.safetensors").path)
            try await Workbench.withoutDatabase { bench in
                let scores = try await bench.scores(model: folder.appending(path: "hf").path, prompts, top: 4)
                var compared = 0
                for (index, prompt) in prompts.enumerated() where (sensitivity[index].doubleValue ?? 1) < 1e-3 {
                    let ids = try #require(prompt.arrayValue).compactMap(\.integerValue)
                    let positions = try #require(variant["positions"]?.arrayValue?[index].arrayValue)
                    let logits = try file.readFloats("logits.octavo.\(index)")
                    let width = logits.count / positions.count
                    for (row, position) in positions.compactMap(\.integerValue).enumerated()
                    where position + 1 < ids.count {
                        let reference = Reference(logits[row * width..<(row + 1) * width])
                        try reference.check(scores[index][position + 1], next: ids[position + 1])
                        compared += 1
                    }
                }
                print("\(name): \(compared) positions compared")
                #expect(compared > 0)
            }
        }

        @Test(.enabled(if: TestModels.smolLM2 != nil, "\(TestModels.absence)"))
        func `scores are the log-probabilities that model logits prints, digit by digit`() async throws {
            try await Workbench.withoutDatabase { bench in
                let model = try #require(TestModels.smolLM2)
                let text = String(repeating: "Rain falls on the hills, and rivers carry it to the sea. ", count: 12)
                let ids = try await bench.filter("tokenize", model: model, [["text": .string(text)]])[0]["ids"] ?? .null
                let report = try await bench.filter("logits", model: model, [["ids": ids]], "--scheme", "plain")[0]
                let scores = try await bench.scores(model: model, [ids], top: 5)[0]
                let logprobs = try #require(report["logprobs_of_next"]?.arrayValue)
                let tops = try #require(report["top"]?.arrayValue)
                let tokens = try #require(ids.arrayValue).compactMap(\.integerValue)
                #expect(tokens.count > 150 && scores.count == tokens.count && scores[0] == .null)
                for position in 1..<tokens.count {
                    #expect(scores[position]["\(tokens[position])"]?["logprob"] == logprobs[position - 1])
                    let top = try #require(tops[position - 1].arrayValue).compactMap { $0.arrayValue?[0].integerValue }
                    let ranks = top.map { scores[position]["\($0)"]?["rank"]?.integerValue }
                    #expect(ranks == [1, 2, 3, 4, 5])
                }
            }
        }

        @Test func `what clients of a teacher ask for has vLLM's shape`() async throws {
            try await Workbench.withoutDatabase { bench in
                let request: JSONValue = [
                    "prompt": [[5, 6, 7], [8, 9]], "max_tokens": 1, "prompt_logprobs": 2, "temperature": 0,
                    "return_token_ids": true,
                ]
                let response = try await bench.filter("generate", [request])[0]
                let choices = try #require(response["choices"]?.arrayValue)
                #expect(choices.map { $0["prompt_token_ids"] } == [[5, 6, 7], [8, 9]])
                for (choice, next) in zip(choices, [["6", "7"], ["9"]]) {
                    let scores = try #require(choice["prompt_logprobs"]?.arrayValue)
                    #expect(scores.count == next.count + 1 && scores[0] == .null)
                    for (score, token) in zip(scores.dropFirst(), next) {
                        let members = try #require(score.objectValue).members
                        #expect(members[0].key == token && (2...3).contains(members.count))
                        for member in members {
                            #expect(member.value["logprob"]?.doubleValue ?? 1 <= 0)
                            #expect(member.value["rank"]?.integerValue ?? 0 >= 1)
                            #expect(member.value["decoded_token"]?.stringValue != nil)
                        }
                    }
                    #expect(choice["token_ids"]?.arrayValue?.count == 1)
                }
            }
        }

        @Test func `a text is scored as evaluation harnesses ask for it`() async throws {
            try await Workbench.withoutDatabase { bench in
                let text = "The largest ocean on Earth"
                func ask(_ count: Int) async throws -> JSONValue {
                    let request: JSONValue = [
                        "prompt": .string(text), "max_tokens": .integer(count), "echo": true, "logprobs": 1,
                        "temperature": 0,
                    ]
                    return try #require(
                        try await bench.filter("generate", [request])[0]["choices"]?.arrayValue?.first)
                }
                let (none, one) = (try await ask(0), try await ask(1))
                #expect(none["text"] == .string(text) && none["finish_reason"] == "length")
                let scores = try #require(none["logprobs"]?["token_logprobs"]?.arrayValue)
                #expect(scores[0] == .null && scores.dropFirst().allSatisfy { ($0.doubleValue ?? 1) <= 0 })
                #expect(one["logprobs"]?["token_logprobs"]?.arrayValue?.dropLast() == scores[...])
                #expect(one["text"]?.stringValue?.hasPrefix(text) == true)
            }
        }
    }
}

/// The log-probabilities of a row of reference logits.
private struct Reference {
    private let logits: [Double]
    private let normalizer: Double

    init(_ row: ArraySlice<Float>) {
        logits = row.map(Double.init)
        let largest = logits.max() ?? 0
        normalizer = largest + log(logits.reduce(0) { $0 + exp($1 - largest) })
    }

    /// Compares a position's entries, each of which may be off by the tolerance of the reference's logits.
    func check(_ score: JSONValue, next: Int) throws {
        let members = try #require(score.objectValue).members
        #expect(members.first?.key == "\(next)" && members.count >= 4)
        for member in members {
            let token = try #require(Int(member.key))
            let logprob = try #require(member.value["logprob"]?.doubleValue)
            #expect(abs(logprob - (logits[token] - normalizer)) < 2e-3)
            let rank = try #require(member.value["rank"]?.integerValue)
            #expect(rank > logits.count { $0 > logits[token] + 2e-3 })
            #expect(rank <= logits.count { $0 >= logits[token] - 2e-3 })
        }
    }
}

extension Workbench {
    /// The `prompt_logprobs` of prompts of token ids.
    fileprivate func scores(model: String, _ prompts: [JSONValue], top: Int) async throws -> [[JSONValue]] {
        let requests = prompts.map { ids -> JSONValue in
            ["prompt_ids": ids, "max_tokens": 0, "prompt_logprobs": .integer(top)]
        }
        return try await filter("generate", model: model, requests, "--scheme", "plain").map { response in
            try #require(response["choices"]?.arrayValue?.first?["prompt_logprobs"]?.arrayValue, "\(response.jsonText)")
        }
    }
}
