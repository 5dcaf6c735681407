import Foundation
public import OctavoCore
public import OctavoEngine

/// The model of letters, with prompts that are bad for it, as a bug in an engine makes some: `#` in a prompt crashes the
/// process, `~` hangs it. After some steps it may go bad: no logits are finite then, as with broken memory.
public final class NullRunner: ModelRunner {
    /// In a prompt, what crashes the process.
    public static let crash: Character = "#"
    /// In a prompt, what hangs the process.
    public static let hang: Character = "~"
    /// In a prompt, what makes the logits not finite.
    public static let notFinite: Character = "!"

    private let letters: ScriptedRunner
    private let goodSteps: Int

    /// A runner.
    ///
    /// - Parameter goodSteps: after how many steps it goes bad.
    public init(stepDuration: Duration, goodSteps: Int = .max) {
        letters = ScriptedRunner(stepDuration: stepDuration)
        self.goodSteps = goodSteps
    }

    /// That of the letters.
    public var vocabularySize: Int { letters.vocabularySize }
    /// That of the letters.
    public var contextLength: Int { letters.contextLength }
    /// That of the letters.
    public var maximumStepTokens: Int { letters.maximumStepTokens }
    /// That of the letters.
    public var maximumStepLogits: Int { letters.maximumStepLogits }
    /// That of the letters.
    public var maximumPositions: Int { letters.maximumPositions }
    /// That of the letters.
    public var blockLength: Int { letters.blockLength }

    /// Never runs out of room.
    public func makeSequence(prefix: ArraySlice<TokenID>, length: Int) throws(EngineError) -> SequenceID {
        try letters.makeSequence(prefix: prefix, length: length)
    }
    /// Shares nothing.
    public func heldPositions(of sequence: SequenceID) -> Int? { letters.heldPositions(of: sequence) }
    /// Forgets what was guessed wrongly.
    public func truncate(_ sequence: SequenceID, to length: Int) { letters.truncate(sequence, to: length) }
    /// Forgets a sequence.
    public func release(_ sequence: SequenceID) { letters.release(sequence) }
    /// Calls `body` for one index after another.
    public func parallel(_ count: Int, _ body: @Sendable (Int) -> Void) { letters.parallel(count, body) }

    /// Computes one step, or does not come to it.
    public func step(_ rows: [StepRow], _ body: (borrowing Logits) throws -> Void) rethrows {
        if hasToken(Self.crash, rows) { kill(getpid(), SIGSEGV) }
        while hasToken(Self.hang, rows) { sleep(1) }
        guard letters.steps >= goodSteps else { return try letters.step(rows, body) }
        let count = rows.reduce(0) { $0 + $1.logitsCount }
        try lendLogits(
            Array(repeating: .nan, count: count * vocabularySize), vocabularySize: vocabularySize,
            blockRows: maximumStepLogits, to: body)
    }

    private func hasToken(_ character: Character, _ rows: [StepRow]) -> Bool {
        let token = character.asciiValue.map(TokenID.init)
        return rows.contains { row in row.tokens.contains { $0 == token } }
    }
}
