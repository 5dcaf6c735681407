package import OctavoCore
import OctavoGrammar

/// Chooses a token from logits: a pure function of the logits, the parameters, and how far the completion has come.
package struct Sampler: Sendable {
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
    /// - Parameters:
    ///   - row: the logits.
    ///   - prompt: the prompt's tokens, for the repetition penalty.
    ///   - generated: the tokens generated so far, for penalties and the place in the random stream.
    ///   - allowed: the tokens that a structure allows, at least one; `nil` is all.
    ///   - scratch: memory to work in; what it holds does not matter.
    /// - Returns: `nil` when the logits are not all finite.
    package func choose(
        from row: LogitsRow, prompt: [TokenID], generated: [TokenID], allowed: AllowedTokens? = nil,
        scratch: SamplingScratch = SamplingScratch()
    ) -> Choice? {
        guard let largest = row.largest else { return nil }
        scratch.reserve(row.values.count)
        let place = generated.count
        var token: TokenID?
        let mask = allowed?.tokens(endingWith: endTokens)
        let isAdjusted = adjustsLogits(generatedCount: place)
        if let mask, isGreedy, !isAdjusted {
            token = mask.contains(TokenID(largest)) ? TokenID(largest) : mask.largest(in: row.values)
        } else if mask != nil || isAdjusted {
            token = withAdjusted(
                row.values, prompt: prompt, generated: generated, mask: mask, scratch: scratch
            ) { logits in
                SamplingMath.maximum(logits).map { select(from: logits, best: $0, tokenIndex: place, scratch: scratch) }
            }
        } else {
            let best = (value: row.values[largest], index: largest)
            token = select(from: row.values, best: best, tokenIndex: place, scratch: scratch)
        }
        return token.map { Choice(token: $0, logprob: logprob(of: $0, in: row)) }
    }
}

// MARK: - Log-probabilities

extension Sampler {
    /// What the raw logits say of a chosen token; `nil` when nothing was asked for, or the logits are not all finite.
    package func logprob(of token: TokenID, in row: LogitsRow) -> TokenLogprob? {
        guard let count = parameters.topLogprobs else { return nil }
        return LogitsSummary.score(
            of: token, in: row, top: count, named: parameters.logprobTokenIDs,
            temperatures: parameters.logSumExpTemperatures)
    }

    /// What the raw logits say of a token of the prompt, likewise.
    package func promptLogprob(of token: TokenID, in row: LogitsRow) -> TokenLogprob? {
        guard let count = parameters.promptLogprobs else { return nil }
        return LogitsSummary.score(
            of: token, in: row, top: count, temperatures: parameters.logSumExpTemperatures)
    }
}
