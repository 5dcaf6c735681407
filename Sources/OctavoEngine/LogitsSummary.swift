public import OctavoCore

/// Facts about one row of logits, computed as the engine itself computes them.
public enum LogitsSummary {
    /// The ids of the `count` largest logits, largest first, ties to the lower id.
    public static func top(_ logits: UnsafeBufferPointer<Float>, count: Int) -> [TokenID] {
        TopTokens.of(logits, count: count)
    }

    /// The natural log-probability of a token; `nil` if the logits are not all finite.
    public static func logprob(of token: TokenID, in logits: UnsafeBufferPointer<Float>) -> Float? {
        guard let maximum = SamplingMath.maximum(logits)?.value else { return nil }
        return Float(Double(logits[Int(token)]) - SamplingMath.logSumExp(logits, maximum: maximum))
    }

    /// The place of a token in the order of logits, 1 for the largest, ties to the lower id.
    public static func rank(of token: TokenID, in logits: UnsafeBufferPointer<Float>) -> Int {
        SamplingMath.rank(of: Int(token), in: logits)
    }

    /// ln of the sum of exp((logit - largest) / temperature): what turns differences of logits into log-probabilities at
    /// that temperature. `nil` if the logits are not all finite.
    public static func relativeLogSumExp(_ logits: UnsafeBufferPointer<Float>, temperature: Float) -> Float? {
        SamplingMath.maximum(logits).map {
            SamplingMath.relativeLogSumExp(logits, maximum: $0.value, temperature: temperature)
        }
    }

    /// What a row of logits says of a token; `nil` when the logits are not all finite.
    ///
    /// - Parameters:
    ///   - count: how many of the likeliest tokens to tell beside it.
    ///   - named: other tokens to tell; what is not in the vocabulary is left out.
    ///   - temperatures: at which the log-sum-exp is told.
    package static func score(
        of token: TokenID, in row: LogitsRow, top count: Int, named: [TokenID] = [], temperatures: [Float] = []
    ) -> TokenLogprob? {
        guard let largest = row.largest else { return nil }
        let logits = row.values
        let maximum = logits[largest]
        let normalizer = SamplingMath.logSumExp(logits, maximum: maximum)
        func entry(_ token: TokenID) -> TokenLogprob.Entry {
            TokenLogprob.Entry(token: token, logprob: Float(Double(logits[Int(token)]) - normalizer))
        }
        return TokenLogprob(
            chosen: entry(token), rank: rank(of: token, in: logits), top: top(logits, count: count).map(entry),
            named: named.filter { $0 < logits.count }.map(entry),
            logSumExps: temperatures.map {
                SamplingMath.relativeLogSumExp(logits, maximum: maximum, temperature: $0)
            })
    }
}
