import OctavoCore

/// Joins checkpoints, in the order in which they were written, to the beginnings of answers.
package struct ProgressCollector: Sendable {
    private struct Sample: Hashable {
        var key: RequestKey
        var choice: Int
    }

    private var tokens: [Sample: [TokenID]] = [:]
    private var choices: [RequestKey: Set<Int>] = [:]

    /// Makes an empty collector.
    package init() {}

    /// Adds a checkpoint's blob. One that cannot be read is passed over: progress only saves work, and what depends on it
    /// is passed over likewise, since it would leave a gap.
    package mutating func add(_ blob: [UInt8]) {
        for entry in CheckpointBlob.decode(blob) ?? [] {
            let sample = Sample(key: entry.key, choice: entry.choice)
            guard entry.firstToken <= tokens[sample, default: []].count else { continue }
            // Tokens that were computed twice are equal; a later lease's continuation replaces what it went back behind.
            tokens[sample, default: []].replaceSubrange(entry.firstToken..., with: entry.tokens)
            choices[entry.key, default: []].insert(entry.choice)
        }
    }

    /// The progress of a request, by choice.
    package func progress(of key: RequestKey) -> [SampleProgress] {
        (choices[key] ?? []).sorted().map { choice in
            SampleProgress(choice: choice, tokens: tokens[Sample(key: key, choice: choice)] ?? [])
        }
    }
}
