package import OctavoCore

/// Chooses a token from logits: a pure function of the logits, the parameters, and how far the completion has come.
package struct Sampler: Sendable {
    /// A candidate with its unnormalized probability.
    struct Candidate {
        var token: TokenID
        var weight: Double
    }

    /// What was chosen.
    package struct Choice: Sendable {
        /// The token.
        package var token: TokenID
        /// Its log-probability and the alternatives, if asked for.
        package var logprob: TokenLogprob?
    }

    let parameters: SamplingParameters
    let sampleIndex: Int
    /// Tokens that may not be chosen before `minTokens`.
    let endTokens: Set<TokenID>

    /// A sampler for one completion. `parameters.seed` must be set.
    package init(parameters: SamplingParameters, sampleIndex: Int, endTokens: Set<TokenID>) {
        self.parameters = parameters
        self.sampleIndex = sampleIndex
        self.endTokens = endTokens
    }

    /// Chooses the next token.
    ///
    /// - Parameter logits: one row.
    /// - Parameter prompt: the prompt's tokens, for the repetition penalty.
    /// - Parameter generated: the tokens generated so far, for penalties and the place in the random stream.
    /// - Returns: `nil` when the logits are not all finite.
    package func choose(
        from row: LogitsRow, prompt: [TokenID], generated: [TokenID]
    ) -> Choice? {
        guard let largest = row.largest else { return nil }
        let logits = row.values
        let best = (value: logits[largest], index: largest)
        var token: TokenID?
        if adjustsLogits(generatedCount: generated.count) {
            var adjusted = Array(logits)
            adjust(&adjusted, prompt: prompt, generated: generated)
            token = adjusted.withUnsafeBufferPointer { row in
                SamplingMath.maximum(row).map { select(from: row, best: $0, tokenIndex: generated.count) }
            }
        } else {
            token = select(from: logits, best: best, tokenIndex: generated.count)
        }
        return token.map { Choice(token: $0, logprob: logprob(of: $0, in: row)) }
    }

    /// The log-probability that the raw logits give a token, and the best alternatives.
    package func logprob(of token: TokenID, in row: LogitsRow) -> TokenLogprob? {
        guard let count = parameters.topLogprobs, let largest = row.largest else { return nil }
        let logits = row.values
        let normalizer = SamplingMath.logSumExp(logits, maximum: logits[largest])
        func entry(_ token: TokenID) -> TokenLogprob.Entry {
            TokenLogprob.Entry(token: token, logprob: Float(Double(logits[Int(token)]) - normalizer))
        }
        return TokenLogprob(chosen: entry(token), top: TopTokens.of(logits, count: count).map(entry))
    }
}

// MARK: - Adjusting logits

extension Sampler {
    private func adjustsLogits(generatedCount: Int) -> Bool {
        !parameters.logitBias.isEmpty || parameters.repetitionPenalty != 1 || parameters.frequencyPenalty != 0
            || parameters.presencePenalty != 0 || (generatedCount < parameters.minTokens && !endTokens.isEmpty)
    }

    private func adjust(_ logits: inout [Float], prompt: [TokenID], generated: [TokenID]) {
        for (token, bias) in parameters.logitBias where Int(token) < logits.count { logits[Int(token)] += bias }
        if parameters.repetitionPenalty != 1 {
            for token in Set(prompt).union(generated) where Int(token) < logits.count {
                let logit = logits[Int(token)]
                logits[Int(token)] =
                    logit > 0 ? logit / parameters.repetitionPenalty : logit * parameters.repetitionPenalty
            }
        }
        if parameters.frequencyPenalty != 0 || parameters.presencePenalty != 0 {
            var counts: [TokenID: Int] = [:]
            for token in generated { counts[token, default: 0] += 1 }
            for (token, count) in counts where Int(token) < logits.count {
                logits[Int(token)] -= Float(count) * parameters.frequencyPenalty + parameters.presencePenalty
            }
        }
        if generated.count < parameters.minTokens {
            for token in endTokens where Int(token) < logits.count {
                logits[Int(token)] = -.greatestFiniteMagnitude
            }
        }
    }
}

// MARK: - Choosing

extension Sampler {
    private func select(
        from logits: UnsafeBufferPointer<Float>, best: (value: Float, index: Int), tokenIndex: Int
    ) -> TokenID {
        guard parameters.temperature > 0, parameters.topK != 1, parameters.topP > 0 else { return TokenID(best.index) }
        let uniform = Philox.uniform(
            seed: parameters.seed ?? 0, sampleIndex: sampleIndex, tokenIndex: tokenIndex)
        let weights = Weights(logits: logits, maximum: best.value, temperature: parameters.temperature)
        let filters = parameters.topP < 1 || parameters.topK > 0 || parameters.minP > 0
        let candidates = filters ? weights.filtered(by: parameters) : weights.all
        return pick(candidates, uniform: uniform)
    }

    /// The first candidate at which the running sum of weights passes the uniform share of their total.
    private func pick(_ candidates: [Candidate], uniform: Double) -> TokenID {
        let target = uniform * candidates.reduce(0) { $0 + $1.weight }
        var sum = 0.0
        for candidate in candidates {
            sum += candidate.weight
            if sum > target { return candidate.token }
        }
        // Rounding can leave the sum just short of the target: the last candidate with any weight.
        return candidates.last { $0.weight > 0 }?.token ?? 0
    }

    /// exp((logit - maximum) / temperature) by token.
    private struct Weights {
        let values: [Float]

        init(logits: UnsafeBufferPointer<Float>, maximum: Float, temperature: Float) {
            values = [Float](unsafeUninitializedCapacity: (logits.count + 15) / 16 * 16) { buffer, count in
                let raw = UnsafeMutableRawPointer(buffer.baseAddress!)
                SamplingMath.forEachLanes(logits, padding: -.greatestFiniteMagnitude) { index, lanes in
                    let weights = SamplingMath.exp((lanes - maximum) / temperature)
                    raw.storeBytes(of: weights, toByteOffset: index * 4, as: SamplingMath.Lanes.self)
                }
                count = logits.count
            }
        }

        /// Every token, by id.
        var all: [Candidate] {
            values.enumerated().map { Candidate(token: TokenID($0.offset), weight: Double($0.element)) }
        }

        /// The tokens that min-p, top-k and top-p leave, most likely first, ties to the lower id.
        func filtered(by parameters: SamplingParameters) -> [Candidate] {
            let floor = parameters.minP
            let total = values.reduce(0.0) { $1 >= floor ? $0 + Double($1) : $0 }
            // The set above a threshold is a prefix of the sorted order: lower it until the prefix is long enough.
            var threshold: Float = max(floor, 0x1p-10)
            while true {
                let candidates = limited(sorted(above: threshold), to: parameters.topK)
                let isComplete = threshold <= floor || candidates.count == parameters.topK
                if let kept = cut(candidates, isComplete: isComplete, parameters: parameters, total: total) {
                    return kept
                }
                threshold = max(floor, threshold > 0x1p-60 ? threshold * 0x1p-10 : 0)
            }
        }

        private func sorted(above threshold: Float) -> [Candidate] {
            var candidates: [Candidate] = []
            for (token, weight) in values.enumerated() where weight >= threshold {
                candidates.append(Candidate(token: TokenID(token), weight: Double(weight)))
            }
            candidates.sort { $0.weight != $1.weight ? $0.weight > $1.weight : $0.token < $1.token }
            return candidates
        }

        private func limited(_ candidates: [Candidate], to count: Int) -> [Candidate] {
            count > 0 && count < candidates.count ? Array(candidates[..<count]) : candidates
        }

        /// Top-p of what min-p and top-k leave; `nil` if the candidates, not all of that, are too few to tell.
        private func cut(
            _ candidates: [Candidate], isComplete: Bool, parameters: SamplingParameters, total: Double
        ) -> [Candidate]? {
            guard isComplete || parameters.topK == 0 else { return nil }
            guard parameters.topP < 1 else { return isComplete ? candidates : nil }
            let mass = isComplete ? candidates.reduce(0) { $0 + $1.weight } : total
            var sum = 0.0
            for (index, candidate) in candidates.enumerated() {
                sum += candidate.weight
                if sum >= Double(parameters.topP) * mass { return Array(candidates[...index]) }
            }
            return isComplete ? candidates : nil
        }
    }
}

/// The most likely tokens of a row.
enum TopTokens {
    /// The ids of the `count` largest logits, largest first, ties to the lower id.
    static func of(_ logits: UnsafeBufferPointer<Float>, count: Int) -> [TokenID] {
        let count = min(count, logits.count)
        guard count > 0 else { return [] }
        var best: [(logit: Float, token: TokenID)] = []
        best.reserveCapacity(count + 1)
        for (token, logit) in logits.enumerated() {
            if best.count == count, let last = best.last, logit <= last.logit { continue }
            let place = best.firstIndex { $0.logit < logit } ?? best.count
            best.insert((logit, TokenID(token)), at: place)
            if best.count > count { best.removeLast() }
        }
        return best.map(\.token)
    }
}
