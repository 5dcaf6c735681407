import OctavoCore

/// What a token costs on this machine, from one step of a prompt and one of decoding.
///
/// A step of short sequences is timed, so that attention over long ones is left out: it makes long prompts and answers
/// take longer than is foretold.
public struct StepTiming: Sendable, Hashable {
    /// Seconds for a token of a prompt, in a step that is full of them.
    public var promptSeconds: Double
    /// Seconds for a token of an answer, in a step of as many answers as are decoded together.
    public var answerSeconds: Double

    /// Steps timed of each kind; the shortest counts, since whatever else the machine does only adds.
    private static let repetitions = 2
    /// The tokens of the prompt: enough for products to be as fast as they get.
    private static let promptLength = 256
    /// A first step of so many seconds is counted: of a large model, what finding memory adds is little.
    private static let longStep = 1.0

    /// Times steps of a runner that nothing else uses.
    ///
    /// - Parameter rows: answers that are decoded together.
    /// - Returns: nil if the cache has no room for such steps.
    public static func measure(on runner: any ModelRunner, rows: Int) -> StepTiming? {
        let length = min(promptLength, runner.maximumStepTokens, runner.contextLength - 1)
        let rows = min(rows, runner.maximumStepLogits, runner.maximumStepTokens)
        guard length > 0, rows > 0, let prompt = seconds(rows: 1, of: length, on: runner),
            let answers = seconds(rows: rows, of: 1, on: runner)
        else { return nil }
        return StepTiming(promptSeconds: prompt / Double(length), answerSeconds: answers / Double(rows))
    }

    /// The time of a step of so many rows, each of so many tokens.
    private static func seconds(rows: Int, of length: Int, on runner: any ModelRunner) -> Double? {
        var sequences: [SequenceID] = []
        defer { for sequence in sequences { runner.release(sequence) } }
        for _ in 0..<rows {
            guard let sequence = try? runner.makeSequence(prefix: [], length: length) else { return nil }
            sequences.append(sequence)
        }
        let step = sequences.enumerated().map { index, sequence in
            let tokens = (0..<length).map { TokenID((index + $0) % runner.vocabularySize) }
            return StepRow(sequence: sequence, tokens: tokens[...], logitsCount: 1)
        }
        let clock = ContinuousClock()
        // The first finds memory.
        let first = clock.measure { runner.step(step) { _ in } } / .seconds(1)
        guard first < longStep else { return first }
        return (0..<repetitions).map { _ in
            for sequence in sequences { runner.truncate(sequence, to: 0) }
            return clock.measure { runner.step(step) { _ in } } / .seconds(1)
        }.min()
    }
}
