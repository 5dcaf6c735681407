public import OctavoCore

/// Steps a model: token ids in, logits out. The seam between the step loop and a kind of hardware.
///
/// One step takes any mixture of prefill and decode: a row of one token is decoding, a row of many is (a piece of) a
/// prompt. Since each token is computed alike in both, a completion cannot depend on how its tokens were grouped.
/// A runner is used by one thread at a time.
public protocol ModelRunner: AnyObject, Sendable {
    /// Tokens in the vocabulary: the width of a row of logits.
    var vocabularySize: Int { get }
    /// Positions a sequence can have.
    var contextLength: Int { get }
    /// Tokens that one step can take, over all its rows.
    var maximumStepTokens: Int { get }
    /// Rows of logits that a step gives at a time; completions that are decoded together are no more.
    var maximumStepLogits: Int { get }
    /// Positions that all sequences together can have, each rounded up to `blockLength`.
    var maximumPositions: Int { get }
    /// Positions in a block of the KV cache.
    var blockLength: Int { get }

    /// Reserves room in the KV cache for a sequence of up to `length` positions.
    ///
    /// - Parameter prefix: the tokens that it begins with, as far as their keys and values may be shared with other
    ///   sequences that begin alike. A runner may share less, or nothing.
    /// - Throws: `EngineError.outOfMemory`.
    func makeSequence(prefix: ArraySlice<TokenID>, length: Int) throws(EngineError) -> SequenceID

    /// The positions whose keys and values a sequence holds: those computed for it and, as far as `prefix` goes, those
    /// that other sequences computed; `nil` while another sequence is computing the next one. A step continues there.
    func heldPositions(of sequence: SequenceID) -> Int?

    /// Makes a sequence forget all but its first `length` positions. Those of its prefix are never forgotten.
    func truncate(_ sequence: SequenceID, to length: Int)

    /// Gives the room back.
    func release(_ sequence: SequenceID)

    /// Computes the rows' tokens after what their sequences hold already, then hands the logits asked for to `body`,
    /// in the order of rows and positions, at most `maximumStepLogits` rows of them at a time. The logits are valid only
    /// within `body`, which is not called if none were asked for.
    func step(_ rows: [StepRow], _ body: (borrowing Logits) throws -> Void) rethrows

    /// Calls `body` for every index below `count`, on all compute threads.
    func parallel(_ count: Int, _ body: @Sendable (Int) -> Void)
}

/// A sequence of positions in a runner's KV cache.
public struct SequenceID: Sendable, Hashable {
    /// The runner's number for it.
    public var index: Int

    /// The sequence of that number.
    public init(index: Int) { self.index = index }
}

/// The tokens that one step adds to one sequence.
public struct StepRow: Sendable {
    /// The sequence.
    public var sequence: SequenceID
    /// The tokens that follow those it holds; at least one.
    public var tokens: ArraySlice<TokenID>
    /// How many of the last tokens' logits are wanted.
    public var logitsCount: Int

    /// Tokens to add to a sequence.
    public init(sequence: SequenceID, tokens: ArraySlice<TokenID>, logitsCount: Int) {
        self.sequence = sequence
        self.tokens = tokens
        self.logitsCount = logitsCount
    }
}

/// Rows of logits, `[count, vocabularySize]`, owned by a runner and lent for the time of a closure, and the place of
/// the largest of each.
public struct Logits: ~Copyable, @unchecked Sendable {
    // Read-only while lent, so that threads may share it.
    private let values: UnsafeBufferPointer<Float>
    private let stride: Int
    private let largest: UnsafeBufferPointer<Int32>
    /// The rows.
    public let count: Int
    /// The width of a row.
    public let vocabularySize: Int

    /// Lends `count` rows out of a runner's buffer.
    ///
    /// - Parameters:
    ///   - stride: floats from the beginning of a row to that of the next.
    ///   - largest: the index of each row's largest logit, the lowest of several; -1 if any is not finite.
    public init(
        lending values: UnsafeBufferPointer<Float>, count: Int, vocabularySize: Int, stride: Int,
        largest: UnsafeBufferPointer<Int32>
    ) {
        precondition(stride >= vocabularySize && largest.count >= count)
        precondition(values.count >= count * stride, "the buffer is too small for \(count) rows of logits")
        self.values = values
        self.count = count
        self.vocabularySize = vocabularySize
        self.stride = stride
        self.largest = largest
    }

    /// The logits of row `index`, by token id.
    public subscript(index: Int) -> UnsafeBufferPointer<Float> {
        precondition(index >= 0 && index < count, "no row \(index) of logits")
        return UnsafeBufferPointer(rebasing: values[index * stride..<index * stride + vocabularySize])
    }

    /// Row `index`, with its largest logit.
    package func row(_ index: Int) -> LogitsRow {
        LogitsRow(values: self[index], largest: largest[index] < 0 ? nil : Int(largest[index]))
    }
}

/// One row of logits, by token id.
package struct LogitsRow: @unchecked Sendable {
    // Read-only while lent.
    let values: UnsafeBufferPointer<Float>
    /// The index of the largest, the lowest of several; `nil` if any is NaN or infinite.
    let largest: Int?

    package init(values: UnsafeBufferPointer<Float>, largest: Int?) {
        self.values = values
        self.largest = largest
    }
}
