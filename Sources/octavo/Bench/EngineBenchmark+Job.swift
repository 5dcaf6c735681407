import Foundation
import OctavoBatching
import OctavoCore
import OctavoEngine
import OctavoLlama

/// A job as users have it: prompts of mixed lengths, planned and run.
extension EngineBenchmark {
    /// What a run of the job did.
    private struct Tally {
        /// Prompt tokens and new tokens of the answers.
        var useful = 0
        var generated = 0
        /// Tokens of prompts, new tokens, and wrong guesses that steps computed.
        var prefilled = 0
        var wasted = 0
        /// Prompt tokens that were shared with another prompt.
        var cached = 0
        var sampled = 0

        mutating func count(_ event: GenerationEvent, prompts: [Int: Int], control: GenerationControl) {
            switch event {
            case .finished(let completion):
                generated += completion.tokens.count
                useful += completion.tokens.count + prompts[completion.id, default: 0]
            case .step(let step):
                prefilled += step.prefillTokens
                cached += step.cachedTokens
                wasted += step.wastedTokens
                sampled += step.sampledTokens
            case .checkpoint(let checkpoint): control.acknowledge(checkpoint.number)
            case .failed, .cancelled, .measured: break
            }
        }
    }

    /// What the prompts begin with, besides their own tokens of log-normal lengths.
    struct Prefix {
        /// In tokens; may be 0.
        var length: Int
        /// Whether it is the same for all, or each has other tokens there.
        var isShared: Bool

        /// What the figures of jobs with it are told apart by.
        fileprivate var place: (String, String)? {
            length > 0 ? (isShared ? "shared prefix" : "distinct prefix", "\(length)") : nil
        }
    }

    /// Prompts of log-normal lengths, each answered with so many tokens.
    ///
    /// - Parameter prefix: what they begin with, besides their own tokens.
    /// - Parameter structure: what the answers are held to; they may then end earlier.
    func offlineJob(
        _ engine: LocalEngine, batching: BatchingMode, requests count: Int, newTokens: Int, prefix: Prefix,
        structure: OutputStructure? = nil
    ) async {
        var samples: [(rate: Double, useful: Double, cached: Double, linear: Double, head: Double)] = []
        for run in 0..<runs {
            var requests = requests(count, newTokens: newTokens, prefix: prefix, run: run)
            for index in requests.indices { requests[index].sampling.structure = structure }
            let start = ContinuousClock.now
            let tally = await answer(requests, engine, batching)
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            let computed = Double(tally.prefilled + tally.sampled + tally.wasted)
            samples.append(
                (
                    rate: Double(tally.generated) / seconds,
                    useful: 100 * Double(tally.useful - tally.cached) / max(computed, 1),
                    cached: 100 * Double(tally.cached) / Double(max(tally.cached + tally.prefilled, 1)),
                    linear: computed * Double(runner.model.linearWeightCount) / seconds,
                    head: Double(tally.sampled) / seconds
                ))
            Console.progress("offline job: run \(run + 1) of \(runs)")
        }
        Console.clearProgress()
        // What is not by default is named, so that the figures of other versions and engines have the same names.
        var place = [("requests", "\(count)"), ("new tokens", "\(newTokens)")]
        if batching != .refill { place.append(("batching", batching.rawValue)) }
        if structure != nil { place.append(("answers", "structured")) }
        if let prefix = prefix.place { place.append(prefix) }
        let median = samples.sorted { $0.rate < $1.rate }[runs / 2]
        let linear = peak > 0 ? [BenchReport.Share(limit: Self.linearLimit, value: median.linear / peak)] : []
        report.line(
            "offline job", place, samples: samples.map(\.rate), unit: "new tokens/s",
            otherShares: linear + headShare(logitsPerSecond: median.head))
        report.line("offline job, useful tokens", place, samples: samples.map(\.useful), unit: "%")
        guard prefix.length > 0 else { return }
        report.line("offline job, shared prompt tokens", place, samples: samples.map(\.cached), unit: "%")
    }

    private func answer(
        _ requests: [GenerationRequest], _ engine: LocalEngine, _ batching: BatchingMode
    ) async -> Tally {
        let prompts = Dictionary(uniqueKeysWithValues: requests.map { ($0.id, $0.promptTokens.count) })
        var tally = Tally()
        let control = GenerationControl()
        for batch in BatchPlanner(capacity: engine.capacity).plan(requests).batches {
            control.add(batch, asBatch: batching == .static)
        }
        control.finishAdding()
        for await event in engine.generate(control) { tally.count(event, prompts: prompts, control: control) }
        return tally
    }

    /// The same lengths in every run, but other tokens, so that no run profits from what another left in the cache.
    private func requests(_ count: Int, newTokens: Int, prefix: Prefix, run: Int) -> [GenerationRequest] {
        // Seeds of prompts, and as many of prefixes.
        let seed = 2 * count * run
        return (0..<count).map { index in
            // Quantiles of a log-normal distribution by the logistic approximation.
            let quantile = (Double(index) + 0.5) / Double(count)
            let length = 120 * exp(0.8 * 0.5513 * log(quantile / (1 - quantile)))
            var sampling = SamplingParameters()
            sampling.temperature = 0
            sampling.seed = 0
            sampling.maxTokens = newTokens
            sampling.ignoresEndTokens = true
            let beginning = tokens(prefix.length, seed: seed + count + (prefix.isShared ? 0 : index))
            let prompt = tokens(min(max(Int(length), 4), 1000), seed: seed + index)
            return GenerationRequest(id: index, promptTokens: beginning + prompt, sampling: sampling)
        }
    }
}

/// Tokens that stand for nothing: a benchmark measures the model alone.
struct SilentTokens: TokenDecoding {
    func bytes(of token: TokenID) -> [UInt8] { [] }
    func isSpecial(_ token: TokenID) -> Bool { false }
}
