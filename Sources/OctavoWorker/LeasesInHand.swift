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
        /// Which requests wait for others' answers.
        var sharing = AnswerSharing()
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
    private let threads: Int
    private let writer: ResultWriter
    private let control: GenerationControl
    private let onStep: @Sendable (StepStatistics) -> Void
    private let state = Mutex(State())

    /// - Parameter threads: how many the engine computes with, for core-seconds.
    init(
        engine: any InferenceEngine, batching: BatchingMode, responses: ResponseBody, threads: Int = 1,
        writer: ResultWriter, control: GenerationControl, onStep: @escaping @Sendable (StepStatistics) -> Void
    ) {
        self.engine = engine
        self.batching = batching
        self.responses = responses
        self.threads = threads
        self.writer = writer
        self.control = control
        self.onStep = onStep
    }

    /// Gives a lease's requests to the engine, as batches of their own or to join the others, but for those that others'
    /// answers answer.
    ///
    /// - Parameter findAnswers: finds which requests, of those that nobody computes here, were answered before.
    /// - Returns: false if the engine has ended; the lease is then still the caller's.
    func begin(
        _ held: Worker.HeldLease,
        findAnswers: (Set<AnswerIdentity>) async throws -> [AnswerIdentity: RequestKey]
    ) async throws -> Bool {
        // First what is in hand, then what is in the database: an answer goes from the one to the other.
        guard let first = open(held) else { return false }
        let answers = try await findAnswers(Set(first.compactMap { held.prepared.requests[$0].identity }))
        let (batches, owners) = plan(held, first, answers)
        switch batching {
        case .refill: control.add(batches.flatMap(\.self))
        case .static: for batch in batches { control.add(batch, asBatch: true) }
        }
        held.watch.watch(control, batchOfGeneration: owners)
        return true
    }

    /// Takes a lease into hand, in one piece: an engine that ends meanwhile ends before it or closes it.
    ///
    /// - Returns: the indices of the requests that are the first of their kind; `nil` if the engine has ended.
    private func open(_ held: Worker.HeldLease) -> [Int]? {
        state.withLock { state in
            guard !state.isOver else { return nil }
            let lease = held.prepared
            writer.open(held.watch)
            state.openCount += 1
            for failure in lease.failures { writer.add(failure, of: held.watch) }
            var first: [Int] = []
            var followers = 0
            for (index, request) in lease.requests.enumerated() {
                switch state.sharing.take(request, of: held.watch) {
                case .computes: first.append(index)
                case .waits: followers += 1
                case .copies(let source): copy(source, for: request, of: held.watch)
                }
            }
            state.runs.append(
                LeaseRun(
                    held, responses: responses, threads: threads,
                    generations: lease.generations(of: first).count, followers: followers))
            closeEnded(&state)
            return first
        }
    }

    /// Plans the requests that are to be computed, once those that need not be are out of the way.
    ///
    /// - Returns: what is to be computed, and the queue's batch of each generation; nothing if the engine has ended.
    private func plan(
        _ held: Worker.HeldLease, _ first: [Int], _ answers: [AnswerIdentity: RequestKey]
    ) -> (batches: [[GenerationRequest]], owners: [Int: Int64]) {
        state.withLock { state in
            guard let index = state.runs.firstIndex(where: { $0.watch === held.watch }) else { return ([], [:]) }
            var computed: [Int] = []
            for place in first {
                let request = held.prepared.requests[place]
                guard let source = request.identity.flatMap({ answers[$0] }) else {
                    computed.append(place)
                    continue
                }
                state.runs[index].skip(generations: request.encoded.generations.count)
                copy(source, for: request, of: held.watch)
                endFollowers(of: request, &state) { follower in copy(source, for: follower.request, of: follower.lease)
                }
            }
            let plan = BatchPlanner(capacity: engine.capacity).plan(held.prepared.generations(of: computed))
            for refused in plan.tooLong {
                let ended = state.runs[index].refuse(refused, capacity: engine.capacity)
                if let ended { settle(ended, of: held.watch, &state) }
            }
            let run = state.runs[index]
            let ids = plan.batches.joined().map(\.id)
            closeEnded(&state)
            return (plan.batches, Dictionary(uniqueKeysWithValues: ids.map { ($0, run.batch(of: $0)) }))
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
        case .measured(let id, let time): measure(id, time)
        case .checkpoint(let checkpoint): pass(checkpoint)
        case .finished(let completion): end(completion.id, with: event)
        case .failed(let id, _), .cancelled(let id): end(id, with: event)
        }
    }

    private func measure(_ generation: Int, _ time: GenerationTime) {
        state.withLock { state in
            guard let index = state.runs.firstIndex(where: { $0.contains(generation) }) else { return }
            state.runs[index].measure(generation, time)
        }
    }

    private func end(_ generation: Int, with event: GenerationEvent) {
        state.withLock { state in
            guard let index = state.runs.firstIndex(where: { $0.contains(generation) }) else { return }
            let watch = state.runs[index].watch
            if let ended = state.runs[index].end(generation, with: event) { settle(ended, of: watch, &state) }
            closeEnded(&state)
        }
    }

    /// Writes what became of a request, and ends those that waited for it as it did.
    private func settle(_ ended: LeaseRun.Ended, of watch: LeaseWatch, _ state: inout State) {
        switch ended.ending {
        case .finished(let result):
            writer.add(result, of: watch)
            endFollowers(of: ended.request, isAnswered: true, &state) { follower in
                copy(result.key, for: follower.request, of: follower.lease)
            }
        case .failed(var failure):
            writer.add(failure, of: watch)
            endFollowers(of: ended.request, &state) { follower in
                failure.key = follower.request.leased.key
                writer.add(failure, of: follower.lease)
            }
        case .dropped:
            // They go back to the queue with what their leases have left.
            endFollowers(of: ended.request, &state) { _ in }
        }
    }

    private func endFollowers(
        of request: PreparedRequest, isAnswered: Bool = false, _ state: inout State,
        _ end: (AnswerSharing.Follower) -> Void
    ) {
        for follower in state.sharing.end(request, isAnswered: isAnswered) {
            guard let index = state.runs.firstIndex(where: { $0.watch === follower.lease }) else { continue }
            state.runs[index].endFollower()
            end(follower)
        }
    }

    private func copy(_ source: RequestKey, for request: PreparedRequest, of watch: LeaseWatch) {
        writer.add(ReusedAnswer(key: request.leased.key, source: source), of: watch)
    }

    /// Takes note that answers were written, or could not be.
    func didSettle(_ identities: [AnswerIdentity]) {
        state.withLock { $0.sharing.settle(identities) }
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
