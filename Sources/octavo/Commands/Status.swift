import ArgumentParser
import OctavoCore
import OctavoQueue

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show batches, their progress, and the workers.",
        discussion: """
            With --watch, a terminal shows bars, workers, failures and the latest answers until q or Ctrl-C; without
            one, a line for every batch is printed every two seconds.

            Examples:
              octavo status
              octavo status nightly --watch
              octavo status 7 --json
            """)

    @Argument(help: "A batch's id or name (default: all).")
    var batch: String?

    @Flag(help: "Show it anew every two seconds, until interrupted.")
    var watch = false

    @Flag(help: "Print one JSON document; with --watch, one per line.")
    var json = false

    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let isInterrupted = try await SignalTrap.cancelling {
            try await database.withQueue { queue, _, _ in
                var id: Int64?
                if let batch { id = try await queue.resolveBatch(batch) }
                let source = StatusSource(queue: queue, batch: id)
                if watch, !json, WatchTerminal.isAvailable {
                    return try await WatchTerminal.show(every: .seconds(2)) { try await source.screen() }
                        == .interrupted
                }
                repeat {
                    try await show(source)
                    if watch { try await Task.sleep(for: .seconds(2)) }
                } while watch
                return false
            }
        }
        if isInterrupted { throw CommandFailure(.interrupted) }
    }

    private func show(_ source: StatusSource) async throws {
        let found = try await source.read()
        if json {
            Console.result(StatusReport.json(found.batches, found.workers, secondsLeft: found.secondsLeft))
        } else if watch {
            for status in found.batches {
                let line = ProgressReporter.line(status, secondsLeft: found.secondsLeft[status.summary.id])
                Console.result("batch \(status.summary.id) \(status.summary.state.name): \(line)")
            }
        } else {
            Console.result(StatusReport.text(found.batches, found.workers, secondsLeft: found.secondsLeft))
        }
    }
}

/// Reads how things stand, again and again.
final class StatusSource: Sendable {
    /// How things stand.
    struct Reading: Sendable {
        var batches: [BatchStatus]
        var workers: [WorkerStatus]
        /// By batch.
        var secondsLeft: [Int64: Double]
    }

    private let queue: Queue
    private let batch: Int64?
    private let forecaster: BatchForecaster
    private let latest = LatestAnswers()

    /// - Parameter batch: the only one to look at; `nil` for all.
    init(queue: Queue, batch: Int64?) {
        self.queue = queue
        self.batch = batch
        forecaster = BatchForecaster(queue)
    }

    func read() async throws -> Reading {
        try await queue.expireOverdue()
        let batches = try await queue.status(batch: batch)
        var secondsLeft: [Int64: Double] = [:]
        for status in batches { secondsLeft[status.summary.id] = await forecaster.secondsLeft(status) }
        return Reading(batches: batches, workers: try await queue.workers(), secondsLeft: secondsLeft)
    }

    /// What a terminal shows.
    func screen() async throws -> WatchScreen {
        let reading = try await read()
        let answers = await latest.add(try await queue.latestAnswers(batch: batch, atMost: 8))
        let inHand = try await queue.batchesOfWorkers()
        return WatchScreen(
            batches: reading.batches.map { .init($0, secondsLeft: reading.secondsLeft[$0.summary.id]) },
            workers: reading.workers.map { .init($0, batches: inHand[$0.name] ?? []) }, answers: answers)
    }

    /// The answers shown last stay until there are others.
    private actor LatestAnswers {
        private var answers: [WatchScreen.Answer] = []

        func add(_ new: [LatestAnswer]) -> [WatchScreen.Answer] {
            if !new.isEmpty { answers = new.map(WatchScreen.Answer.init) }
            return answers
        }
    }
}
