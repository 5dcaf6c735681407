import OctavoCore
import OctavoGrammar

// Biases, penalties and what may not be said, in the order that `SamplingParameters` gives.

extension Sampler {
    /// The logit of a token that may not be chosen. What is not among the allowed tokens has a lower one still, so that
    /// one of the allowed is chosen even if none of them may be.
    private static let barred = -Float.greatestFiniteMagnitude / 2

    func adjustsLogits(generatedCount: Int) -> Bool {
        !parameters.logitBias.isEmpty || parameters.repetitionPenalty != 1 || parameters.frequencyPenalty != 0
            || parameters.presencePenalty != 0 || parameters.allowedTokenIDs != nil || !parameters.badWords.isEmpty
            || (generatedCount < parameters.minTokens && !endTokens.isEmpty)
    }

    /// Calls `body` with logits that are adjusted, in scratch memory.
    ///
    /// - Parameter mask: the tokens that a structure allows; `nil` is all.
    func withAdjusted<Result>(
        _ logits: UnsafeBufferPointer<Float>, prompt: [TokenID], generated: [TokenID], mask: TokenMask?,
        scratch: SamplingScratch, _ body: (UnsafeBufferPointer<Float>) -> Result
    ) -> Result {
        scratch.logits.withUnsafeMutableBufferPointer { memory in
            let adjusted = UnsafeMutableBufferPointer(rebasing: memory[..<logits.count])
            _ = adjusted.update(fromContentsOf: logits)
            for (token, bias) in parameters.logitBias where Int(token) < adjusted.count {
                adjusted[Int(token)] += bias
            }
            penalizeRepetition(adjusted, prompt: prompt, generated: generated, &scratch.counts)
            penalizeFrequency(adjusted, generated: generated, &scratch.counts)
            barTokens(adjusted, generated: generated)
            if let allowed = parameters.allowedTokenIDs { keep(allowed, of: adjusted, &scratch.kept) }
            mask?.apply(to: adjusted, banned: -.greatestFiniteMagnitude)
            return body(UnsafeBufferPointer(adjusted))
        }
    }

    private func penalizeRepetition(
        _ logits: UnsafeMutableBufferPointer<Float>, prompt: [TokenID], generated: [TokenID], _ counts: inout [Int32]
    ) {
        guard parameters.repetitionPenalty != 1 else { return }
        penalizeRepetition(logits, of: prompt, &counts)
        penalizeRepetition(logits, of: generated, &counts)
        for token in prompt where Int(token) < logits.count { counts[Int(token)] = 0 }
        for token in generated where Int(token) < logits.count { counts[Int(token)] = 0 }
    }

    /// Penalizes those of some tokens that are not counted yet, and counts them.
    private func penalizeRepetition(
        _ logits: UnsafeMutableBufferPointer<Float>, of tokens: [TokenID], _ counts: inout [Int32]
    ) {
        for token in tokens where Int(token) < logits.count && counts[Int(token)] == 0 {
            counts[Int(token)] = 1
            let logit = logits[Int(token)]
            logits[Int(token)] =
                logit > 0 ? logit / parameters.repetitionPenalty : logit * parameters.repetitionPenalty
        }
    }

    private func penalizeFrequency(
        _ logits: UnsafeMutableBufferPointer<Float>, generated: [TokenID], _ counts: inout [Int32]
    ) {
        guard parameters.frequencyPenalty != 0 || parameters.presencePenalty != 0 else { return }
        for token in generated where Int(token) < logits.count { counts[Int(token)] += 1 }
        for token in generated where Int(token) < logits.count && counts[Int(token)] > 0 {
            let count = Float(counts[Int(token)])
            logits[Int(token)] -= count * parameters.frequencyPenalty + parameters.presencePenalty
            counts[Int(token)] = 0
        }
    }

    /// Bars end tokens before the minimum, and the last token of a bad word after all before it.
    private func barTokens(_ logits: UnsafeMutableBufferPointer<Float>, generated: [TokenID]) {
        if generated.count < parameters.minTokens {
            for token in endTokens where Int(token) < logits.count { logits[Int(token)] = Self.barred }
        }
        for word in parameters.badWords {
            guard let last = word.last, Int(last) < logits.count else { continue }
            if generated.suffix(word.count - 1).elementsEqual(word.dropLast()) { logits[Int(last)] = Self.barred }
        }
    }

    /// Bars all tokens but some.
    private func keep(
        _ tokens: [TokenID], of logits: UnsafeMutableBufferPointer<Float>, _ kept: inout [Float]
    ) {
        kept.removeAll(keepingCapacity: true)
        for token in tokens where Int(token) < logits.count { kept.append(logits[Int(token)]) }
        logits.update(repeating: -.greatestFiniteMagnitude)
        var next = 0
        for token in tokens where Int(token) < logits.count {
            logits[Int(token)] = kept[next]
            next += 1
        }
    }
}
