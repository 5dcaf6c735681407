import Foundation
import OctavoCore
import OctavoEngine
import OctavoTestSupport
import Testing

@Suite struct SamplerTests {
    @Test func `temperature zero takes the largest logit, ties to the lower id`() {
        let logits: [Float] = [1, 5, 2, 5, -3]
        for sample in 0..<50 { #expect(choose(logits, sample: sample) { $0.temperature = 0 } == 1) }
    }

    @Test(arguments: [1, 2, 3])
    func `what leaves one candidate is greedy, whatever the temperature`(way: Int) {
        let logits: [Float] = [1, 5, 2, 5, -3]
        for sample in 0..<50 {
            let token = choose(logits, sample: sample) { parameters in
                parameters.temperature = 100
                switch way {
                case 1: parameters.topK = 1
                case 2: parameters.topP = 0
                default: parameters.topP = 1e-6
                }
            }
            #expect(token == 1)
        }
    }

    @Test func `the same place in the random stream gives the same token`() {
        var generator = SeededGenerator(seed: 3)
        let logits = (0..<1000).map { _ in Float.random(in: -3...3, using: &generator) }
        for sample in 0..<100 {
            #expect(choose(logits, sample: sample) { _ in } == choose(logits, sample: sample) { _ in })
        }
        #expect(Set((0..<100).map { choose(logits, sample: $0) { _ in } }).count > 50)
    }

    @Test func `tokens come as often as their probabilities say`() {
        let logits: [Float] = [0, 1, -1, 2, 0.5, -2, 1.5, 0.25]
        let draws = 20_000
        var counts = [Int](repeating: 0, count: logits.count)
        for sample in 0..<draws {
            let token = choose(logits, sample: sample) { $0.temperature = 0.8 }
            counts[Int(token ?? 0)] += 1
        }
        let weights = logits.map { exp(Double($0) / 0.8) }
        let total = weights.reduce(0, +)
        let statistic = zip(counts, weights).reduce(0.0) { sum, pair in
            let expected = Double(draws) * pair.1 / total
            return sum + (Double(pair.0) - expected) * (Double(pair.0) - expected) / expected
        }
        // Seven degrees of freedom exceed 24.3 once in 1,000 times; the seed is fixed.
        #expect(statistic < 24.3)
    }

    @Test func `logits that are not finite give no token`() {
        for stranger in [Float.nan, .infinity, -.infinity] {
            #expect(choose([1, 2, stranger, 3]) { _ in } == nil)
            #expect(choose([1, 2, stranger, 3]) { $0.temperature = 0 } == nil)
            #expect(choose([1, 2, stranger, 3]) { $0.logitBias = [2: -100] } == nil)
        }
    }
}

// MARK: - Filters

extension SamplerTests {
    /// Filters alone and together, over distributions flat and sharp.
    @Test func `filters keep exactly the tokens that their definitions name`() {
        var generator = SeededGenerator.random()
        let description = generator.description
        var compared = 0
        var skipped = 0
        for trial in 0..<400 {
            let vocabulary = [3, 16, 50, 300, 2000][trial % 5]
            let spread = Float.random(in: 0.1...8, using: &generator)
            let rounds = trial % 3 == 0
            let logits = (0..<vocabulary).map { _ in
                let logit = Float.random(in: -1...1, using: &generator) * spread
                return rounds ? (logit * 4).rounded() / 4 : logit
            }
            var parameters = SamplingParameters()
            parameters.seed = Int64(trial)
            parameters.temperature = Float.random(in: 0.3...2, using: &generator)
            if Bool.random(using: &generator) { parameters.topK = Int.random(in: 2...60, using: &generator) }
            if Bool.random(using: &generator) { parameters.topP = Float.random(in: 0.05...0.999, using: &generator) }
            if Bool.random(using: &generator) { parameters.minP = Float.random(in: 0.001...0.9, using: &generator) }
            let reference = ReferenceSampler(logits: logits, parameters: parameters)
            for sample in 0..<40 {
                let uniform = Philox.uniform(seed: Int64(trial), sampleIndex: sample, tokenIndex: 0)
                guard let expected = reference.token(at: uniform) else {
                    skipped += 1
                    continue
                }
                let token = choose(logits, sample: sample) { $0 = parameters }
                #expect(token == expected, "\(description), trial \(trial), sample \(sample): \(parameters)")
                compared += 1
            }
        }
        #expect(skipped < compared / 10)
    }

    /// The definitions, in double precision.
    private struct ReferenceSampler {
        private var candidates: [(token: TokenID, weight: Double)]
        private var isCertain = true
        /// Single precision may fall on the other side of a bound that is as near as this.
        private let tolerance = 2e-5

        init(logits: [Float], parameters: SamplingParameters) {
            let largest = Double(logits.max() ?? 0)
            candidates = logits.enumerated().map { token, logit in
                (TokenID(token), exp((Double(logit) - largest) / Double(parameters.temperature)))
            }
            guard parameters.minP > 0 || parameters.topK > 0 || parameters.topP < 1 else { return }
            candidates.sort { ($0.weight, $1.token) > ($1.weight, $0.token) }
            let floor = Double(parameters.minP)
            if floor > 0 {
                isCertain = candidates.allSatisfy { abs($0.weight - floor) > tolerance * floor }
                candidates.removeAll { $0.weight < floor }
            }
            if parameters.topK > 0 { candidates = Array(candidates.prefix(parameters.topK)) }
            guard parameters.topP < 1 else { return }
            let mass = candidates.reduce(0) { $0 + $1.weight }
            var sum = 0.0
            for (index, candidate) in candidates.enumerated() {
                sum += candidate.weight
                if abs(sum - Double(parameters.topP) * mass) < tolerance * mass { isCertain = false }
                if sum >= Double(parameters.topP) * mass {
                    candidates = Array(candidates[...index])
                    return
                }
            }
        }

        /// The token at a place of the unit interval; `nil` if rounding may decide.
        func token(at uniform: Double) -> TokenID? {
            guard isCertain else { return nil }
            let total = candidates.reduce(0) { $0 + $1.weight }
            var sum = 0.0
            for (index, candidate) in candidates.enumerated() {
                sum += candidate.weight
                if abs(sum - uniform * total) < tolerance * total { return nil }
                if sum > uniform * total { return isPlaceCertain(index) ? candidate.token : nil }
            }
            return nil
        }

        /// Whether single precision cannot change places with a neighbor whose weight is another but hardly so.
        private func isPlaceCertain(_ index: Int) -> Bool {
            let weight = candidates[index].weight
            return [index - 1, index + 1].filter(candidates.indices.contains).allSatisfy { neighbor in
                let difference = abs(candidates[neighbor].weight - weight)
                return difference == 0 || difference > 1e-6 * weight
            }
        }
    }
}

// MARK: - Adjusting logits

extension SamplerTests {
    @Test func `a bias lifts or bars a token`() {
        let logits: [Float] = [1, 2, 3, 4]
        #expect(greedy(logits) { $0.logitBias = [0: 3.5] } == 0)
        #expect(greedy(logits) { $0.logitBias = [3: -100] } == 2)
        #expect(greedy(logits) { $0.logitBias = [99: 100] } == 3)
    }

    @Test func `the repetition penalty divides positive and multiplies negative logits of prompt and completion`() {
        #expect(greedy([4, 3, 1], prompt: [0]) { $0.repetitionPenalty = 1.2 } == 0)
        #expect(greedy([4, 3, 1], prompt: [0]) { $0.repetitionPenalty = 1.5 } == 1)
        #expect(greedy([4, 3, 1], generated: [0, 0, 0]) { $0.repetitionPenalty = 1.2 } == 0)
        #expect(greedy([-1, -1.4, -9], prompt: [0]) { $0.repetitionPenalty = 1.5 } == 1)
        #expect(greedy([4, 3, 1], prompt: [0], generated: [1]) { $0.repetitionPenalty = 5 } == 2)
    }

    @Test func `the frequency penalty counts, the presence penalty does not, and neither sees the prompt`() {
        let logits: [Float] = [4, 3]
        #expect(greedy(logits, generated: [0]) { $0.frequencyPenalty = 0.6 } == 0)
        #expect(greedy(logits, generated: [0, 0]) { $0.frequencyPenalty = 0.6 } == 1)
        #expect(greedy(logits, generated: [0, 0]) { $0.presencePenalty = 0.6 } == 0)
        #expect(greedy(logits, generated: [0]) { $0.presencePenalty = 1.1 } == 1)
        #expect(
            greedy(logits, prompt: [0, 0, 0]) {
                $0.presencePenalty = 2; $0.frequencyPenalty = 2
            } == 0)
    }

    @Test func `end tokens are not chosen before the minimum, and may be at it`() {
        let logits: [Float] = [1, 9, 2]
        for sample in 0..<20 {
            #expect(choose(logits, sample: sample, endTokens: [1], generated: [0, 0]) { $0.minTokens = 3 } != 1)
        }
        #expect(greedy(logits, endTokens: [1], generated: [0, 0]) { $0.minTokens = 3 } == 2)
        #expect(greedy(logits, endTokens: [1], generated: [0, 0, 0]) { $0.minTokens = 3 } == 1)
    }

    @Test func `only allowed tokens are chosen, even if nothing else allows them`() {
        let logits: [Float] = [1, 9, 2, 5]
        #expect(greedy(logits) { $0.allowedTokenIDs = [0, 2] } == 2)
        #expect(
            greedy(logits, prompt: [2]) {
                $0.allowedTokenIDs = [0, 2]
                $0.repetitionPenalty = 50
            } == 0)
        for sample in 0..<50 {
            let token = choose(logits, sample: sample) {
                $0.allowedTokenIDs = [3, 0]
                $0.temperature = 5
            }
            #expect(token == 3 || token == 0)
        }
        #expect(
            greedy(logits, endTokens: [2]) {
                $0.allowedTokenIDs = [2]
                $0.minTokens = 5
            } == 2)
        #expect(greedy(logits) { $0.allowedTokenIDs = [3, 99] } == 3)
    }

    @Test func `the last token of a bad word is barred after all before it, and only then`() {
        let logits: [Float] = [1, 9, 2, 5]
        #expect(greedy(logits) { $0.badWords = [[1]] } == 3)
        #expect(greedy(logits, generated: [2]) { $0.badWords = [[1], [2, 3]] } == 2)
        #expect(greedy(logits, generated: [0]) { $0.badWords = [[1], [2, 3]] } == 3)
        #expect(greedy(logits, prompt: [2]) { $0.badWords = [[1], [2, 3]] } == 3)
        #expect(greedy(logits, generated: [2, 0]) { $0.badWords = [[2, 0, 1], [0, 0, 3]] } == 3)
        #expect(greedy(logits) { $0.badWords = [[0, 1], []] } == 1)
    }

    @Test func `scratch memory leaves nothing behind`() {
        var generator = SeededGenerator(seed: 21)
        let scratch = SamplingScratch()
        for trial in 0..<300 {
            let size = [40, 300, 17][trial % 3]
            let logits = (0..<size).map { _ in Float.random(in: -4...4, using: &generator) }
            var parameters = SamplingParameters()
            parameters.seed = Int64(trial)
            parameters.topP = trial % 4 == 0 ? 0.8 : 1
            parameters.topK = trial % 5 == 0 ? 9 : 0
            parameters.repetitionPenalty = trial % 2 == 0 ? 1.4 : 1
            parameters.frequencyPenalty = trial % 7 == 0 ? 0.5 : 0
            parameters.allowedTokenIDs = trial % 6 == 0 ? [1, 5, 9, 600] : nil
            let tokens = (0..<20).map { _ in TokenID.random(in: 0..<50, using: &generator) }
            let fresh = sample(logits, parameters, prompt: tokens, generated: tokens)
            let again = sample(logits, parameters, prompt: tokens, generated: tokens, scratch: scratch)
            #expect(fresh?.token == again?.token, "trial \(trial)")
        }
    }

    @Test func `log-probabilities are those of the raw logits`() throws {
        let logits: [Float] = [1, 3, 2, 3]
        var parameters = SamplingParameters()
        parameters.temperature = 0
        parameters.topLogprobs = 3
        parameters.logitBias = [0: 50]
        let choice = try #require(sample(logits, parameters))
        let logprob = try #require(choice.logprob)
        let normalizer = log(logits.reduce(0.0) { $0 + exp(Double($1)) })
        #expect(choice.token == 0 && logprob.chosen.token == 0)
        #expect(abs(Double(logprob.chosen.logprob) - (1 - normalizer)) < 1e-6)
        #expect(logprob.rank == 4)
        #expect(logprob.top.map(\.token) == [1, 3, 2])
        for entry in logprob.top {
            #expect(abs(Double(entry.logprob) - (Double(logits[Int(entry.token)]) - normalizer)) < 1e-6)
        }
    }
}

// MARK: - Helpers

extension SamplerTests {
    private func sample(
        _ logits: [Float], _ parameters: SamplingParameters, sample: Int = 0, endTokens: Set<TokenID> = [],
        prompt: [TokenID] = [], generated: [TokenID] = [], scratch: SamplingScratch = SamplingScratch()
    ) -> Sampler.Choice? {
        let sampler = Sampler(parameters: parameters, sampleIndex: sample, endTokens: endTokens)
        return logits.withUnsafeBufferPointer { row in
            let isFinite = row.allSatisfy { $0.isFinite }
            let largest = isFinite ? row.max().flatMap { row.firstIndex(of: $0) } : nil
            return sampler.choose(
                from: LogitsRow(values: row, largest: largest), prompt: prompt, generated: generated,
                scratch: scratch)
        }
    }

    private func choose(
        _ logits: [Float], sample: Int = 0, endTokens: Set<TokenID> = [], generated: [TokenID] = [],
        _ configure: (inout SamplingParameters) -> Void
    ) -> TokenID? {
        var parameters = SamplingParameters()
        parameters.seed = 7
        configure(&parameters)
        return self.sample(logits, parameters, sample: sample, endTokens: endTokens, generated: generated)?.token
    }

    private func greedy(
        _ logits: [Float], endTokens: Set<TokenID> = [], prompt: [TokenID] = [], generated: [TokenID] = [],
        _ configure: (inout SamplingParameters) -> Void
    ) -> TokenID? {
        var parameters = SamplingParameters()
        parameters.temperature = 0
        configure(&parameters)
        return sample(logits, parameters, endTokens: endTokens, prompt: prompt, generated: generated)?.token
    }
}
