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
}
