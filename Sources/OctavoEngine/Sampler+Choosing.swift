import OctavoCore

// Temperature, the filters, and the draw.

extension Sampler {
    /// A candidate with its unnormalized probability.
    struct Candidate {
        var token: TokenID
        var weight: Double

        /// Whether this one is less likely; of equals, the one with the higher id.
        func isWorse(than other: Candidate) -> Bool {
            weight != other.weight ? weight < other.weight : token > other.token
        }
    }

    var isGreedy: Bool { parameters.temperature <= 0 || parameters.topK == 1 || parameters.topP <= 0 }

    func select(
        from logits: UnsafeBufferPointer<Float>, best: (value: Float, index: Int), tokenIndex: Int,
        scratch: SamplingScratch
    ) -> TokenID {
        guard !isGreedy else { return TokenID(best.index) }
        let uniform = Philox.uniform(seed: parameters.seed ?? 0, sampleIndex: sampleIndex, tokenIndex: tokenIndex)
        return scratch.weights.withUnsafeMutableBufferPointer { memory in
            weigh(logits, maximum: best.value, into: memory)
            let weights = UnsafeBufferPointer(rebasing: memory[..<logits.count])
            guard parameters.topP < 1 || parameters.topK > 0 || parameters.minP > 0 else {
                return pick(weights, uniform: uniform)
            }
            filter(weights, into: &scratch.candidates)
            return pick(scratch.candidates, uniform: uniform)
        }
    }

    /// exp((logit - maximum) / temperature) by token.
    private func weigh(
        _ logits: UnsafeBufferPointer<Float>, maximum: Float, into weights: UnsafeMutableBufferPointer<Float>
    ) {
        let raw = UnsafeMutableRawBufferPointer(weights)
        let temperature = parameters.temperature
        SamplingMath.forEachLanes(logits, padding: -.greatestFiniteMagnitude) { index, lanes in
            let weights = SamplingMath.exp((lanes - maximum) / temperature)
            raw.storeBytes(of: weights, toByteOffset: index * MemoryLayout<Float>.stride, as: SamplingMath.Lanes.self)
        }
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

    /// The same of all tokens, by id.
    private func pick(_ weights: UnsafeBufferPointer<Float>, uniform: Double) -> TokenID {
        let target = uniform * weights.reduce(0.0) { $0 + Double($1) }
        var sum = 0.0
        for (token, weight) in weights.enumerated() {
            sum += Double(weight)
            if sum > target { return TokenID(token) }
        }
        return TokenID(weights.lastIndex { $0 > 0 } ?? 0)
    }
}

// MARK: - Filters

extension Sampler {
    /// Finds the tokens that min-p, top-k and top-p leave, most likely first, ties to the lower id.
    private func filter(_ weights: UnsafeBufferPointer<Float>, into candidates: inout [Candidate]) {
        let floor = parameters.minP
        let total = parameters.topP < 1 ? weights.reduce(0.0) { $1 >= floor ? $0 + Double($1) : $0 } : 0
        // The set above a threshold is a prefix of the sorted order: lower it until the prefix is long enough.
        var threshold: Float = max(floor, 0x1p-10)
        while true {
            sort(weights, above: threshold, into: &candidates)
            if parameters.topK > 0, parameters.topK < candidates.count {
                candidates.removeLast(candidates.count - parameters.topK)
            }
            let isComplete = threshold <= floor || candidates.count == parameters.topK
            if let count = keptCount(of: candidates, isComplete: isComplete, total: total) {
                return candidates.removeLast(candidates.count - count)
            }
            threshold = max(floor, threshold > 0x1p-60 ? threshold * 0x1p-10 : 0)
        }
    }

    private func sort(
        _ weights: UnsafeBufferPointer<Float>, above threshold: Float, into candidates: inout [Candidate]
    ) {
        candidates.removeAll(keepingCapacity: true)
        SamplingMath.forEachLanes(weights, padding: -1) { start, lanes in
            guard any(lanes .>= threshold) else { return }
            for lane in 0..<SamplingMath.Lanes.scalarCount where lanes[lane] >= threshold {
                candidates.append(Candidate(token: TokenID(start + lane), weight: Double(lanes[lane])))
            }
        }
        candidates.sortInPlace()
    }

    /// How many of what min-p and top-k leave top-p does; `nil` if the candidates, not all of that, are too few to tell.
    private func keptCount(of candidates: [Candidate], isComplete: Bool, total: Double) -> Int? {
        guard isComplete || parameters.topK == 0 else { return nil }
        guard parameters.topP < 1 else { return isComplete ? candidates.count : nil }
        let mass = isComplete ? candidates.reduce(0) { $0 + $1.weight } : total
        var sum = 0.0
        for (index, candidate) in candidates.enumerated() {
            sum += candidate.weight
            if sum >= Double(parameters.topP) * mass { return index + 1 }
        }
        return isComplete ? candidates.count : nil
    }
}
