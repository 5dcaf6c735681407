import CAllocationCounter
import OctavoCore
import OctavoEngine
import OctavoLlama

/// A runner that notes, at the beginning of each step, how often its threads have asked for memory so far: the engine's,
/// which calls it, and those that compute.
final class CountingRunner: ModelRunner, @unchecked Sendable {
    // Used by one thread at a time, as `ModelRunner` demands.

    /// A step as it begins.
    struct Mark {
        /// Rows that decode, if no others are in the step.
        var decodingRows: Int
        var allocations: UInt64
    }

    private let runner: LlamaRunner
    private let counts: UnsafeMutablePointer<UInt64>
    private(set) var marks: [Mark] = []

    /// - Parameter steps: the most steps that are noted.
    init(_ runner: LlamaRunner, steps: Int) {
        self.runner = runner
        counts = .allocate(capacity: runner.threads.count)
        counts.initialize(repeating: 0, count: runner.threads.count)
        marks.reserveCapacity(steps)
    }

    deinit { counts.deallocate() }

    var vocabularySize: Int { runner.vocabularySize }
    var contextLength: Int { runner.contextLength }
    var maximumStepTokens: Int { runner.maximumStepTokens }
    var maximumStepLogits: Int { runner.maximumStepLogits }
    var maximumPositions: Int { runner.maximumPositions }
    var blockLength: Int { runner.blockLength }

    func makeSequence(prefix: ArraySlice<TokenID>, length: Int) throws(EngineError) -> SequenceID {
        try runner.makeSequence(prefix: prefix, length: length)
    }
    func heldPositions(of sequence: SequenceID) -> Int? { runner.heldPositions(of: sequence) }
    func truncate(_ sequence: SequenceID, to length: Int) { runner.truncate(sequence, to: length) }
    func release(_ sequence: SequenceID) { runner.release(sequence) }
    func parallel(_ count: Int, _ body: @Sendable (Int) -> Void) { runner.parallel(count, body) }

    func step(_ rows: [StepRow], _ body: (borrowing Logits) throws -> Void) rethrows {
        runner.threads.run { [self] index in counts[index] = octavo_allocations_of_this_thread() }
        var allocations: UInt64 = 0
        for index in 0..<runner.threads.count { allocations += counts[index] }
        let isDecoding = rows.allSatisfy { $0.tokens.count == 1 }
        if marks.count < marks.capacity {
            marks.append(Mark(decodingRows: isDecoding ? rows.count : 0, allocations: allocations))
        }
        try runner.step(rows, body)
    }
}
