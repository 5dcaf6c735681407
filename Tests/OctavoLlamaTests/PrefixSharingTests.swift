import Foundation
import OctavoCore
import OctavoEngine
import OctavoLlama
import OctavoTestSupport
import Testing

/// What requests share is computed once, and changes no answer.
@Suite struct PrefixSharingTests {
    /// What came of some requests.
    private struct Outcome {
        var completions: [Int: Completion] = [:]
        var prefilled = 0
        var cached = 0
        var sampled = 0

        mutating func add(_ event: GenerationEvent, control: GenerationControl) {
            switch event {
            case .finished(let completion): completions[completion.id] = completion
            case .checkpoint(let checkpoint): control.acknowledge(checkpoint.number)
            case .step(let step):
                prefilled += step.prefillTokens
                cached += step.cachedTokens
                sampled += step.sampledTokens
            case .failed, .cancelled, .measured: break
            }
        }

        /// The answers, without what depends on what was computed before.
        var answers: [Int: [TokenID]] { completions.mapValues(\.tokens) }
    }

    private func makeEngine(stepTokens: Int = 64) throws -> LocalEngine {
        let path = TinyModel(name: TinyModel.names[0]).folder.appending(path: "hf").path()
        let runner = try TinyModel.runner(path, precision: .f16, stepTokens: stepTokens)
        return LocalEngine(runner: runner, tokens: NoText(), endTokens: [])
    }

    private func run(
        _ engine: LocalEngine, _ requests: [GenerationRequest],
        afterStep: (Int, GenerationControl) -> Void = { _, _ in }
    ) async -> Outcome {
        let control = GenerationControl()
        var outcome = Outcome()
        var steps = 0
        for await event in engine.generate(requests, control: control) {
            outcome.add(event, control: control)
            if case .step = event {
                steps += 1
                afterStep(steps, control)
            }
        }
        return outcome
    }

    /// Requests whose prompts begin with the same `shared` tokens and go on with `own` others.
    private func requests(_ count: Int, shared: Int, own: Int) -> [GenerationRequest] {
        (0..<count).map { id in
            var sampling = SamplingParameters()
            sampling.seed = Int64(id)
            sampling.temperature = id % 2 == 0 ? 0 : 1
            sampling.maxTokens = 5 + id
            let prompt = (0..<shared).map { TokenID($0 * 5 % 250) } + (0..<own).map { TokenID(($0 + id * 3) % 250) }
            return GenerationRequest(id: id, promptTokens: prompt, sampling: sampling)
        }
    }

    private func answersAlone(_ requests: [GenerationRequest]) async throws -> [Int: [TokenID]] {
        var answers: [Int: [TokenID]] = [:]
        for request in requests { answers.merge(await run(try makeEngine(), [request]).answers) { $1 } }
        return answers
    }

    @Test(arguments: [64, 10]) func `a common beginning is computed once, and answers are as if alone`(
        stepTokens: Int
    ) async throws {
        let requests = requests(6, shared: 100, own: 9)
        let outcome = await run(try makeEngine(stepTokens: stepTokens), requests)
        #expect(outcome.answers == (try await answersAlone(requests)))
        // One whole block of 64.
        #expect(outcome.cached == 5 * 64)
        // A prompt's last token, if it is a step's only one of the row, counts as decoding.
        #expect((109 * 6 - 5 * 64 - 6...109 * 6 - 5 * 64).contains(outcome.prefilled))
        #expect(outcome.completions.values.map(\.cachedTokens).sorted() == [0, 64, 64, 64, 64, 64])
    }

    @Test func `a beginning is kept for requests that come later`() async throws {
        let engine = try makeEngine()
        let requests = requests(4, shared: 64, own: 3)
        _ = await run(engine, [requests[0]])
        let outcome = await run(engine, Array(requests[1...]))
        #expect(outcome.cached == 3 * 64)
        #expect(outcome.answers == (try await answersAlone(Array(requests[1...]))))
    }

    @Test func `samples of one prompt share it, all but its last tokens`() async throws {
        var requests = requests(4, shared: 70, own: 0)
        for index in requests.indices {
            requests[index].sampleIndex = index
            requests[index].sampling.seed = 5
            requests[index].sampling.temperature = 1
        }
        let outcome = await run(try makeEngine(), requests)
        #expect(outcome.cached == 3 * 64)
        #expect(outcome.answers == (try await answersAlone(requests)))
    }

    @Test func `a prompt that is whole blocks computes its last one, for the logits`() async throws {
        let requests = requests(3, shared: 128, own: 0)
        let outcome = await run(try makeEngine(), requests)
        #expect(outcome.cached == 2 * 64)
        #expect(outcome.answers == (try await answersAlone(requests)))
    }

    @Test func `when the request that computes a beginning is cancelled, the next takes over`() async throws {
        let requests = requests(3, shared: 200, own: 2)
        let outcome = await run(try makeEngine(stepTokens: 20), requests) { step, control in
            if step == 4 { control.cancel([0]) }
        }
        #expect(outcome.answers.filter { $0.key > 0 } == (try await answersAlone(Array(requests[1...]))))
    }

    @Test func `a resumed request shares its prompt and has the same log-probabilities`() async throws {
        var requests = requests(3, shared: 70, own: 4)
        for index in requests.indices { requests[index].sampling.topLogprobs = 2 }
        let whole = await run(try makeEngine(), requests)
        var resumed = requests
        for index in resumed.indices {
            resumed[index].generatedTokens = Array((whole.completions[index]?.tokens ?? []).prefix(3))
        }
        let outcome = await run(try makeEngine(), resumed)
        #expect(outcome.cached == 2 * 64)
        #expect(outcome.completions.mapValues(\.logprobs) == whole.completions.mapValues(\.logprobs))
        #expect(outcome.answers == whole.answers)
    }
}

/// Tokens that stand for nothing.
private struct NoText: TokenDecoding {
    func bytes(of token: TokenID) -> [UInt8] { [] }
    func isSpecial(_ token: TokenID) -> Bool { false }
}
