import Foundation
import OctavoBatching
import OctavoCore
import OctavoEngine
import OctavoLlama

/// Measures prefill, decode and a whole job on a loaded model.
struct EngineBenchmark {
    let model: LoadedModel
    let runs: Int
    /// INT8 multiply-accumulates per second that the machine can do.
    let peak: Double
    let report: BenchReport

    private var runner: LlamaRunner { model.runner }
    /// Tokens per second that the linear layers alone would allow at the peak.
    private var ceiling: Double { peak / Double(runner.model.linearWeightCount) }

    /// Tokens that look random but are the same in every run.
    private func tokens(_ count: Int, seed: Int) -> [TokenID] {
        (0..<count).map { TokenID((($0 + 1) * 7919 + seed * 104_729) % runner.vocabularySize) }
    }

    /// One prompt of `length` tokens at a time.
    func prefill(length: Int) throws {
        guard length < runner.contextLength else { return }
        var samples: [Double] = []
        for run in 0...runs {
            let sequence = try runner.makeSequence(length: length)
            defer { runner.release(sequence) }
            let prompt = tokens(length, seed: run)
            let start = ContinuousClock.now
            feed(prompt, to: sequence)
            if run > 0 { samples.append(Double(length) / ((ContinuousClock.now - start) / .seconds(1))) }
        }
        report.line("prefill", [("tokens", "\(length)")], samples: samples, unit: "tokens/s", ceiling: ceiling)
    }

    private func feed(_ prompt: [TokenID], to sequence: SequenceID) {
        for start in stride(from: 0, to: prompt.count, by: runner.maximumStepTokens) {
            let piece = prompt[start..<min(start + runner.maximumStepTokens, prompt.count)]
            let isLast = piece.endIndex == prompt.count
            runner.step([StepRow(sequence: sequence, tokens: piece, logitsCount: isLast ? 1 : 0)]) { _ in }
        }
    }

    /// `batch` rows that have `context` tokens, all decoding, with the logits of each.
    func decode(batch: Int, context: Int) throws {
        let steps = 16
        guard context + (runs + 1) * steps <= runner.contextLength, batch <= runner.maximumStepLogits else { return }
        var sequences: [SequenceID] = []
        defer { for sequence in sequences { runner.release(sequence) } }
        for row in 0..<batch {
            let sequence = try runner.makeSequence(length: context + (runs + 1) * steps)
            sequences.append(sequence)
            feed(tokens(context, seed: row), to: sequence)
        }
        var samples: [Double] = []
        for run in 0...runs {
            let start = ContinuousClock.now
            for step in 0..<steps {
                let rows = sequences.map {
                    StepRow(sequence: $0, tokens: tokens(1, seed: step)[...], logitsCount: 1)
                }
                runner.step(rows) { _ in }
            }
            if run > 0 { samples.append(Double(batch * steps) / ((ContinuousClock.now - start) / .seconds(1))) }
        }
        report.line(
            "decode", [("batch", "\(batch)"), ("context", "\(context)")], samples: samples, unit: "tokens/s",
            ceiling: ceiling)
    }

    /// A job as users have it: prompts of log-normal lengths (median 120), 128 new tokens each, planned and run.
    func offlineJob(requests count: Int) async {
        var samples: [Double] = []
        for run in 0..<runs {
            let start = ContinuousClock.now
            var generated = 0
            for batch in BatchPlanner(capacity: model.engine.capacity).plan(requests(count)).batches {
                let control = GenerationControl()
                for await event in model.engine.generate(batch, control: control) {
                    switch event {
                    case .finished(let completion): generated += completion.tokens.count
                    case .checkpoint(let checkpoint): control.acknowledge(checkpoint.number)
                    case .failed, .step: break
                    }
                }
            }
            samples.append(Double(generated) / ((ContinuousClock.now - start) / .seconds(1)))
            Console.progress("offline job: run \(run + 1) of \(runs)")
        }
        Console.clearProgress()
        report.line(
            "offline job", [("requests", "\(count)"), ("new tokens", "128")], samples: samples,
            unit: "new tokens/s")
    }

    private func requests(_ count: Int) -> [GenerationRequest] {
        (0..<count).map { index in
            // Quantiles of a log-normal distribution by the logistic approximation: the same lengths in every run.
            let quantile = (Double(index) + 0.5) / Double(count)
            let length = 120 * exp(0.8 * 0.5513 * log(quantile / (1 - quantile)))
            var sampling = SamplingParameters()
            sampling.temperature = 0
            sampling.seed = 0
            sampling.maxTokens = 128
            sampling.ignoresEndTokens = true
            let prompt = tokens(min(max(Int(length), 4), 1000), seed: index)
            return GenerationRequest(id: index, promptTokens: prompt, sampling: sampling)
        }
    }
}
