import Dispatch
import Foundation
import OctavoCore
import OctavoEngine
import OctavoTestSupport
import Synchronization

/// A model whose logits are a hash of the tokens so far: as sensitive as can be to a token lost, doubled or swapped.
final class HashRunner: ModelRunner, @unchecked Sendable {
    // Sequences are the engine thread's alone; what tests look at is in the mutex.

    /// What one step was asked for: per row, the tokens and how many logits.
    typealias Step = [(sequence: Int, tokens: Int, logits: Int)]

    let vocabularySize = 48
    let contextLength = 512
    let blockLength = 16
    let maximumStepTokens: Int
    let maximumStepLogits: Int
    let maximumPositions: Int
    /// The logits after this token are not finite.
    let poison: TokenID = 47
    private let stepDuration: Duration
    private let period: Int
    private var tokens: [Int: [TokenID]] = [:]
    private var reserved: [Int: Int] = [:]
    private var lastID = 0
    private let log = Mutex<[Step]>([])
    private let living = Mutex<Set<Int>>([])

    /// - Parameter period: if not 0, the model says the first so many tokens in order, over and over.
    init(
        stepTokens: Int = 64, stepLogits: Int = 64, positions: Int = 1 << 16, stepDuration: Duration = .zero,
        period: Int = 0
    ) {
        maximumStepTokens = stepTokens
        maximumStepLogits = stepLogits
        maximumPositions = positions
        self.stepDuration = stepDuration
        self.period = period
    }

    /// The steps so far.
    var steps: [Step] { log.withLock { $0 } }
    /// Sequences that hold room.
    var livingSequences: Int { living.withLock { $0.count } }

    func makeSequence(prefix: ArraySlice<TokenID>, length: Int) throws(EngineError) -> SequenceID {
        let need = (length + blockLength - 1) / blockLength * blockLength
        guard reserved.values.reduce(0, +) + need <= maximumPositions else { throw .outOfMemory(positions: length) }
        lastID += 1
        let id = lastID
        reserved[id] = need
        tokens[id] = []
        living.withLock { _ = $0.insert(id) }
        return SequenceID(index: id)
    }

    func truncate(_ sequence: SequenceID, to length: Int) {
        tokens[sequence.index] = tokens[sequence.index].map { Array($0.prefix(length)) }
    }

    func heldPositions(of sequence: SequenceID) -> Int? { tokens[sequence.index]?.count }

    func release(_ sequence: SequenceID) {
        reserved[sequence.index] = nil
        tokens[sequence.index] = nil
        living.withLock { _ = $0.remove(sequence.index) }
    }

    func step(_ rows: [StepRow], _ body: (borrowing Logits) throws -> Void) rethrows {
        if stepDuration > .zero { Thread.sleep(forTimeInterval: stepDuration / .seconds(1)) }
        log.withLock { $0.append(rows.map { ($0.sequence.index, $0.tokens.count, $0.logitsCount) }) }
        var values: [Float] = []
        for row in rows {
            precondition(!row.tokens.isEmpty && row.logitsCount <= row.tokens.count, "a row without tokens")
            for (offset, token) in row.tokens.enumerated() {
                tokens[row.sequence.index, default: []].append(token)
                guard offset >= row.tokens.count - row.logitsCount else { continue }
                values += logits(after: tokens[row.sequence.index] ?? [])
            }
        }
        try lendLogits(values, vocabularySize: vocabularySize, blockRows: maximumStepLogits, to: body)
    }

    func parallel(_ count: Int, _ body: @Sendable (Int) -> Void) {
        DispatchQueue.concurrentPerform(iterations: count, execute: body)
    }

    private func logits(after tokens: [TokenID]) -> [Float] {
        var row = hashedLogits(after: tokens, count: vocabularySize)
        if period > 0 { row[(Int(tokens.last ?? 0) + 1) % period] = 100 }
        row[Int(poison)] = tokens.last == poison ? .nan : -9
        return row
    }
}

/// Token i is the i-th letter; the last but one ends a text.
struct Letters: TokenDecoding {
    static let end: TokenID = 46

    func bytes(of token: TokenID) -> [UInt8] { [UInt8(ascii: "A") + UInt8(token)] }
    func isSpecial(_ token: TokenID) -> Bool { token == Self.end }
}
