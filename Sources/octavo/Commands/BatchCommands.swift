import ArgumentParser
import OctavoQueue

/// A command that does one thing to one batch and says so.
protocol BatchCommand: AsyncParsableCommand {
    var batch: String { get }
    var database: DatabaseOptions { get }

    /// Acts on the batch and returns what to tell the user.
    func act(on id: Int64, queue: Queue) async throws -> String
}

extension BatchCommand {
    func run() async throws {
        try await database.withQueue { queue, _, _ in
            try await queue.expireOverdue()
            let id = try await queue.resolveBatch(batch)
            Console.note(try await act(on: id, queue: queue))
        }
    }
}

struct Cancel: BatchCommand {
    static let configuration = CommandConfiguration(
        abstract: "Give up a batch's unfinished requests; what is finished stays.",
        discussion: "Example:\n  octavo cancel nightly")

    @Argument(help: "The batch's id or name.") var batch: String
    @OptionGroup var database: DatabaseOptions

    func act(on id: Int64, queue: Queue) async throws -> String {
        try await queue.cancel(id)
        let summary = try await queue.batchSummary(id)
        return "batch \(id) cancelled: \(Format.count(summary.unfinished)) requests given up, "
            + "\(Format.count(summary.done)) results kept; octavo export \(id) writes them"
    }
}

struct Pause: BatchCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop working on a batch until it is resumed.", discussion: "Example:\n  octavo pause nightly")

    @Argument(help: "The batch's id or name.") var batch: String
    @OptionGroup var database: DatabaseOptions

    func act(on id: Int64, queue: Queue) async throws -> String {
        try await queue.pause(id)
        return "batch \(id) paused; octavo resume \(id) goes on with it"
    }
}

struct Resume: BatchCommand {
    static let configuration = CommandConfiguration(
        abstract: "Go on with a paused batch.", discussion: "Example:\n  octavo resume nightly")

    @Argument(help: "The batch's id or name.") var batch: String
    @OptionGroup var database: DatabaseOptions

    func act(on id: Int64, queue: Queue) async throws -> String {
        try await queue.resume(id)
        return "batch \(id) resumed"
    }
}

struct Retry: BatchCommand {
    static let configuration = CommandConfiguration(
        abstract: "Queue a batch's failed requests again, and only those.",
        discussion: "Examples:\n  octavo retry nightly\n  octavo retry 7 --kind engine_error")

    @Argument(help: "The batch's id or name.") var batch: String
    @Option(help: "Only failures of this kind, as octavo status names it.") var kind: String?
    @OptionGroup var database: DatabaseOptions

    func act(on id: Int64, queue: Queue) async throws -> String {
        let count = try await queue.retryFailed(id, kind: kind)
        return count == 0
            ? "batch \(id) has no such failures" : "batch \(id): \(Format.count(count)) requests queued again"
    }
}

struct Prioritize: BatchCommand {
    static let configuration = CommandConfiguration(
        abstract: "Change the priority of a batch, or its share, while it waits or runs.",
        discussion: """
            What workers claim from now on goes by it; what they hold stays as it is.

            Examples:
              octavo prioritize nightly --priority 0
              octavo prioritize 7 --priority 3 --weight 5
            """)

    @Argument(help: "The batch's id or name.") var batch: String
    @Option(help: "0 is urgent; larger numbers wait for smaller ones.") var priority: Int?
    @Option(help: "The batch's share beside others of the same priority.") var weight: Int?
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard priority != nil || weight != nil else { throw ValidationError("give --priority, --weight or both") }
        try EnqueueArguments.check(priority: priority, weight: weight)
    }

    func act(on id: Int64, queue: Queue) async throws -> String {
        try await queue.prioritize(id, priority: priority, weight: weight)
        let summary = try await queue.batchSummary(id)
        return "batch \(id) has priority \(summary.priority) and weight \(summary.weight)"
    }
}

struct Delete: BatchCommand {
    static let configuration = CommandConfiguration(
        abstract: "Delete a batch with its requests and results.", discussion: "Example:\n  octavo delete 7")

    @Argument(help: "The batch's id or name.") var batch: String
    @OptionGroup var database: DatabaseOptions

    func act(on id: Int64, queue: Queue) async throws -> String {
        try await Deleting.run(id, queue: queue, pace: DeletionPace())
        return "batch \(id) deleted"
    }
}
