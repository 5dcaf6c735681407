public import OctavoPostgres

/// The job queue: batches of requests in PostgreSQL, leased to workers in ranges.
///
/// A value around a connection; several may share one. Operations that take a lease's token are idempotent: after a lost
/// connection, the same call again has the effect of one.
public struct Queue: Sendable {
    /// The most requests that `load` takes at once.
    public static let maximumWindowRows = 65_536

    let connection: PostgresConnection
    let waitsForServer: Bool

    /// Makes a queue on a connection to a migrated database.
    ///
    /// - Parameter waitsForServer: while PostgreSQL is away, whether to try again for ever (a worker), or to throw (a
    ///   command). Loading always throws, since only its caller knows how to resume.
    public init(_ connection: PostgresConnection, waitsForServer: Bool = false) {
        self.connection = connection
        self.waitsForServer = waitsForServer
    }

    /// Runs idempotent work.
    func perform<T: Sendable>(_ body: @escaping @Sendable (PostgresSession) throws -> T) async throws -> T {
        if waitsForServer { return try await connection.runRetrying(body) }
        for _ in 0..<3 {
            do {
                return try await connection.run(body)
            } catch let error as PostgresError where error.isConflict {
                continue  // rolled back; a serialization failure is a batch cancelled meanwhile, and refused next time
            }
        }
        return try await connection.run(body)
    }

    func rows<S: Statement>(_ statement: S) async throws -> [S.Row] {
        try await perform { try $0.rows(statement) }
    }

    func row<S: Statement>(_ statement: S) async throws -> S.Row {
        try await perform { try $0.row(statement) }
    }
}

extension PostgresError {
    /// Whether the work was rolled back only because of another transaction, and may be done again at once.
    fileprivate var isConflict: Bool {
        sqlState == SQLState.serializationFailure || sqlState == SQLState.deadlockDetected
    }
}
