public import Logging
public import OctavoCore
public import OctavoEngine
public import OctavoPostgres
import OctavoQueue
public import ServiceLifecycle

/// The daemon: claims requests, generates, writes results back, until it is told to stop or nothing is left to do.
public struct Worker: Service {
    /// What it has done so far.
    public let statistics = WorkerStatistics()
    /// Who it is.
    public let identity = WorkerIdentity()

    let configuration: WorkerConfiguration
    let engine: any InferenceEngine
    let preparation: RequestPreparation
    let responses: ResponseBody
    let queue: Queue
    /// The queue on a connection of its own, so that results need not wait for claims, nor claims for results.
    let results: Queue
    let keeper: LeaseKeeper
    let shutdown = ShutdownSwitch()
    let logger: Logger
    private let connections: [PostgresConnection]

    /// A worker around an engine.
    ///
    /// - Parameter encoder: renders and tokenizes prompts.
    /// - Parameter tokens: gives the bytes of tokens, for log-probabilities.
    /// - Parameter database: three connections are opened to it: for claims, for results, and for heartbeats.
    public init(
        configuration: WorkerConfiguration, engine: any InferenceEngine, encoder: any PromptEncoding,
        tokens: any TokenDecoding, database: PostgresConfiguration, logger: Logger
    ) {
        self.configuration = configuration
        self.engine = engine
        self.logger = logger
        responses = ResponseBody(
            model: configuration.modelNames[0], systemFingerprint: configuration.fingerprint, tokens: tokens,
            reportsCachedTokens: configuration.reportsCachedTokens)
        preparation = RequestPreparation(
            encoder: encoder, defaults: configuration.samplingDefaults, maximumLogprobs: configuration.maximumLogprobs,
            identification: AnswerIdentification(responses))
        connections = (0..<3).map { _ in PostgresConnection(database, logger: logger) }
        queue = Queue(connections[0], waitsForServer: true)
        results = Queue(connections[1], waitsForServer: true)
        keeper = LeaseKeeper(
            queue: Queue(connections[2], waitsForServer: true), identity: identity, configuration: configuration,
            statistics: statistics, logger: logger)
    }

    /// Works until a graceful shutdown, or with `drains` until nothing is left.
    public func run() async throws {
        try await Migrator(connections[0]).verify()
        do {
            try await withGracefulShutdownHandler {
                try await work()
            } onGracefulShutdown: {
                shutdown.turnOn()
            }
        } catch {
            await closeConnections()
            throw error
        }
        await closeConnections()
    }

    private func closeConnections() async {
        for connection in connections { await connection.close() }
    }

    private func work() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            try await keeper.beat()
            group.addTask { await reapUntilCancelled() }
            group.addTask {
                async let beating: Void = keeper.run()
                try await processLeases()
                // Clears away the checkpoints that the last leases left.
                try await queue.reap(limit: 100)
                // One more heartbeat would bring back the entry that is removed then.
                await keeper.stop()
                await beating
                try await queue.retire(worker: identity.name)
                throw Finished()
            }
            do {
                for try await _ in group {}
            } catch is Finished {}
        }
    }

    /// Ends the task group, whose other tasks run for ever.
    private struct Finished: Error {}

    private func reapUntilCancelled() async {
        // Does not wait for the server: what was true when the wait began may not be when it ends.
        let queue = Queue(connections[0])
        while !Task.isCancelled {
            do {
                if await keeper.isSteady {
                    try await retireDeadNeighbors(queue)
                    let count = try await queue.reap(limit: 100)
                    if count > 0 {
                        logger.notice("returned the requests of lost leases", metadata: ["leases": "\(count)"])
                    }
                }
            } catch {
                if Task.isCancelled { return }
                let isAway = (error as? PostgresError)?.isTransient ?? false
                logger.log(level: isAway ? .info : .warning, "reaping failed", metadata: ["error": "\(error)"])
            }
            await shutdown.nap(configuration.heartbeatInterval / 2)
            if shutdown.isOn { return }
        }
    }

    private func retireDeadNeighbors(_ queue: Queue) async throws {
        let dead = DeadNeighbors.find(among: try await queue.workers(), of: identity)
        try await queue.expireLeases(ofWorkers: dead)
        for worker in dead { try await queue.retire(worker: worker) }
    }
}
