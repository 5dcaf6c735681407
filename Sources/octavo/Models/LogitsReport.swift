import OctavoCore
import OctavoEngine
import OctavoLlama

/// What `octavo model logits` tells of a sequence.
enum LogitsReport {
    /// Computes a sequence's logits piece by piece and hands each row to `sink`.
    static func compute(
        _ ids: [TokenID], runner: LlamaRunner, sink: (UnsafeBufferPointer<Float>) throws -> Void
    ) throws -> JSONValue {
        let sequence = try runner.makeSequence(length: ids.count)
        defer { runner.release(sequence) }
        var positions: [Position] = []
        for start in stride(from: 0, to: ids.count, by: runner.maximumStepTokens) {
            let tokens = ids[start..<min(start + runner.maximumStepTokens, ids.count)]
            let row = StepRow(sequence: sequence, tokens: tokens, logitsCount: tokens.count)
            try runner.step([row]) { logits in
                for index in 0..<logits.count {
                    let next = positions.count + 1
                    positions.append(Position(logits[index], next: next < ids.count ? ids[next] : nil))
                    try sink(logits[index])
                }
            }
        }
        return [
            "argmax": .array(positions.map { .integer(Int($0.top[0].token)) }),
            "logprobs_of_next": .array(positions.map { $0.logprobOfNext.map(JSONValue.double) ?? .null }),
            "top": .array(positions.map { .array($0.top.map { [.integer(Int($0.token)), .double($0.logit)] }) }),
        ]
    }

    /// What is told of one position.
    private struct Position {
        var top: [(token: TokenID, logit: Double)]
        var logprobOfNext: Double?

        init(_ logits: UnsafeBufferPointer<Float>, next: TokenID?) {
            top = LogitsSummary.top(logits, count: 5).map { ($0, Self.shortest(logits[Int($0)])) }
            logprobOfNext = next.flatMap { LogitsSummary.logprob(of: $0, in: logits) }.map(Self.shortest)
        }

        /// A float in as many digits as tell it from its neighbors; what is not finite as the largest double.
        private static func shortest(_ value: Float) -> Double {
            Double(value.description).flatMap { $0.isFinite ? $0 : nil } ?? -Double.greatestFiniteMagnitude
        }
    }
}
