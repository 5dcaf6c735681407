import OctavoBatching
import OctavoCore
import OctavoQueue

/// Tells how long batches still take, by tokens: from the sizes of their requests, and what of them is answered.
actor BatchForecaster {
    /// What was last found of a batch.
    private struct Memory {
        var first: (time: Double, done: Double)
        var time: Double
        var secondsLeft: Double?
        /// When to look again: looking must stay a small part of the server's work.
        var expires: ContinuousClock.Instant
    }

    /// Looking takes at most this part of the time.
    private static let share = 0.05
    /// The part of the work that this process must have seen done, before the pace it saw counts in place of that since
    /// the batch began, when workers may have been others or none.
    private static let leastSeen = 0.02

    private let queue: Queue
    private var memories: [Int64: Memory] = [:]

    init(_ queue: Queue) { self.queue = queue }

    /// The seconds left; nil for a batch that nobody works on, or of which nothing is known yet.
    func secondsLeft(_ status: BatchStatus) async -> Double? {
        let summary = status.summary
        guard summary.state == .active, let running = summary.secondsRunning else {
            memories[summary.id] = nil
            return nil
        }
        if let memory = memories[summary.id], ContinuousClock.now < memory.expires {
            return memory.secondsLeft.map { max(0, $0 - (summary.readAt - memory.time)) }
        }
        let start = ContinuousClock.now
        guard let forecast = try? await forecast(summary) else { return nil }
        let first = memories[summary.id]?.first ?? (summary.readAt, forecast.done)
        let left = secondsLeft(forecast, running: running, since: first, now: summary.readAt)
        let took = ContinuousClock.now - start
        memories[summary.id] = Memory(
            first: first, time: summary.readAt, secondsLeft: left,
            expires: .now + max(.seconds(2), took * (1 / Self.share)))
        return left
    }

    private func secondsLeft(
        _ forecast: WorkForecast, running: Double, since first: (time: Double, done: Double), now: Double
    ) -> Double? {
        let seen = forecast.done - first.done
        guard seen > Self.leastSeen * forecast.total else { return forecast.secondsLeft(after: running) }
        return max(0, forecast.total - forecast.done) * (now - first.time) / seen
    }

    private func forecast(_ summary: BatchSummary) async throws -> WorkForecast {
        let sample = try await queue.sample(of: summary)
        let models = summary.model.map { [$0] } ?? []
        // Roles that were granted their rights before there were times may not read them.
        let sums = try? await queue.recentTimes(models: models, batch: summary.id)
        let costs = sums.flatMap { CostFit($0).costs } ?? .typical
        return WorkForecast(sample.requests, costs: costs, scale: sample.scale)
    }
}

extension CostFit {
    /// The fit to what lately finished requests took.
    init(_ sums: TimeSums) {
        self.init(
            count: sums.count, promptPrompt: sums.promptPrompt, promptAnswer: sums.promptAnswer,
            answerAnswer: sums.answerAnswer, promptTime: sums.promptTime, answerTime: sums.answerTime)
    }
}
