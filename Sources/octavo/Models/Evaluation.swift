import Foundation
import OctavoCore
import OctavoEngine
import OctavoLlama
import OctavoWeights

/// A model's predictions of windows of text, beside a reference's.
struct Evaluation {
    private let model: EvaluatedModel
    private let reference: EvaluatedModel?
    private var counts = EvaluationCounts()
    /// Per block, the mean over tokens of |a - b| / |b|, summed: a and b what enters the down projections of model and
    /// reference. Turning the residual stream does not change it, so that rotated models can be compared.
    private var activationErrors: [Double]
    private var tokens = 0

    init(model: LlamaRunner, reference: LlamaRunner?) {
        self.model = EvaluatedModel(model, recordsActivations: reference != nil)
        self.reference = reference.map { EvaluatedModel($0, recordsActivations: true) }
        activationErrors = Array(repeating: 0, count: model.model.configuration.layerCount)
    }

    /// Predicts each token of a window from those before it.
    ///
    /// - Throws: `EngineError` when the window does not fit the KV cache.
    mutating func add(_ window: [TokenID]) throws {
        let models = [model, reference].compactMap { $0 }
        let sequences = try models.map { try $0.runner.makeSequence(length: window.count) }
        defer { for (model, sequence) in zip(models, sequences) { model.runner.release(sequence) } }
        let piece = models.map { min($0.runner.maximumStepLogits, $0.runner.maximumStepTokens) }.min() ?? 1
        for start in stride(from: 0, to: window.count, by: piece) {
            let tokens = window[start..<min(start + piece, window.count)]
            for (model, sequence) in zip(models, sequences) { model.step(tokens, of: sequence) }
            compare(next: Array(window[(start + 1)..<min(start + 1 + piece, window.count)]), count: tokens.count)
        }
    }

    /// Adds the positions that the models have just computed; `next` are the tokens that followed, if any.
    private mutating func compare(next: [TokenID], count: Int) {
        let (model, reference) = (model, reference)
        let rows = ComparedRows(count: count)
        model.runner.parallel(count) { index in
            let logits = model.logits(index)
            rows.values[index] = ComparedRow(
                logits, reference: reference?.logits(index), next: index < next.count ? next[index] : nil)
        }
        for row in rows.values { counts.add(row) }
        guard let reference else { return }
        tokens += count
        for layer in activationErrors.indices {
            for index in 0..<count {
                activationErrors[layer] += model.distance(to: reference, layer: layer, row: index)
            }
        }
    }
}

/// A runner with what its last step computed.
private final class EvaluatedModel: @unchecked Sendable {
    // Written by `step` alone, on one thread; read by several between steps.

    let runner: LlamaRunner
    private var logits: [Float] = []
    /// Per block, `[tokens][intermediate]`.
    private var activations: [[Float]] = []

    init(_ runner: LlamaRunner, recordsActivations: Bool) {
        self.runner = runner
        guard recordsActivations else { return }
        activations = Array(repeating: [], count: runner.model.configuration.layerCount)
        runner.observe = { [unowned self] site, rows in
            guard case .down(let layer) = site else { return }
            activations[layer] = (0..<rows.count).flatMap { UnsafeBufferPointer(start: rows[$0], count: rows.width) }
        }
    }

    func step(_ tokens: ArraySlice<TokenID>, of sequence: SequenceID) {
        logits.removeAll(keepingCapacity: true)
        runner.step([StepRow(sequence: sequence, tokens: tokens, logitsCount: tokens.count)]) { step in
            for index in 0..<step.count { logits.append(contentsOf: step[index]) }
        }
    }

    func logits(_ row: Int) -> ArraySlice<Float> {
        logits[row * runner.vocabularySize..<(row + 1) * runner.vocabularySize]
    }

    /// |a - b| / |b| for a row of the activations of a block.
    func distance(to reference: EvaluatedModel, layer: Int, row: Int) -> Double {
        let width = runner.model.configuration.intermediateSize
        var (distance, length) = (0.0, 0.0)
        for index in row * width..<(row + 1) * width {
            let (a, b) = (Double(activations[layer][index]), Double(reference.activations[layer][index]))
            distance += (a - b) * (a - b)
            length += b * b
        }
        return length > 0 ? (distance / length).squareRoot() : distance.squareRoot()
    }
}

/// Rows that threads fill, each its own.
private final class ComparedRows: @unchecked Sendable {
    let values: UnsafeMutableBufferPointer<ComparedRow>

    init(count: Int) {
        values = .allocate(capacity: count)
        values.initialize(repeating: ComparedRow())
    }

    deinit { values.deallocate() }
}

/// What one position tells.
private struct ComparedRow {
    var loss: Double?
    var referenceLoss: Double?
    /// KL(reference ‖ model), in nats.
    var divergence: Double?
    var agrees: Bool?

    init() {}

    init(_ logits: ArraySlice<Float>, reference: ArraySlice<Float>?, next: TokenID?) {
        let own = LogDistribution(logits)
        loss = next.map { -own.logprob(Int($0)) }
        guard let reference else { return }
        let other = LogDistribution(reference)
        referenceLoss = next.map { -other.logprob(Int($0)) }
        agrees = own.argmax == other.argmax
        var sum = 0.0
        for token in 0..<logits.count {
            let logprob = other.logprob(token)
            sum += exp(logprob) * (logprob - own.logprob(token))
        }
        divergence = max(sum, 0)
    }
}

/// Logits as log-probabilities.
private struct LogDistribution {
    private let logits: ArraySlice<Float>
    private let normalizer: Double
    let argmax: Int

    init(_ logits: ArraySlice<Float>) {
        self.logits = logits
        var best = logits.startIndex
        for index in logits.indices where logits[index] > logits[best] { best = index }
        let maximum = Double(logits[best])
        normalizer = maximum + log(logits.reduce(0.0) { $0 + exp(Double($1) - maximum) })
        argmax = best - logits.startIndex
    }

    func logprob(_ token: Int) -> Double { Double(logits[logits.startIndex + token]) - normalizer }
}

/// Sums over positions.
private struct EvaluationCounts {
    var loss = 0.0
    var referenceLoss = 0.0
    var predictions = 0
    var positions = 0
    var agreements = 0
    var divergences: [Double] = []

    mutating func add(_ row: ComparedRow) {
        if let loss = row.loss {
            self.loss += loss
            referenceLoss += row.referenceLoss ?? 0
            predictions += 1
        }
        positions += 1
        if let divergence = row.divergence { divergences.append(divergence) }
        if row.agrees == true { agreements += 1 }
    }
}

// MARK: - Report

extension Evaluation {
    private var perplexity: Double { exp(counts.loss / Double(counts.predictions)) }
    private var referencePerplexity: Double { exp(counts.referenceLoss / Double(counts.predictions)) }
    private var meanDivergence: Double { counts.divergences.reduce(0, +) / Double(counts.positions) }
    private var agreement: Double { Double(counts.agreements) / Double(counts.positions) }
    private var layerErrors: [Double] { activationErrors.map { $0 / Double(max(tokens, 1)) } }

    /// The smallest divergence that 99 of 100 positions do not exceed.
    private var highDivergence: Double {
        let sorted = counts.divergences.sorted()
        return sorted[max(0, (sorted.count * 99 + 99) / 100 - 1)]
    }

    var json: JSONValue {
        var report: JSONObject = ["predictions": .integer(counts.predictions), "perplexity": .double(perplexity)]
        if reference != nil {
            report["reference_perplexity"] = .double(referencePerplexity)
            report["perplexity_ratio"] = .double(perplexity / referencePerplexity)
            report["kl_mean"] = .double(meanDivergence)
            report["kl_p99"] = .double(highDivergence)
            report["top1_agreement"] = .double(agreement)
            report["layer_activation_errors"] = .array(layerErrors.map(JSONValue.double))
        }
        return .object(report)
    }

    /// The report for a person.
    var text: String {
        var lines = [
            "perplexity         \(decimal(perplexity, 4)) on \(Format.count(counts.predictions)) predictions"
        ]
        if reference != nil {
            let change = 100 * (perplexity / referencePerplexity - 1)
            lines += [
                "reference          \(decimal(referencePerplexity, 4)); the model's is \(change < 0 ? "" : "+")\(decimal(change, 2))%",
                "KL divergence      mean \(decimal(meanDivergence, 5)), 99th percentile \(decimal(highDivergence, 4)) nats",
                "top-1 agreement    \(decimal(100 * agreement, 2))%", "",
                "activation error   of what enters each block's down projection, relative:",
            ]
            lines += layerErrors.enumerated().map { "  layer \($0.offset)  \(decimal($0.element, 4))" }
        }
        return lines.joined(separator: "\n")
    }

    private func decimal(_ value: Double, _ places: Int) -> String { Format.decimal(value, places: places) }
}
