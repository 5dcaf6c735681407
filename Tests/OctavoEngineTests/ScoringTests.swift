import Foundation
import OctavoCore
import OctavoEngine
import OctavoTestSupport
import Testing

/// What the engine tells of given tokens.
@Suite struct ScoringTests {
    @Test(arguments: [(4096, 64), (64, 64), (7, 3), (1, 1), (16, 5)])
    func `a prompt's scores are those of its logits, in whatever steps and blocks they come`(
        stepTokens: Int, blockRows: Int
    ) async throws {
        var generator = SeededGenerator(seed: 11)
        let prompts = (0..<6).map { _ in
            (0..<Int.random(in: 1...90, using: &generator)).map { _ in TokenID.random(in: 0..<46, using: &generator) }
        }
        let requests = prompts.enumerated().map { id, prompt in scoring(id, prompt, top: id * 9) }
        let outcome = await EngineDriver(HashRunner(stepTokens: stepTokens, stepLogits: blockRows)).run(requests)
        for (id, prompt) in prompts.enumerated() {
            let scores = try #require(outcome.completions[id]?.promptLogprobs)
            #expect(scores.count == prompt.count - 1)
            for (index, score) in scores.enumerated() {
                let reference = Reference(after: Array(prompt[...index]), token: prompt[index + 1])
                #expect(reference.agrees(with: score, count: id * 9), "prompt \(id), position \(index)")
            }
        }
    }

    @Test func `a request for no tokens ends with its prompt`() async throws {
        var request = scoring(0, [1, 2, 3, 4], top: 2)
        request.sampling.maxTokens = 0
        var other = request
        other.id = 1
        other.sampling.promptLogprobs = nil
        let outcome = await EngineDriver().run([request, other, scoring(2, [5, 6], top: 0)])
        let completion = try #require(outcome.completions[0])
        #expect(completion.tokens.isEmpty && completion.text.isEmpty && completion.finishReason == .length)
        #expect(completion.promptLogprobs?.count == 3)
        #expect(outcome.completions[1]?.promptLogprobs == nil)
        #expect(outcome.completions[2]?.tokens.isEmpty == false)
        #expect(outcome.endings.sorted() == [0, 1, 2])
    }

    @Test func `an interrupted request has the same scores when it is resumed`() async throws {
        var request = scoring(0, (0..<40).map { TokenID($0 % 46) }, top: 3)
        request.sampling.maxTokens = 30
        request.sampling.ignoresEndTokens = true
        request.sampling.temperature = 1
        for reportsAnswer in [true, false] {
            request.sampling.topLogprobs = reportsAnswer ? 2 : nil
            let whole = try #require(await EngineDriver().run([request]).completions[0])
            for count in [1, 7, 29] {
                var resumed = request
                resumed.generatedTokens = Array(whole.tokens.prefix(count))
                let driver = EngineDriver(HashRunner(stepTokens: 13, stepLogits: 4))
                #expect(await driver.run([resumed]).completions[0] == whole)
            }
        }
    }

    @Test func `scored beside others, everyone gets what it gets alone`() async {
        let requests = EngineDriver.requests(20, seed: 5).map { request in
            var request = request
            if request.id % 3 == 0 { request.sampling.promptLogprobs = request.id }
            return request
        }
        var alone: [Int: Completion] = [:]
        for request in requests { alone.merge(await EngineDriver().run([request]).completions) { $1 } }
        let driver = EngineDriver(HashRunner(stepTokens: 50, stepLogits: 8)) { $0.speculativeTokens = 16 }
        #expect(await driver.run(requests).completions == alone)
    }

    @Test func `a prompt whose logits are not finite fails at that position`() async {
        let outcome = await EngineDriver().run([scoring(0, [1, 2, 47, 3, 4], top: 1)])
        #expect(outcome.failures == [0: .notFinite(position: 2)])
    }

    private func scoring(_ id: Int, _ prompt: [TokenID], top: Int) -> GenerationRequest {
        var sampling = SamplingParameters()
        sampling.seed = 1
        sampling.maxTokens = 1
        sampling.promptLogprobs = top
        sampling.logSumExpTemperatures = [1, 0.5, 2]
        return GenerationRequest(id: id, promptTokens: prompt, sampling: sampling)
    }
}

/// The definitions, in double precision.
private struct Reference {
    private let logits: [Double]
    private let token: Int

    init(after tokens: [TokenID], token: TokenID) {
        var row = hashedLogits(after: tokens, count: 48).map(Double.init)
        row[47] = -9
        logits = row
        self.token = Int(token)
    }

    private func logSumExp(temperature: Double) -> Double {
        let largest = logits.max() ?? 0
        return log(logits.reduce(0) { $0 + exp(($1 - largest) / temperature) })
    }

    private func logprob(_ token: Int) -> Double { logits[token] - (logits.max() ?? 0) - logSumExp(temperature: 1) }

    func agrees(with score: TokenLogprob, count: Int) -> Bool {
        let order = logits.indices.sorted { (logits[$1], $0) < (logits[$0], $1) }
        func isNear(_ entry: TokenLogprob.Entry) -> Bool {
            abs(Double(entry.logprob) - logprob(Int(entry.token))) < 1e-5
        }
        let sums = zip(score.logSumExps, [1, 0.5, 2]).allSatisfy {
            abs(Double($0) - logSumExp(temperature: $1)) < 1e-5
        }
        return score.chosen.token == TokenID(token) && isNear(score.chosen) && sums && score.logSumExps.count == 3
            && score.rank == order.firstIndex(of: token).map { $0 + 1 }
            && score.top.map(\.token) == order.prefix(count).map { TokenID($0) } && score.top.allSatisfy(isNear)
    }
}
