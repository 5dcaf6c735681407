import Logging
import OctavoCore
import OctavoEngine
import OctavoQueue
import Synchronization

/// Writes results, failures and checkpoints of a worker's leases, off the compute threads, and closes the leases.
///
/// What comes while a write is under way waits and is written together. While PostgreSQL is away everything is kept in
/// memory, and the engine is let go on: its checkpoints are confirmed though they are not durable yet, since stopping
/// the computation would protect nothing more.
final class ResultWriter: Sendable {
    /// What is to be written of one lease.
    private struct Pending {
        let watch: LeaseWatch
        var results: [FinishedRequest] = []
        var copies: [ReusedAnswer] = []
        var failures: [FailedRequest] = []
        var checkpoint: [CheckpointEntry] = []
        var acknowledge: (@Sendable () -> Void)?
        var isLast = false

        init(_ watch: LeaseWatch) { self.watch = watch }
    }

    private struct State {
        /// Leases that may have something to write.
        var open: [LeaseWatch] = []
        /// In the order in which it came.
        var pending: [Pending] = []
        /// Whether the write under way has taken longer than `patience`.
        var isAway = false

        mutating func update(_ watch: LeaseWatch, _ body: (inout Pending) -> Void) {
            if let index = pending.firstIndex(where: { $0.watch === watch }) { return body(&pending[index]) }
            var new = Pending(watch)
            body(&new)
            pending.append(new)
        }
    }

    /// How long a write may take before PostgreSQL counts as away.
    private static let patience = Duration.seconds(2)

    private let queue: Queue
    private let timeToLive: Duration
    private let statistics: WorkerStatistics
    private let logger: Logger
    private let state = Mutex(State())
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    init(queue: Queue, timeToLive: Duration, statistics: WorkerStatistics, logger: Logger) {
        self.queue = queue
        self.timeToLive = timeToLive
        self.statistics = statistics
        self.logger = logger
        (wakes, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Takes a lease into care, until `close`.
    func open(_ watch: LeaseWatch) { state.withLock { $0.open.append(watch) } }

    /// Keeps a result for the next write.
    func add(_ result: FinishedRequest, of watch: LeaseWatch) {
        state.withLock { state in state.update(watch) { $0.results.append(result) } }
    }

    /// Keeps a copy of another request's result for the next write, which writes that result before if it is kept, too.
    func add(_ copy: ReusedAnswer, of watch: LeaseWatch) {
        state.withLock { state in state.update(watch) { $0.copies.append(copy) } }
    }

    /// Keeps a failure for the next write.
    func add(_ failure: FailedRequest, of watch: LeaseWatch) {
        state.withLock { state in state.update(watch) { $0.failures.append(failure) } }
    }

    /// Writes a lease's part of a checkpoint, and with it everything kept.
    ///
    /// - Parameter acknowledge: called once it is durable, and perhaps again.
    func write(_ entries: [CheckpointEntry], of watch: LeaseWatch, acknowledge: @escaping @Sendable () -> Void) {
        state.withLock { state in
            state.update(watch) { pending in
                pending.checkpoint.append(contentsOf: entries)
                pending.acknowledge = acknowledge
            }
            if state.isAway { acknowledge() }
        }
        wake.yield()
    }

    /// Writes what is kept of a lease and closes it; nothing more of it will come.
    func close(_ watch: LeaseWatch) {
        state.withLock { state in state.update(watch) { $0.isLast = true } }
        wake.yield()
    }

    /// Writes everything kept.
    func flush() { wake.yield() }

    /// Nothing more will come.
    func finish() { wake.finish() }
}

// MARK: - Writing

extension ResultWriter {
    /// Writes until finished and everything is written.
    ///
    /// - Parameters:
    ///   - settled: told of answers that are in the database from now on, or could not be stored.
    ///   - close: closes a lease of which everything is written.
    /// - Throws: what PostgreSQL refuses for good, or `CancellationError`; the leases then count as lost, and their
    ///   requests are dropped, since nothing would confirm their checkpoints any more.
    func run(
        settled: ([AnswerIdentity]) -> Void, close: (LeaseWatch) async throws -> Void
    ) async throws {
        var sequence = 0
        do {
            for await _ in wakes { try await writePending(&sequence, settled: settled, close: close) }
            try await writePending(&sequence, settled: settled, close: close)
        } catch {
            for watch in state.withLock({ $0.open }) { watch.lose() }
            throw error
        }
    }

    private func writePending(
        _ sequence: inout Int, settled: ([AnswerIdentity]) -> Void, close: (LeaseWatch) async throws -> Void
    ) async throws {
        let work = state.withLock { state in
            defer { state.pending = [] }
            return state.pending
        }
        guard !work.isEmpty else { return }
        let impatience = Task {
            try await Task.sleep(for: Self.patience)
            state.withLock { state in
                guard !Task.isCancelled else { return }
                state.isAway = true
                for part in work + state.pending { part.acknowledge?() }
            }
        }
        defer {
            impatience.cancel()
            state.withLock { $0.isAway = false }
            for part in work { part.acknowledge?() }
        }
        for part in work {
            sequence += 1
            if !part.watch.isLost { try await write(part, sequence: sequence) }
            settled(part.results.compactMap(\.identity))
            part.acknowledge?()
        }
        for part in work {
            if !part.watch.isLost { try await writeCopies(part) }
            guard part.isLast else { continue }
            try await close(part.watch)
            state.withLock { $0.open.removeAll { $0 === part.watch } }
        }
    }

    private func write(_ work: Pending, sequence: Int) async throws {
        if !work.results.isEmpty || !work.checkpoint.isEmpty {
            let checkpoint = work.checkpoint.isEmpty ? nil : Checkpoint(sequence: sequence, entries: work.checkpoint)
            let outcome = try await queue.finish(
                token: work.watch.token, work.results, checkpoint: checkpoint, timeToLive: timeToLive)
            // "Already" are results of this very call, sent again because the reply was lost.
            statistics.recordWritten(finished: outcome.accepted + outcome.already, failed: 0)
            if outcome.isFenced { return lost(work.watch, discarding: work.results.count) }
            let answers = work.results.compactMap { result in
                result.identity.map { (identity: $0, key: result.key) }
            }
            try await queue.rememberAnswers(answers)
        }
        if !work.failures.isEmpty {
            let outcome = try await queue.fail(token: work.watch.token, work.failures)
            statistics.recordWritten(finished: 0, failed: outcome.failed)
            if outcome.isFenced { lost(work.watch, discarding: work.failures.count) }
        }
    }

    private func writeCopies(_ work: Pending) async throws {
        guard !work.copies.isEmpty else { return }
        let outcome = try await queue.reuse(token: work.watch.token, work.copies, timeToLive: timeToLive)
        statistics.recordWritten(finished: outcome.accepted + outcome.already, failed: 0, reused: outcome.accepted)
        if outcome.isFenced { lost(work.watch, discarding: work.copies.count) }
    }

    private func lost(_ watch: LeaseWatch, discarding count: Int) {
        guard !watch.isLost else { return }
        logger.warning(
            "fenced: the lease was lost, its requests are another worker's",
            metadata: ["lease": "\(watch.token)", "discarded": "\(count)"])
        watch.lose()
    }
}
