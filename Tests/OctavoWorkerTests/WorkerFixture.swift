import Foundation
import Logging
import OctavoEngine
import OctavoPostgres
import OctavoQueue
import OctavoTestSupport
import OctavoWorker
import ServiceLifecycle
import Testing

/// A migrated database of a test's own, and workers on it.
struct WorkerFixture: Sendable {
    let url: String
    let connection: PostgresConnection
    let queue: Queue

    static let logger = {
        var logger = Logger(label: "octavo.worker.tests")
        logger.logLevel = .critical
        return logger
    }()

    static func withDatabase<T>(_ body: (WorkerFixture) async throws -> T) async throws -> T {
        try await TestDatabase.withDatabase { url in
            let connection = PostgresConnection(PostgresConfiguration(connectionString: url), logger: logger)
            try await Migrator(connection).migrate()
            let value = try await body(
                WorkerFixture(url: url, connection: connection, queue: Queue(connection)))
            await connection.close()
            return value
        }
    }

    /// A worker that checkpoints every eighth token, and by default ends when nothing is left.
    func makeWorker(
        _ runner: ScriptedRunner = ScriptedRunner(), checkpointTokens: Int = 16, maximumBatch: Int = 32,
        configure: (inout WorkerConfiguration) -> Void = { _ in }
    ) -> Worker {
        var configuration = WorkerConfiguration(modelNames: ["letters"], fingerprint: "fp")
        // Long enough not to run out on a machine that is busy with other tests.
        configuration.leaseDuration = .seconds(300)
        configuration.pollInterval = .milliseconds(30)
        configuration.drains = true
        configure(&configuration)
        var settings = LocalEngine.Configuration()
        settings.checkpointTokens = checkpointTokens
        settings.maximumBatch = maximumBatch
        let engine = LocalEngine(runner: runner, tokens: ASCIITokens(), endTokens: [], configuration: settings)
        return Worker(
            configuration: configuration, engine: engine, encoder: ASCIITokens(), tokens: ASCIITokens(),
            database: PostgresConfiguration(connectionString: url), logger: Self.logger)
    }
}

/// A worker under way.
struct RunningWorker {
    let worker: Worker
    private let group: ServiceGroup
    private let task: Task<Void, any Error>

    init(_ worker: Worker) {
        self.worker = worker
        let service = ServiceGroupConfiguration.ServiceConfiguration(
            service: worker, successTerminationBehavior: .gracefullyShutdownGroup)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(services: [service], logger: WorkerFixture.logger))
        self.group = group
        task = Task { try await group.run() }
    }

    /// Tells it to stop, as SIGTERM does.
    func shutDown() async { await group.triggerGracefulShutdown() }

    /// Waits for its end.
    func end() async throws { try await task.value }
}

// MARK: - Batches

extension WorkerFixture {
    /// A request body that generates exactly `tokens` letters.
    static func body(_ prompt: String, tokens: Int, extra: String = "") -> String {
        #"{"prompt":"\#(prompt)","max_tokens":\#(tokens)\#(extra)}"#
    }

    /// Loads and activates a batch, one request per body.
    @discardableResult
    func addBatch(
        _ name: String = "batch", bodies: [String], seed: Int64 = 7, maximumAttempts: Int = 4
    ) async throws -> Int64 {
        let batch = NewBatch(
            name: name, idempotencyKey: name, fileIdentity: name, seed: seed, maximumAttempts: maximumAttempts,
            source: name)
        let id = try await queue.attach(batch).id
        let rows = bodies.enumerated().map { index, body in
            RequestRow(
                line: index + 1, promptTokens: 10, maximumNewTokens: 40, customID: "row-\(index + 1)",
                body: Array(body.utf8))
        }
        try await queue.load(rows, into: id, expectedRows: 0, loadedBytes: 1)
        try await queue.activate(id, total: rows.count)
        return id
    }

    /// Loads `count` requests of 40 letters each.
    @discardableResult
    func addBatch(_ name: String = "batch", count: Int, seed: Int64 = 7) async throws -> Int64 {
        try await addBatch(name, bodies: (1...count).map { Self.body("p\($0)", tokens: 40) }, seed: seed)
    }

    /// The answers of a batch by custom id; requests without one are missing.
    func answers(_ batch: Int64) async throws -> [String: String] {
        var answers: [String: String] = [:]
        for row in try await queue.export(batch: batch, window: 0) ?? [] {
            if case .finished(let body, _) = row.outcome { answers[row.customID] = body }
        }
        return answers
    }

    /// What an undisturbed worker answers to `addBatch(count:)`.
    static func undisturbedAnswers(count: Int) async throws -> [String: String] {
        try await withDatabase { fixture in
            let batch = try await fixture.addBatch(count: count)
            try await fixture.makeWorker().run()
            return try await fixture.answers(batch)
        }
    }

    /// Runs SQL, and returns the rows' first column as integers.
    @discardableResult
    func integers(_ sql: String) async throws -> [Int] {
        try await connection.run { session in try session.query(sql).map { try $0.int(0) } }
    }

    /// Runs SQL, and returns the rows' first column as text.
    func strings(_ sql: String) async throws -> [String] {
        try await connection.run { session in try session.query(sql).map { try $0.string(0) } }
    }

    /// Waits until the only worker has sent some heartbeats more; by the second, it has heard the answer to the first.
    func waitForHeartbeats(_ count: Int) async throws {
        var seen = Set(try await strings("SELECT seen_at::text FROM octavo.workers"))
        let before = seen.count
        let isBeating = try await eventually {
            seen.formUnion(try await strings("SELECT seen_at::text FROM octavo.workers"))
            return seen.count >= before + count
        }
        #expect(isBeating)
    }

    /// Checks that every request of an active or completed batch has one end, and that nothing of leases is left.
    func expectEverythingEndedOnce(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let strays = try await strings(
            """
            SELECT q.custom_id FROM octavo.requests q JOIN octavo.batches b ON b.id = q.batch_id AND b.state IN (1, 2, 4)
             WHERE (SELECT count(*) FROM octavo.results r WHERE r.batch_id = q.batch_id AND r.position = q.position)
                 + (SELECT count(*) FROM octavo.failures f
                     WHERE f.batch_id = q.batch_id AND f.position = q.position AND f.is_final) <> 1
            """)
        #expect(strays == [], sourceLocation: sourceLocation)
        for table in ["leases", "lease_ranges", "segments", "workers"] {
            let count = try await integers("SELECT count(*) FROM octavo.\(table)")
            #expect(count == [0], "\(table)", sourceLocation: sourceLocation)
        }
    }
}
