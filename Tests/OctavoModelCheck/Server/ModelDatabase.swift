import Logging
import OctavoPostgres
import OctavoQueue
import OctavoTestSupport

/// A database with the queue's real tables and functions, and one session, used by one thread at a time.
final class ModelDatabase: @unchecked Sendable {
    let session: PostgresSession
    private let url: String

    /// Opens a migrated and prepared database.
    init(_ url: String) throws {
        self.url = url
        session = try PostgresSession(PostgresConfiguration(connectionString: url))
    }

    /// Another session on the same database.
    func another() throws -> ModelDatabase { try ModelDatabase(url) }

    /// Migrates a new database, plants a bug, and loads the requests of a scope; nothing of them is queued yet.
    static func prepare(_ url: String, for scope: Scope, bug: PlantedBug?) async throws -> ModelDatabase {
        let connection = PostgresConnection(
            PostgresConfiguration(connectionString: url), logger: Logger(label: "octavo.model-check"))
        try await Migrator(connection).migrate()
        await connection.close()
        let database = try ModelDatabase(url)
        try database.session.execute(SnapshotSQL.functions)
        try bug?.plant(in: database.session)
        for (index, count) in scope.batches.enumerated() {
            try database.session.query(
                SnapshotSQL.load, [.int32(Int32(count)), .int32(Int32(scope.maximumAttempts)), .text("\(index)")])
        }
        return database
    }

    /// The state in which every request of a scope waits for its first claim.
    static func initialWorld(_ scope: Scope) -> World {
        var queue = QueueState()
        for (index, count) in scope.batches.enumerated() {
            queue.batches.append(.init(state: 1, done: 0, failed: 0, promptTokens: 0, completionTokens: 0))
            let range = RequestRange(batch: index + 1, positions: 0..<count)
            queue.segments.append(.init(range: range, availability: .now, losses: 0, previous: nil))
        }
        let writers = Array(repeating: Writer.idle, count: scope.writers)
        return World(queue: queue, writers: writers, checkpointsLeft: scope.checkpoints)
    }

    /// Runs `body` in a transaction that is rolled back.
    func provisionally<T>(_ body: () throws -> T) throws -> T {
        try session.execute("BEGIN")
        defer { try? session.execute("ROLLBACK") }
        return try body()
    }

    /// What the common oracle has to say of the tables.
    func problems() throws -> [String] {
        try session.query("SELECT problem FROM model_check.problems()").map { try $0.string(0) }
    }
}
