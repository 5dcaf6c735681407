import OctavoBatching
import OctavoCore
import OctavoEngine
import OctavoFiles
import OctavoLlama
import OctavoQueue

/// How fast a model computes, and how that is known.
struct WorkPace: Sendable {
    enum Source: Sendable {
        /// Steps timed on this machine.
        case measured
        /// What so many requests took that workers finished lately, on whatever machines.
        case workers(requests: Int)
    }

    /// Core-seconds per token.
    var costs: TokenCosts
    /// Threads that would compute here.
    var threads: Int
    var source: Source
}

/// What a queue knows of a model's earlier work.
struct ModelExperience: Sendable {
    /// Requests that it finished.
    var answers: [ObservedRequest]
    /// How fast it was; nil if that is not known.
    var pace: WorkPace?

    init(of models: [String], in queue: Queue) async throws {
        answers = try await queue.recentAnswers(models: models)
        if let sums = try await queue.recentTimes(models: models), let costs = CostFit(sums).costs {
            pace = WorkPace(
                costs: costs, threads: ComputeThreads.availableProcessors, source: .workers(requests: sums.count))
        }
    }
}

extension LoadedModel {
    /// How fast it is on this machine, by timed steps; nil if its cache has no room for them.
    func measuredPace() -> WorkPace? {
        let timing = StepTiming.measure(on: guardedRunner, rows: engine.capacity.maximumBatch)
        let threads = runner.threads.count
        return timing.map { timing in
            WorkPace(
                costs: TokenCosts(
                    prompt: timing.promptSeconds * Double(threads), answer: timing.answerSeconds * Double(threads)),
                threads: threads, source: .measured)
        }
    }
}

/// What a batch will take: tokens, and time on this machine.
struct WorkEstimate: Sendable {
    private let enqueued: EnqueueResult
    private let pace: WorkPace?
    /// Earlier answers of the model from which the lengths of answers are predicted.
    private let earlierCount: Int
    /// Tokens of answers; without earlier ones, as many as they may have.
    let answerTokens: Int
    /// Core-seconds; nil where the pace is not known, or prompts are counted in bytes.
    let coreSeconds: Double?

    /// - Parameter earlier: finished requests of the same model.
    init(_ enqueued: EnqueueResult, learningFrom earlier: [ObservedRequest], pace: WorkPace?) {
        self.enqueued = enqueued
        self.pace = pace
        earlierCount = earlier.count
        let forecast = WorkForecast(
            enqueued.sizes, costs: pace?.costs ?? .typical, scale: enqueued.sizeScale, learningFrom: earlier)
        let answers = min(enqueued.maximumNewTokens, Int(forecast.answerTokens.rounded()))
        answerTokens = answers
        guard let pace, enqueued.areTokensExact else {
            coreSeconds = nil
            return
        }
        // What workers took, they took for prompts of which they shared their part, too.
        var computed = enqueued.promptTokens
        if case .measured = pace.source { computed -= enqueued.sharedTokens ?? 0 }
        coreSeconds = pace.costs.prompt * Double(computed) + pace.costs.answer * Double(answers)
    }

    /// Seconds on this machine.
    var seconds: Double? { coreSeconds.flatMap { cores in pace.map { cores / Double($0.threads) } } }

    /// For people: aligned lines.
    var lines: [String] {
        let rows = [
            ("rows", Format.count(enqueued.rows)),
            (enqueued.areTokensExact ? "prompt tokens" : "prompt bytes", prompts),
            ("new tokens", answers), ("time", time),
        ]
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { $0.0 + String(repeating: " ", count: width + 2 - $0.0.count) + $0.1 }
    }

    private var prompts: String {
        let count = Format.count(enqueued.promptTokens)
        guard enqueued.areTokensExact else { return "\(count), since no tokenizer is at hand" }
        guard let shared = enqueued.sharedTokens, shared > 0 else { return "\(count) exactly" }
        return "\(count) exactly, of which \(Format.count(shared)) are shared beginnings, computed once"
    }

    private var answers: String {
        let most = Format.count(enqueued.maximumNewTokens)
        guard earlierCount > 0 else { return "at most \(most); no earlier answers to predict from" }
        return "\(Format.count(answerTokens)) by \(Format.count(earlierCount)) earlier answers, at most \(most)"
    }

    private var time: String {
        guard let coreSeconds, let seconds, let pace else {
            return pace == nil
                ? "not known: no worker has timed this model yet, and it is not on this machine"
                : "not known: without a tokenizer, prompts are only counted in bytes"
        }
        let basis =
            switch pace.source {
            case .measured: "by steps timed now"
            case .workers(let requests): "by what \(Format.count(requests)) requests took workers"
            }
        let most = earlierCount > 0 ? "" : "at most "
        return "\(most)\(Format.duration(seconds)) (\(Self.hours(seconds)) hours) on \(pace.threads) threads here, "
            + "\(Self.hours(coreSeconds)) core-hours, \(basis)"
    }

    /// Hours, to three digits that count.
    private static func hours(_ seconds: Double) -> String {
        let hours = seconds / 3600
        return Format.decimal(hours, places: hours < 0.1 ? 4 : hours < 10 ? 2 : 0)
    }

    /// For machines.
    var json: JSONValue {
        let source: JSONValue? = pace.map { pace in
            switch pace.source {
            case .measured: "measured"
            case .workers: "workers"
            }
        }
        return [
            "cached_prompt_tokens": enqueued.sharedTokens.map(JSONValue.integer) ?? .null,
            "new_tokens": .integer(answerTokens), "earlier_answers": .integer(earlierCount),
            "hours": seconds.map { .double($0 / 3600) } ?? .null,
            "core_hours": coreSeconds.map { .double($0 / 3600) } ?? .null,
            "threads": pace.map { .integer($0.threads) } ?? .null, "pace": source ?? .null,
        ]
    }
}
