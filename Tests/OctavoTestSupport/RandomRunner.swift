import Foundation
public import OctavoCore
public import OctavoEngine
import Synchronization

/// A model of any vocabulary whose logits are a hash of the tokens so far, so that it says anything.
public final class RandomRunner: ModelRunner {
    /// The width of a row of logits.
    public let vocabularySize: Int
    /// Enough for every test.
    public let contextLength = 1 << 14
    /// As a true cache has blocks.
    public let blockLength = 16
    /// Enough for every test.
    public let maximumStepTokens = 4096
    /// Enough for every test.
    public let maximumStepLogits = 64
    /// Enough for every test.
    public let maximumPositions = 1 << 20
    private let boosts: [TokenID: Float]
    private let sequences = Mutex<(tokens: [Int: [TokenID]], last: Int)>(([:], 0))

    /// A runner.
    ///
    /// - Parameter boosts: added to the logits of tokens, which run from 0 to 4.
    public init(vocabularySize: Int, boosts: [TokenID: Float] = [:]) {
        self.vocabularySize = vocabularySize
        self.boosts = boosts
    }

    /// Never runs out of room.
    public func makeSequence(prefix: ArraySlice<TokenID>, length: Int) throws(EngineError) -> SequenceID {
        sequences.withLock { sequences in
            sequences.last += 1
            sequences.tokens[sequences.last] = []
            return SequenceID(index: sequences.last)
        }
    }

    /// Forgets what was guessed wrongly.
    public func truncate(_ sequence: SequenceID, to length: Int) {
        sequences.withLock { sequences in
            sequences.tokens[sequence.index] = sequences.tokens[sequence.index].map { Array($0.prefix(length)) }
        }
    }

    /// Shares nothing.
    public func heldPositions(of sequence: SequenceID) -> Int? {
        sequences.withLock { $0.tokens[sequence.index]?.count }
    }

    /// Forgets a sequence.
    public func release(_ sequence: SequenceID) { sequences.withLock { $0.tokens[sequence.index] = nil } }

    /// Computes one step.
    public func step(_ rows: [StepRow], _ body: (borrowing Logits) throws -> Void) rethrows {
        var values: [Float] = []
        for row in rows {
            for (offset, token) in row.tokens.enumerated() {
                let tokens = sequences.withLock { sequences in
                    sequences.tokens[row.sequence.index, default: []].append(token)
                    return sequences.tokens[row.sequence.index] ?? []
                }
                guard offset >= row.tokens.count - row.logitsCount else { continue }
                var logits = hashedLogits(after: tokens, count: vocabularySize)
                for (token, boost) in boosts { logits[Int(token)] += boost }
                values += logits
            }
        }
        try lendLogits(values, vocabularySize: vocabularySize, blockRows: maximumStepLogits, to: body)
    }

    /// Calls `body` for every index, on several threads.
    public func parallel(_ count: Int, _ body: @Sendable (Int) -> Void) {
        DispatchQueue.concurrentPerform(iterations: count, execute: body)
    }
}
