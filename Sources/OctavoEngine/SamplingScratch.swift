import OctavoCore
import Synchronization

/// Memory that choosing a token works in, kept from one token to the next.
package final class SamplingScratch: @unchecked Sendable {
    // Used by one thread at a time.

    /// Logits as biases and penalties leave them.
    var logits: [Float] = []
    /// exp((logit - maximum) / temperature) by token.
    var weights: [Float] = []
    /// How often tokens occur; all zero between uses.
    var counts: [Int32] = []
    /// The logits of a few tokens.
    var kept: [Float] = []
    /// The tokens that filters leave.
    var candidates: [Sampler.Candidate] = []

    /// Memory that grows with the first use.
    package init() {}

    /// Makes room for a vocabulary.
    func reserve(_ vocabularySize: Int) {
        guard counts.count < vocabularySize else { return }
        let lanes = SamplingMath.Lanes.scalarCount
        logits = Array(repeating: 0, count: vocabularySize)
        weights = Array(repeating: 0, count: (vocabularySize + lanes - 1) / lanes * lanes)
        counts = Array(repeating: 0, count: vocabularySize)
    }
}

/// Scratch memory for as many threads as sample at once.
final class ScratchPool: Sendable {
    private let idle = Mutex<[SamplingScratch]>([])

    /// Calls `body` with memory that nobody else uses meanwhile.
    func withScratch<Result>(_ body: (SamplingScratch) -> Result) -> Result {
        let scratch = idle.withLock { $0.popLast() } ?? SamplingScratch()
        defer { idle.withLock { $0.append(scratch) } }
        return body(scratch)
    }
}
