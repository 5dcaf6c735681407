import Foundation
import OctavoCore
import OctavoEngine
import OctavoLlama

/// Measures prefill, decode and a whole job on a loaded model.
struct EngineBenchmark {
    let runner: LlamaRunner
    let runs: Int
    /// INT8 multiply-accumulates per second that the machine can do.
    let peak: Double
    let report: BenchReport

    /// Tokens per second that the linear layers alone would allow at the peak.
    private var ceiling: Double { peak / Double(runner.model.linearWeightCount) }

    static let linearLimit = "INT8 peak in linear layers"

    /// The head's share of the peak, which the ceiling leaves out, for so many rows of logits per second.
    func headShare(logitsPerSecond: Double) -> [BenchReport.Share] {
        guard peak > 0, runner.model.headProductCount > 0 else { return [] }
        let share = logitsPerSecond * Double(runner.model.headProductCount) / peak
        return [.init(limit: "INT8 peak in the head", value: share)]
    }

    /// Tokens that look random but are the same in every run.
    func tokens(_ count: Int, seed: Int) -> [TokenID] {
        (0..<count).map { TokenID((($0 + 1) * 7919 + seed * 104_729) % runner.vocabularySize) }
    }

    private func seconds(_ body: () throws -> Void) rethrows -> Double {
        let start = ContinuousClock.now
        try body()
        return (ContinuousClock.now - start) / .seconds(1)
    }

    private func feed(_ prompt: [TokenID], to sequence: SequenceID) {
        for start in stride(from: 0, to: prompt.count, by: runner.maximumStepTokens) {
            let piece = prompt[start..<min(start + runner.maximumStepTokens, prompt.count)]
            let isLast = piece.endIndex == prompt.count
            runner.step([StepRow(sequence: sequence, tokens: piece, logitsCount: isLast ? 1 : 0)]) { _ in }
        }
    }

    /// Whether sequences fit; says so if not.
    private func fits(_ what: String, count: Int, length: Int) -> Bool {
        let blocks = (length + runner.blockLength - 1) / runner.blockLength
        guard length <= runner.contextLength else {
            Console.note("\(what): left out, since a sequence has at most \(runner.contextLength) positions here")
            return false
        }
        guard count <= runner.maximumStepLogits, count * blocks * runner.blockLength <= runner.maximumPositions else {
            Console.note("\(what): left out; give more --max-batch or --kv-memory")
            return false
        }
        return true
    }
}

// MARK: - Prefill and decode

extension EngineBenchmark {
    /// One prompt at a time, of each length.
    func prefill(lengths: [Int]) throws {
        for length in lengths where fits("prefill of \(length) tokens", count: 1, length: length) {
            if length == lengths[0] { _ = try prefill(tokens(length, seed: 0)) }
            let samples = try (0..<runs).map { Double(length) / (try prefill(tokens(length, seed: $0 + 1))) }
            let median = samples.sorted()[runs / 2]
            report.line(
                "prefill", [("tokens", "\(length)")], samples: samples, unit: "tokens/s", ceiling: ceiling,
                limit: Self.linearLimit, otherShares: headShare(logitsPerSecond: median / Double(length)))
        }
    }

    /// The seconds that a prompt takes.
    private func prefill(_ prompt: [TokenID]) throws -> Double {
        let sequence = try runner.makeSequence(length: prompt.count)
        defer { runner.release(sequence) }
        return seconds { feed(prompt, to: sequence) }
    }

    /// Rows that have `context` tokens, all decoding, with the logits of each.
    func decode(batches: [Int], context: Int) throws {
        let most = 16 * (runs + 1)
        guard !batches.isEmpty, fits("decoding", count: 1, length: context) else { return }
        let prefix = try runner.makeSequence(length: context)
        defer { runner.release(prefix) }
        feed(tokens(context, seed: 0), to: prefix)
        for batch in batches where fits("decoding of \(batch) rows", count: batch, length: context + most) {
            try decode(batch: batch, context: context, prefix: prefix, most: most)
        }
    }

    private func decode(batch: Int, context: Int, prefix: SequenceID, most: Int) throws {
        var sequences: [SequenceID] = []
        defer { for sequence in sequences { runner.release(sequence) } }
        for _ in 0..<batch {
            let sequence = try runner.makeSequence(length: context + most)
            sequences.append(sequence)
            runner.copy(prefix, to: sequence)
        }
        func step(_ count: Int) -> Double {
            seconds {
                for _ in 0..<count {
                    let rows = sequences.indices.map {
                        StepRow(sequence: sequences[$0], tokens: tokens(1, seed: $0)[...], logitsCount: 1)
                    }
                    runner.step(rows) { _ in }
                }
            }
        }
        // The first step finds memory; the second tells how many make half a second.
        _ = step(1)
        let count = min(max(Int(0.5 / step(1)), 2), 16)
        let samples = (0..<runs).map { _ in Double(batch * count) / step(count) }
        report.line(
            "decode", [("batch", "\(batch)"), ("context", "\(context)")], samples: samples, unit: "tokens/s",
            ceiling: ceiling, limit: Self.linearLimit,
            otherShares: headShare(logitsPerSecond: samples.sorted()[runs / 2]))
    }
}
