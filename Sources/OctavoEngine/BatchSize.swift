import OctavoCore

/// How many completions are best decoded together, by the time that steps take.
///
/// A step of few rows waits for memory, one of many for arithmetic; up to where the second begins, a row more costs less
/// than it adds. Where that is depends on machine and model, so that it is measured. Attention is left out: it costs
/// the same for every row. No answer depends on it.
public enum BatchSize {
    /// The numbers of rows to choose from.
    public static let candidates = [32, 64, 128]
    /// What the next candidate must gain in rows per second to be worth the memory of its rows.
    package static let leastGain = 1.08
    /// Steps timed for each; the shortest counts, since whatever else the machine does only adds.
    private static let repetitions = 2

    /// Times steps of a runner that nothing else uses, and chooses.
    ///
    /// - Complexity: at most three steps of each candidate's rows, and none of more rows than gain nothing.
    public static func measure(on runner: any ModelRunner) -> Int {
        choose { rows in seconds(rows: rows, on: runner) }
    }

    /// The last candidate that gains over the one before.
    ///
    /// - Parameter seconds: what a step of so many rows takes; `nil` if there is no room for it.
    package static func choose(seconds: (_ rows: Int) -> Double?) -> Int {
        var best = candidates[0]
        guard var bestSeconds = seconds(best) else { return best }
        for rows in candidates.dropFirst() {
            guard let time = seconds(rows), Double(rows) / time >= leastGain * Double(best) / bestSeconds else { break }
            (best, bestSeconds) = (rows, time)
        }
        return best
    }

    private static func seconds(rows: Int, on runner: any ModelRunner) -> Double? {
        guard rows <= runner.maximumStepLogits, rows <= runner.maximumStepTokens else { return nil }
        var sequences: [SequenceID] = []
        defer { for sequence in sequences { runner.release(sequence) } }
        for _ in 0..<rows {
            guard let sequence = try? runner.makeSequence(prefix: [], length: repetitions + 1) else { return nil }
            sequences.append(sequence)
        }
        let step = sequences.enumerated().map { index, sequence in
            StepRow(sequence: sequence, tokens: [TokenID(index % runner.vocabularySize)], logitsCount: 1)
        }
        // The first finds memory.
        runner.step(step) { _ in }
        let clock = ContinuousClock()
        return (0..<repetitions).map { _ in clock.measure { runner.step(step) { _ in } } / .seconds(1) }.min()
    }
}
