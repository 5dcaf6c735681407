import Logging
import OctavoCore
import OctavoEngine
import OctavoQueue
import Synchronization

/// Writes a lease's results, failures and checkpoints, off the compute threads.
///
/// What comes while a write is under way waits and is written together. While PostgreSQL is away everything is kept in
/// memory, and the engine is let go on: its checkpoints are confirmed though they are not durable yet, since stopping
/// the computation would protect nothing more.
final class ResultWriter: Sendable {
    private struct Pending {
        var results: [FinishedRequest] = []
        var failures: [FailedRequest] = []
        var checkpoint: [CheckpointEntry] = []
        var acknowledgement: (control: GenerationControl, number: Int)?

        var isEmpty: Bool { results.isEmpty && failures.isEmpty && checkpoint.isEmpty && acknowledgement == nil }

        func acknowledge() {
            if let (control, number) = acknowledgement { control.acknowledge(number) }
        }
    }

    private struct State {
        var pending = Pending()
        /// Whether the write under way has taken longer than `patience`.
        var isAway = false
    }

    /// How long a write may take before PostgreSQL counts as away.
    private static let patience = Duration.seconds(2)

    private let queue: Queue
    private let watch: LeaseWatch
    private let timeToLive: Duration
    private let statistics: WorkerStatistics
    private let logger: Logger
    private let state = Mutex(State())
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    init(
        queue: Queue, watch: LeaseWatch, timeToLive: Duration, statistics: WorkerStatistics, logger: Logger
    ) {
        self.queue = queue
        self.watch = watch
        self.timeToLive = timeToLive
        self.statistics = statistics
        self.logger = logger
        (wakes, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Keeps a result for the next write.
    func add(_ result: FinishedRequest) { state.withLock { $0.pending.results.append(result) } }

    /// Keeps a failure for the next write.
    func add(_ failure: FailedRequest) { state.withLock { $0.pending.failures.append(failure) } }

    /// Writes a checkpoint, and with it everything kept; `control` is told once it is durable.
    func write(_ entries: [CheckpointEntry], number: Int, control: GenerationControl) {
        state.withLock { state in
            state.pending.checkpoint.append(contentsOf: entries)
            state.pending.acknowledgement = (control, number)
            if state.isAway { control.acknowledge(number) }
        }
        wake.yield()
    }

    /// Writes everything kept.
    func flush() { wake.yield() }

    /// Nothing more will come.
    func close() { wake.finish() }

    /// Writes until closed and everything is written.
    ///
    /// - Throws: what PostgreSQL refuses for good, or `CancellationError`; the lease then counts as lost, and its batch
    ///   is stopped, since nothing would confirm its checkpoints any more.
    func run() async throws {
        var sequence = 0
        do {
            for await _ in wakes { try await writePending(&sequence) }
            try await writePending(&sequence)
        } catch {
            watch.lose()
            throw error
        }
    }

    private func writePending(_ sequence: inout Int) async throws {
        let work = state.withLock { state in
            defer { state.pending = Pending() }
            return state.pending
        }
        guard !work.isEmpty else { return }
        defer { work.acknowledge() }
        guard !watch.isLost else { return }
        let impatience = Task {
            try await Task.sleep(for: Self.patience)
            state.withLock { state in
                guard !Task.isCancelled else { return }
                state.isAway = true
                work.acknowledge()
                state.pending.acknowledge()
            }
        }
        defer {
            impatience.cancel()
            state.withLock { $0.isAway = false }
        }
        sequence += 1
        try await write(work, sequence: sequence)
    }

    private func write(_ work: Pending, sequence: Int) async throws {
        if !work.results.isEmpty || !work.checkpoint.isEmpty {
            let checkpoint = work.checkpoint.isEmpty ? nil : Checkpoint(sequence: sequence, entries: work.checkpoint)
            let outcome = try await queue.finish(
                token: watch.token, work.results, checkpoint: checkpoint, timeToLive: timeToLive)
            // "Already" are results of this very call, sent again because the reply was lost.
            statistics.recordWritten(finished: outcome.accepted + outcome.already, failed: 0)
            if outcome.isFenced { return lost(discarding: work.results.count) }
        }
        if !work.failures.isEmpty {
            let outcome = try await queue.fail(token: watch.token, work.failures)
            statistics.recordWritten(finished: 0, failed: outcome.failed)
            if outcome.isFenced { lost(discarding: work.failures.count) }
        }
    }

    private func lost(discarding count: Int) {
        guard !watch.isLost else { return }
        logger.warning(
            "fenced: the lease was lost, its requests are another worker's",
            metadata: ["lease": "\(watch.token)", "discarded": "\(count)"])
        watch.lose()
    }
}
