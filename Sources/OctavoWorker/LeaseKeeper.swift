import Logging
import OctavoQueue

/// Sends the heartbeats of a worker's leases, on a connection and a thread of its own, so that neither computing nor
/// writing can delay them.
actor LeaseKeeper {
    private let queue: Queue
    private let identity: WorkerIdentity
    private let configuration: WorkerConfiguration
    private let statistics: WorkerStatistics
    private let logger: Logger
    private let thread = SerialThread(label: "octavo.heartbeat")
    private var watches: [Int64: LeaseWatch] = [:]
    private var pause = Pause()
    private var isStopped = false
    private var lastBeat: ContinuousClock.Instant?
    private var lastGap: ContinuousClock.Instant?

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(
        queue: Queue, identity: WorkerIdentity, configuration: WorkerConfiguration, statistics: WorkerStatistics,
        logger: Logger
    ) {
        self.queue = queue
        self.identity = identity
        self.configuration = configuration
        self.statistics = statistics
        self.logger = logger
    }

    /// Takes a lease into care.
    func keep(_ lease: Lease) -> LeaseWatch {
        let watch = LeaseWatch(
            token: lease.token, requestCount: lease.requests.count, batches: Set(lease.requests.map(\.key.batchID)))
        watches[lease.token] = watch
        return watch
    }

    /// A lease that is closed needs no more heartbeats.
    func forget(_ watch: LeaseWatch) { watches[watch.token] = nil }

    private var currentRequests: Int { watches.values.reduce(0) { $0 + $1.requestCount } }

    /// Beats until stopped or cancelled.
    func run() async {
        while !Task.isCancelled, !isStopped {
            do {
                try await beat()
            } catch is CancellationError {
                return
            } catch {
                logger.warning("heartbeat failed", metadata: ["error": "\(error)"])
            }
            guard !isStopped else { return }
            pause = Pause()
            await pause.wait(for: configuration.heartbeatInterval, on: thread)
        }
    }

    /// Lets `run` return once the heartbeat under way is answered.
    func stop() {
        isStopped = true
        pause.end()
    }

    /// Sends one heartbeat and passes its answer on.
    func beat() async throws {
        let tokens = Array(watches.keys)
        let beat = WorkerBeat(
            name: identity.name, host: identity.host, processID: identity.processID, models: configuration.modelNames,
            fingerprint: configuration.fingerprint, program: configuration.program,
            tokensPerSecond: statistics.tokensPerSecond(),
            currentRequests: currentRequests)
        let health = try await queue.heartbeat(
            worker: beat, tokens: tokens, timeToLive: configuration.leaseDuration)
        noteBeat()
        for token in tokens {
            // A lease forgotten while the heartbeat was under way is closed, not lost.
            guard let watch = watches[token] else { continue }
            guard let lease = health[token] else {
                logger.warning("lease lost: another worker has its requests", metadata: ["lease": "\(token)"])
                watch.lose()
                watches[token] = nil
                continue
            }
            watch.drop(lease.idleBatches(of: watch.batches))
        }
    }

    private func noteBeat() {
        let now = ContinuousClock.now
        if let lastBeat, now - lastBeat > configuration.heartbeatInterval * 2 { lastGap = now }
        lastBeat = now
    }

    /// Whether the heartbeats have come through, without a gap, for the time of a lease, or since the worker started.
    ///
    /// After a gap the server was away, or this worker was: leases that seem to have expired may be those of workers who
    /// could not renew them either, and will as soon as they have reached the server again.
    var isSteady: Bool {
        let now = ContinuousClock.now
        guard let lastBeat, now - lastBeat <= configuration.heartbeatInterval * 2 else { return false }
        return lastGap.map { now - $0 >= configuration.leaseDuration } ?? true
    }
}
