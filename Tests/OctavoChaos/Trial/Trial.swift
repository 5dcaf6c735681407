import Foundation
import Logging
import OctavoFiles
import OctavoPostgres
import OctavoQueue
import OctavoTestSupport
import OctavoWorker

/// One fault under way: a database of its own, the network before it, the workers, and what is noted down.
struct Trial: Sendable {
    /// Holds the trial's files; gone after it.
    let directory: URL
    let server: ChaosServer
    /// The name of the trial's database.
    let database: String
    /// What lies between workers and server.
    let proxy: TCPProxy
    let program: WorkerProgram
    let pace: Pace
    let fleet = WorkerFleet()
    let journal = TrialJournal()
    private let connection: PostgresConnection

    /// The queue, by a connection that no fault of the network concerns.
    var queue: Queue { Queue(connection, waitsForServer: true) }

    /// Makes the surroundings of a trial, and removes them after `body`.
    static func with<T>(
        server: ChaosServer, program: WorkerProgram, pace: Pace, _ body: (Trial) async throws -> T
    ) async throws -> T {
        try await TemporaryDirectory.with { directory in
            let database = try server.makeDatabase()
            let trial = Trial(
                directory: directory, server: server, database: database,
                proxy: try TCPProxy(to: try server.socketPath), program: program, pace: pace,
                connection: PostgresConnection(
                    PostgresConfiguration(connectionString: server.url(database)), logger: quiet))
            try await Migrator(trial.connection).migrate()
            let outcome: Result<T, any Error>
            do { outcome = .success(try await body(trial)) } catch { outcome = .failure(error) }
            _ = await trial.fleet.stop(patience: .seconds(1))
            trial.proxy.close()
            await trial.connection.close()
            try? server.dropDatabase(database)
            return try outcome.get()
        }
    }

    private static let quiet = Logger(label: "chaos", factory: { _ in SwiftLogNoOpLogHandler() })

    /// The connection string by the proxy.
    var proxiedURL: String { url(at: proxy) }

    /// The connection string by the Unix socket.
    var directURL: String { server.url(database) }

    /// The file to which all workers of the trial write their steps.
    var trace: String { directory.appending(path: "trace.jsonl").path }

    /// The connection string by some proxy.
    func url(at proxy: TCPProxy) -> String {
        "postgresql://octavo@\(proxy.address):\(proxy.port)/\(database)?sslmode=disable&gssencmode=disable"
    }

    /// One more connection that no fault of the network concerns.
    func connect() -> PostgresConnection {
        PostgresConnection(PostgresConfiguration(connectionString: directURL), logger: Self.quiet)
    }

    // MARK: - Work and workers

    /// Queues a workload, in several windows.
    @discardableResult
    func enqueue(_ workload: Workload) async throws -> Int64 {
        var options = EnqueueOptions(files: [try workload.write(into: directory)])
        // Part of the output's identifiers, and by default a hash of the file.
        options.seed = 7
        options.windowRows = 100
        options.maximumAttempts = workload.maximumAttempts
        options.priority = workload.priority
        options.reusesAnswers = workload.distinct != nil
        guard let batch = try await Enqueuer(options, queue: queue).run().batchID else {
            throw TrialError("nothing was queued")
        }
        return batch
    }

    /// Starts workers.
    @discardableResult
    func startWorkers(
        _ count: Int, goodSteps: Int = .max, database url: String? = nil, prefix: [String] = [],
        environment: [String: String] = [:]
    ) async throws -> [RunningProcess] {
        let url = url ?? proxiedURL
        var processes: [RunningProcess] = []
        for _ in 0..<count {
            let process = try await fleet.start { [program, pace, trace] in
                try program.start(
                    pace, database: url, trace: trace, goodSteps: goodSteps, prefix: prefix, environment: environment)
            }
            processes.append(process)
        }
        return processes
    }

    // MARK: - Looking

    /// Runs SQL by a connection that waits for the server, and returns the rows' first column as integers.
    @discardableResult
    func integers(_ sql: String) async throws -> [Int] {
        try await connection.runRetrying { session in try session.query(sql).map { try $0.int(0) } }
    }

    /// Runs SQL that gives one number.
    func integer(_ sql: String) async throws -> Int { try await integers(sql).first ?? 0 }

    /// Runs any SQL.
    func execute(_ sql: String) async throws { try await connection.run { try $0.execute(sql) } }

    /// Requests that have come to an end.
    func endedCount() async throws -> Int { try await integer("SELECT sum(done + failed)::bigint FROM octavo.batches") }

    /// Waits until a condition holds.
    ///
    /// - Throws: if it does not within three minutes.
    func wait(for what: String, _ condition: @Sendable () async throws -> Bool) async throws {
        guard try await eventually(within: .seconds(180), condition) else {
            throw TrialError("waited three minutes for \(what)")
        }
    }

    /// Waits until a share of all requests have ended.
    func wait(forShare share: Double) async throws {
        let total = try await integer("SELECT sum(total)::bigint FROM octavo.batches")
        try await wait(for: "\(Int(share * 100)) % of the requests") {
            try await Double(endedCount()) >= share * Double(total)
        }
    }

    /// The time since a moment, for people.
    func seconds(since start: ContinuousClock.Instant) -> String {
        String(format: "%.2f s", (ContinuousClock.now - start) / .seconds(1))
    }

    /// Waits until every batch has ended, while dead workers are replaced.
    func drain(patience: Duration) async throws {
        let deadline = ContinuousClock.now + patience
        while try await integer("SELECT count(*) FROM octavo.batches WHERE state NOT IN (3, 4)") > 0 {
            guard ContinuousClock.now < deadline else {
                let ended = try await endedCount()
                throw TrialError("not drained after \(patience); \(ended) requests have ended")
            }
            try await fleet.keepUp()
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
