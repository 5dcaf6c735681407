import ArgumentParser
import OctavoCore
import OctavoQueue

struct DatabasePrune: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune",
        abstract: "Delete old batches with their requests and results.",
        discussion: """
            Only batches of which no work is left are deleted, unless they are named. Rows go in small transactions with
            pauses between them, so that workers go on beside it. Interrupted and run again, it goes on where it was.

            Examples:
              octavo database prune --older-than 30d --dry-run
              octavo database prune --older-than 30d --keep 10
              octavo database prune --keep 100 --state cancelled --state expired
              octavo database prune 7 nightly
            """)

    @Argument(help: "Batches to delete whatever their state, by id or name.")
    var batches: [String] = []

    @Option(help: "Delete batches that ended longer ago than this, such as 12h or 30d.")
    var olderThan: Seconds?

    @Option(help: "Keep this many of the batches that ended last, however old.")
    var keep: Int?

    @Option(help: "Only batches in this state: completed, cancelled or expired; may be repeated (default: all three).")
    var state: [EndedState] = []

    @Option(help: "Delete at most so many requests in a transaction.")
    var chunk = 10_000

    @Option(help: "The pause between two transactions.")
    var pause = Seconds(.milliseconds(100))

    @Flag(help: "Say what would be deleted, and delete nothing.")
    var dryRun = false

    @Flag(help: "Print a JSON object with what was deleted.")
    var json = false

    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard !batches.isEmpty || olderThan != nil || keep != nil else {
            throw ValidationError("say what to delete: --older-than, --keep, or batches by name")
        }
        guard batches.isEmpty || olderThan == nil && keep == nil && state.isEmpty else {
            throw ValidationError("give either batches or a rule, not both")
        }
        guard keep.map({ $0 >= 0 }) ?? true else { throw ValidationError("--keep must not be negative") }
        guard (1...1_000_000).contains(chunk) else {
            throw ValidationError("--chunk must be between 1 and 1,000,000")
        }
    }

    func run() async throws {
        try await SignalTrap.cancelling {
            try await database.withQueue { queue, _, _ in
                try await queue.expireOverdue()
                let doomed = try await chooseBatches(queue)
                if !dryRun {
                    for batch in doomed {
                        try await Deleting.run(
                            batch.id, queue: queue, pace: DeletionPace(chunk: chunk, pause: pause.duration))
                    }
                }
                report(doomed)
            }
        }
    }

    private func chooseBatches(_ queue: Queue) async throws -> [BatchSummary] {
        guard batches.isEmpty else {
            var ids: Set<Int64> = []
            for batch in batches { ids.insert(try await queue.resolveBatch(batch)) }
            var summaries: [BatchSummary] = []
            for id in ids.sorted() { summaries.append(try await queue.batchSummary(id)) }
            return summaries
        }
        return try await queue.prunableBatches(
            Retention(
                age: olderThan?.duration ?? .zero, keptCount: keep ?? 0,
                states: state.isEmpty ? Retention.endedStates : Set(state.map(\.value))))
    }

    private func report(_ batches: [BatchSummary]) {
        if json { return Console.result(Self.json(batches, dryRun: dryRun)) }
        let verb = dryRun ? "would be deleted" : "deleted"
        if dryRun {
            for batch in batches {
                Console.result(
                    "batch \(batch.id) \(batch.state.name): \(batch.name), \(Format.count(batch.total)) requests")
            }
        }
        let requests = batches.reduce(0) { $0 + $1.total }
        Console.note("\(Format.count(batches.count)) batches with \(Format.count(requests)) requests \(verb)")
    }

    private static func json(_ batches: [BatchSummary], dryRun: Bool) -> JSONValue {
        [
            "dry_run": .bool(dryRun),
            "batches": .array(
                batches.map { batch in
                    [
                        "id": .integer(Int(batch.id)), "name": .string(batch.name), "state": .string(batch.state.name),
                        "requests": .integer(batch.total),
                        "completed_at": batch.completedAt.map(JSONValue.double) ?? .null,
                    ]
                }),
        ]
    }
}

/// A state in which no work is left, as an option names it.
enum EndedState: String, ExpressibleByArgument, CaseIterable {
    case completed, cancelled, expired

    var value: BatchState {
        switch self {
        case .completed: .completed
        case .cancelled: .cancelled
        case .expired: .expired
        }
    }
}

/// Deleting a batch with progress.
enum Deleting {
    static func run(_ batch: Int64, queue: Queue, pace: DeletionPace) async throws {
        defer { Console.clearProgress() }
        let total = try await queue.batchSummary(batch).total
        let rate = RateMeter()
        try await queue.delete(batch, pace: pace) { deleted in
            let left = rate.secondsLeft(done: Double(deleted), of: Double(total), phase: "deleting")
            Console.progress(
                "deleting batch \(batch): \(Format.count(deleted)) of \(Format.count(total)) requests"
                    + (left.map { ", \(Format.duration($0)) left" } ?? ""))
        }
    }
}
