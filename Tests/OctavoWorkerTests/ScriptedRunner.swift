import Foundation
import OctavoCore
import OctavoEngine
import Synchronization

/// A model of letters: its logits are a hash of the tokens so far, and not finite once a token is `!`. With a script, it
/// says that after the first newline.
///
/// It can be held after a number of steps, so that a test can act in the middle of a completion.
final class ScriptedRunner: ModelRunner, @unchecked Sendable {
    // Sequences are the engine thread's alone; the rest is guarded by the condition.

    let vocabularySize = 128
    let contextLength = 256
    let blockLength = 16
    let maximumStepTokens = 4096
    let maximumStepLogits = 64
    let maximumPositions = 1 << 16
    private let stepDuration: Duration
    private let script: [UInt8]
    private var tokens: [Int: [TokenID]] = [:]
    private var lastID = 0
    private let changed = NSCondition()
    private var stepLimit: Int
    private var stepCount = 0

    /// - Parameter stepLimit: the step before which it is held until `resume`.
    init(stepLimit: Int = .max, stepDuration: Duration = .zero, script: String = "") {
        self.script = Array(script.utf8)
        self.stepLimit = stepLimit
        self.stepDuration = stepDuration
    }

    /// Steps that have begun.
    var steps: Int { changed.withLock { stepCount } }

    /// Lets it go on.
    func resume() {
        changed.withLock {
            stepLimit = .max
            changed.broadcast()
        }
    }

    func makeSequence(prefix: ArraySlice<TokenID>, length: Int) throws(EngineError) -> SequenceID {
        lastID += 1
        tokens[lastID] = []
        return SequenceID(index: lastID)
    }

    func truncate(_ sequence: SequenceID, to length: Int) {
        tokens[sequence.index] = tokens[sequence.index].map { Array($0.prefix(length)) }
    }

    func heldPositions(of sequence: SequenceID) -> Int? { tokens[sequence.index]?.count }

    func release(_ sequence: SequenceID) { tokens[sequence.index] = nil }

    func step<Result>(_ rows: [StepRow], _ body: (borrowing Logits) throws -> Result) rethrows -> Result {
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
        let count = values.count / vocabularySize
        return try values.withUnsafeBufferPointer { values in
            try SamplingMath.largest(values, rows: count).withUnsafeBufferPointer { largest in
                try body(
                    Logits(
                        lending: values, count: count, vocabularySize: vocabularySize, stride: vocabularySize,
                        largest: largest))
            }
        }
    }

    func parallel(_ count: Int, _ body: @Sendable (Int) -> Void) { for index in 0..<count { body(index) } }

    private func logits(after tokens: [TokenID]) -> [Float] {
        var state = tokens.reduce(UInt64(0xCBF2_9CE4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        var row = [Float](repeating: -1000, count: vocabularySize)
        for letter in UInt8(ascii: "a")...UInt8(ascii: "z") {
            state &+= 0x9E37_79B9_7F4A_7C15
            let z = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            row[Int(letter)] = Float((z ^ (z >> 27)) >> 40) * 0x1p-22
        }
        if let end = tokens.firstIndex(of: 10), script.indices.contains(tokens.count - end - 1) {
            row[Int(script[tokens.count - end - 1])] = 1000
        }
        if tokens.contains(TokenID(UInt8(ascii: "!"))) { row[0] = .nan }
        return row
    }
}

/// Token i is the ASCII character i.
struct ASCIITokens: TokenDecoding, PromptEncoding {
    let contextLength = 256

    func bytes(of token: TokenID) -> [UInt8] { [UInt8(truncatingIfNeeded: token)] }
    func isSpecial(_ token: TokenID) -> Bool { false }

    func encode(_ body: RequestBody) throws(RequestError) -> [[TokenID]] {
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
