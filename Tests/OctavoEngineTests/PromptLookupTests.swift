import OctavoCore
import OctavoEngine
import OctavoTestSupport
import Testing

/// Guesses change how many steps a completion takes, and nothing else.
@Suite struct PromptLookupTests {
    /// A model that goes on as the alphabet does, over and over.
    private func driver(speculativeTokens: Int, checkpointTokens: Int = 1000, period: Int = 20) -> EngineDriver {
        EngineDriver(HashRunner(stepTokens: 4096, period: period)) {
            $0.speculativeTokens = speculativeTokens
            $0.checkpointTokens = checkpointTokens
        }
    }

    private func request(_ id: Int = 0, prompt: [TokenID], tokens: Int) -> GenerationRequest {
        var sampling = SamplingParameters()
        sampling.seed = 3
        sampling.temperature = 0
        sampling.maxTokens = tokens
        sampling.ignoresEndTokens = true
        return GenerationRequest(id: id, promptTokens: prompt, sampling: sampling)
    }

    @Test func `a text that repeats itself takes fewer steps`() async {
        let request = request(prompt: (0..<25).map { TokenID($0 % 20) }, tokens: 200)
        let plain = await driver(speculativeTokens: 0).run([request])
        let guessing = await driver(speculativeTokens: 16).run([request])
        #expect(guessing.completions == plain.completions)
        #expect(plain.steps.count == 200)
        #expect(guessing.steps.count < 40)
        #expect(guessing.steps.reduce(0) { $0 + $1.sampledTokens } == 200)
        #expect(guessing.steps.allSatisfy { $0.wastedTokens == 0 })
    }

    @Test(arguments: [2, 5, 16, 64]) func `completions do not depend on guesses`(speculativeTokens: Int) async {
        let requests = EngineDriver.requests(30, seed: 51)
        let expected = await driver(speculativeTokens: 0, period: 0).run(requests).completions
        for maximumBatch in [1, 3] {
            for period in [0, 3] {
                let driver = EngineDriver(HashRunner(period: period)) {
                    $0.speculativeTokens = speculativeTokens
                    $0.maximumBatch = maximumBatch
                }
                let outcome = await driver.run(requests)
                #expect(outcome.endings.sorted() == requests.map(\.id))
                #expect(driver.runner.livingSequences == 0)
                if period == 0 { #expect(outcome.completions == expected) }
            }
        }
    }

    @Test func `wrong guesses are counted, and soon given up`() async {
        // The prompt repeats itself, but the model does not go on so.
        let prompt: [TokenID] = [5, 6, 3, 9, 5, 6, 3, 9, 4]
        let outcome = await driver(speculativeTokens: 16, period: 20).run([request(prompt: prompt, tokens: 15)])
        let wasted = outcome.steps.reduce(0) { $0 + $1.wastedTokens }
        #expect(wasted > 0 && wasted < 15)
    }

    @Test func `guesses never put more at risk than a checkpoint may lose`() async {
        let request = request(prompt: (0..<25).map { TokenID($0 % 20) }, tokens: 200)
        let outcome = await driver(speculativeTokens: 16, checkpointTokens: 8).run([request])
        #expect(outcome.steps.count < 150)
        #expect(outcome.checkpoints.flatMap(\.entries).allSatisfy { $0.tokens.count <= 4 })
    }

    @Test func `nothing is guessed where rows are many`() async {
        let requests = (0..<9).map { request($0, prompt: (0..<25).map { TokenID($0 % 20) }, tokens: 50) }
        let outcome = await driver(speculativeTokens: 16).run(requests)
        #expect(outcome.steps.count == 50)
    }
}
