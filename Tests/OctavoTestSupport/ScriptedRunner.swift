import Foundation
public import OctavoCore
public import OctavoEngine

/// A model of letters: its logits are a hash of the tokens so far, and not finite once a token is `!`. With a script, it
/// says that after the first newline.
///
/// It can be held after a number of steps, so that a test can act in the middle of a completion.
public final class ScriptedRunner: ModelRunner, @unchecked Sendable {
    // Sequences are the engine thread's alone; the rest is guarded by the condition.

    /// The ASCII characters.
    public let vocabularySize = 128
    /// Enough for every test.
    public let contextLength = 256
    /// As a true cache has blocks.
    public let blockLength = 16
    /// Enough for every test.
    public let maximumStepTokens = 4096
    /// Enough for every test.
    public let maximumStepLogits = 64
    /// Enough for every test.
    public let maximumPositions = 1 << 16
    private let stepDuration: Duration
    private let script: [UInt8]
    private var tokens: [Int: [TokenID]] = [:]
    private var lastID = 0
    private let changed = NSCondition()
    private var stepLimit: Int
    private var stepCount = 0

    /// A runner.
    ///
    /// - Parameter stepLimit: the step before which it is held until `resume`.
    /// - Parameter stepDuration: how long a step takes, whatever is in it.
    /// - Parameter script: what it says after the first newline.
    public init(stepLimit: Int = .max, stepDuration: Duration = .zero, script: String = "") {
        self.script = Array(script.utf8)
        self.stepLimit = stepLimit
        self.stepDuration = stepDuration
    }

    /// Steps that have begun.
    public var steps: Int { changed.withLock { stepCount } }

    /// Sequences that were made and not released; for when no engine uses the runner.
    public var sequenceCount: Int { tokens.count }

    /// Lets it go on.
    public func resume() {
        changed.withLock {
            stepLimit = .max
            changed.broadcast()
        }
    }

    /// Never runs out of room.
    public func makeSequence(prefix: ArraySlice<TokenID>, length: Int) throws(EngineError) -> SequenceID {
        lastID += 1
        tokens[lastID] = []
        return SequenceID(index: lastID)
    }

    /// Forgets what was guessed wrongly.
    public func truncate(_ sequence: SequenceID, to length: Int) {
        tokens[sequence.index] = tokens[sequence.index].map { Array($0.prefix(length)) }
    }

    /// Shares nothing.
    public func heldPositions(of sequence: SequenceID) -> Int? { tokens[sequence.index]?.count }

    /// Forgets a sequence.
    public func release(_ sequence: SequenceID) { tokens[sequence.index] = nil }

    /// Computes one step.
    public func step(_ rows: [StepRow], _ body: (borrowing Logits) throws -> Void) rethrows {
        changed.withLock {
            while stepCount >= stepLimit { changed.wait() }
            stepCount += 1
        }
        if stepDuration > .zero { Thread.sleep(forTimeInterval: stepDuration / .seconds(1)) }
        var values: [Float] = []
        for row in rows {
            for (offset, token) in row.tokens.enumerated() {
                tokens[row.sequence.index, default: []].append(token)
                guard offset >= row.tokens.count - row.logitsCount else { continue }
                values += logits(after: tokens[row.sequence.index] ?? [])
            }
        }
        try lendLogits(values, vocabularySize: vocabularySize, blockRows: maximumStepLogits, to: body)
    }

    /// Calls `body` for one index after another.
    public func parallel(_ count: Int, _ body: @Sendable (Int) -> Void) { for index in 0..<count { body(index) } }

    private func logits(after tokens: [TokenID]) -> [Float] {
        var row = [Float](repeating: -1000, count: vocabularySize)
        row.replaceSubrange(
            Int(UInt8(ascii: "a"))...Int(UInt8(ascii: "z")), with: hashedLogits(after: tokens, count: 26))
        if let end = tokens.firstIndex(of: 10), script.indices.contains(tokens.count - end - 1) {
            row[Int(script[tokens.count - end - 1])] = 1000
        }
        if tokens.contains(TokenID(UInt8(ascii: "!"))) { row[0] = .nan }
        return row
    }
}

/// Token i is the ASCII character i.
public struct ASCIITokens: TokenDecoding, PromptEncoding {
    /// That of `ScriptedRunner`.
    public let contextLength = 256
    /// That of `ScriptedRunner`.
    public let vocabularySize = 128

    /// The tokens.
    public init() {}

    /// The character.
    public func bytes(of token: TokenID) -> [UInt8] { [UInt8(truncatingIfNeeded: token)] }
    /// None is.
    public func isSpecial(_ token: TokenID) -> Bool { false }

    /// A text's characters.
    public func tokens(of text: String) -> [TokenID] { text.utf8.map(TokenID.init) }

    /// A prompt's characters, or those of a conversation's last message. A prompt that says `refuse` is refused.
    public func encode(_ body: RequestBody) throws(RequestError) -> [[TokenID]] {
        if case .chat(let chat) = body.prompt {
            return [(chat.messages.last?["content"]?.stringValue ?? "").utf8.map(TokenID.init)]
        }
        guard case .texts(let prompts) = body.prompt, case .text(let text)? = prompts.first else {
            throw RequestError("must be a text", parameter: "prompt")
        }
        guard !text.contains("refuse") else { throw RequestError("is refused", parameter: "prompt", code: "refused") }
        return [text.utf8.map(TokenID.init)]
    }
}
