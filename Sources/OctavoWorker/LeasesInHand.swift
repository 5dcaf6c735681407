import OctavoBatching
import OctavoCore
import OctavoEngine
import OctavoQueue
import Synchronization

/// The leases that a worker has given to its engine, which answers them side by side.
final class LeasesInHand: Sendable {
    private struct State {
        /// Leases of which something is still to come.
        var runs: [LeaseRun] = []
        /// Leases that are not closed yet, those of which all was computed included.
        var openCount = 0
        var waiters: [AsyncStream<Void>.Continuation] = []
        /// Whether the engine has ended: what is begun now would never be answered.
        var isOver = false
    }

    /// How long finished results may wait for a checkpoint to be written with.
    private static let flushInterval = Duration.seconds(1)

    private let engine: any InferenceEngine
    private let batching: BatchingMode
    private let responses: ResponseBody
    private let writer: ResultWriter
    private let control: GenerationControl
    private let onStep: @Sendable (StepStatistics) -> Void
    private let state = Mutex(State())

    init(
        engine: any InferenceEngine, batching: BatchingMode, responses: ResponseBody, writer: ResultWriter,
        control: GenerationControl, onStep: @escaping @Sendable (StepStatistics) -> Void
    ) {
        self.engine = engine
        self.batching = batching
        self.responses = responses
        self.writer = writer
        self.control = control
        self.onStep = onStep
    }

    /// Gives a lease's requests to the engine, as batches of their own or to join the others.
    ///
    /// - Returns: false if the engine has ended; the lease is then still the caller's.
    func begin(_ held: Worker.HeldLease) -> Bool {
        let (lease, watch) = (held.prepared, held.watch)
        var assembly = ResponseAssembly(lease: lease, responses: responses)
        let plan = BatchPlanner(capacity: engine.capacity).plan(lease.generations)
        let refused = plan.tooLong.compactMap { assembly.refuse($0, capacity: engine.capacity) }
        let generations = plan.batches.flatMap(\.self)
        let run = LeaseRun(held, assembly: assembly, generations: generations.count)
        guard open(run, failures: lease.failures + refused) else { return false }
        switch batching {
        case .refill: control.add(generations)
        case .static: for batch in plan.batches { control.add(batch, asBatch: true) }
        }
        let batches = generations.map { ($0.id, assembly.key(of: $0.id).batchID) }
        watch.watch(control, batchOfGeneration: Dictionary(uniqueKeysWithValues: batches))
        return true
    }

    /// Takes a lease into hand, in one piece: an engine that ends meanwhile ends before it or closes it.
    private func open(_ run: LeaseRun, failures: [FailedRequest]) -> Bool {
        state.withLock { state in
            guard !state.isOver else { return false }
            writer.open(run.watch)
            for failure in failures { writer.add(failure, of: run.watch) }
            state.openCount += 1
            state.runs.append(run)
            closeEnded(&state)
            return true
        }
    }

    /// Runs the engine until its control lets it end, and passes on what it tells.
    func answer() async {
        var lastFlush = ContinuousClock.now
        for await event in engine.generate(control) {
            handle(event)
            if ContinuousClock.now - lastFlush > Self.flushInterval {
                lastFlush = .now
                writer.flush()
            }
        }
        state.withLock { state in
            state.isOver = true
            for run in state.runs { writer.close(run.watch) }
            state.runs = []
        }
        writer.finish()
    }

    private func handle(_ event: GenerationEvent) {
        switch event {
        case .step(let step): onStep(step)
        case .checkpoint(let checkpoint): pass(checkpoint)
        case .finished(let completion): end(completion.id, with: event)
        case .failed(let id, _), .cancelled(let id): end(id, with: event)
        }
    }

    private func end(_ generation: Int, with event: GenerationEvent) {
        state.withLock { state in
            guard let index = state.runs.firstIndex(where: { $0.contains(generation) }) else { return }
            state.runs[index].end(with: event, writer: writer)
            closeEnded(&state)
        }
    }

    private func closeEnded(_ state: inout State) {
        for run in state.runs where run.isOver { writer.close(run.watch) }
        state.runs.removeAll(where: \.isOver)
    }

    /// Has every lease write its part of a checkpoint, which counts once all of them did.
    private func pass(_ checkpoint: GenerationCheckpoint) {
        let parts = state.withLock { state in
            state.runs.map { (watch: $0.watch, entries: $0.entries(of: checkpoint)) }.filter { !$0.entries.isEmpty }
        }
        let acknowledgement = SharedAcknowledgement(of: checkpoint.number, parts: parts.map(\.watch.token), control)
        for part in parts {
            writer.write(part.entries, of: part.watch) { acknowledgement.confirm(part.watch.token) }
        }
    }
}

// MARK: - Waiting

extension LeasesInHand {
    /// Whether every lease is closed.
    var isEmpty: Bool { state.withLock { $0.openCount == 0 } }

    /// Takes note that a lease is closed.
    func didClose() {
        state.withLock { state in
            state.openCount -= 1
            guard state.openCount == 0 else { return }
            for waiter in state.waiters { waiter.finish() }
            state.waiters = []
        }
    }

    /// Waits until every lease is closed, or the task is cancelled.
    func untilEmpty() async {
        let (stream, waiter) = AsyncStream.makeStream(of: Void.self)
        state.withLock { state in
            if state.openCount == 0 { waiter.finish() } else { state.waiters.append(waiter) }
        }
        for await _ in stream {}
    }

    /// Waits until every lease is closed, but no longer than some time.
    func untilEmpty(atMost duration: Duration) async {
        await withTaskGroup { group in
            group.addTask { await self.untilEmpty() }
            group.addTask { try? await Task.sleep(for: duration) }
            await group.next()
            group.cancelAll()
        }
    }
}

/// Confirms a checkpoint when all the leases that have a part of it wrote theirs.
private final class SharedAcknowledgement: Sendable {
    private let number: Int
    private let missing: Mutex<Set<Int64>>
    private let control: GenerationControl

    /// - Parameter parts: the leases' tokens.
    init(of number: Int, parts: [Int64], _ control: GenerationControl) {
        self.number = number
        self.control = control
        missing = Mutex(Set(parts))
        if parts.isEmpty { control.acknowledge(number) }
    }

    /// One lease wrote its part; it may say so again.
    func confirm(_ token: Int64) {
        let isWhole = missing.withLock { missing in
            missing.remove(token)
            return missing.isEmpty
        }
        if isWhole { control.acknowledge(number) }
    }
}
