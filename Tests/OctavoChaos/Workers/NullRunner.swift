import Foundation
import OctavoCore
import OctavoEngine
import OctavoTestSupport

/// The model of letters, with prompts that are bad for it, as a bug in an engine makes some: `#` in a prompt crashes the
/// process, `~` hangs it. After some steps it may go bad: no logits are finite then, as with broken memory.
final class NullRunner: ModelRunner {
    /// In a prompt, what crashes the process.
    static let crash: Character = "#"
    /// In a prompt, what hangs the process.
    static let hang: Character = "~"
    /// In a prompt, what makes the logits not finite.
    static let notFinite: Character = "!"

    private let letters: ScriptedRunner
    private let goodSteps: Int

    init(stepDuration: Duration, goodSteps: Int) {
        letters = ScriptedRunner(stepDuration: stepDuration)
        self.goodSteps = goodSteps
    }

    var vocabularySize: Int { letters.vocabularySize }
    var contextLength: Int { letters.contextLength }
    var maximumStepTokens: Int { letters.maximumStepTokens }
    var maximumStepLogits: Int { letters.maximumStepLogits }
    var maximumPositions: Int { letters.maximumPositions }
    var blockLength: Int { letters.blockLength }

    func makeSequence(length: Int) throws(EngineError) -> SequenceID { try letters.makeSequence(length: length) }
    func release(_ sequence: SequenceID) { letters.release(sequence) }
    func parallel(_ count: Int, _ body: @Sendable (Int) -> Void) { letters.parallel(count, body) }

    func step<Result>(_ rows: [StepRow], _ body: (borrowing Logits) throws -> Result) rethrows -> Result {
        if hasToken(Self.crash, rows) { kill(getpid(), SIGSEGV) }
        while hasToken(Self.hang, rows) { sleep(1) }
        guard letters.steps >= goodSteps else { return try letters.step(rows, body) }
        let count = rows.reduce(0) { $0 + $1.logitsCount }
        return try lendLogits(
            Array(repeating: .nan, count: count * vocabularySize), vocabularySize: vocabularySize, to: body)
    }

    private func hasToken(_ character: Character, _ rows: [StepRow]) -> Bool {
        let token = character.asciiValue.map(TokenID.init)
        return rows.contains { row in row.tokens.contains { $0 == token } }
    }
}
