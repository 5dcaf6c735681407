public import OctavoPostgres

/// Brings a database's schema to the version that this program was built with.
public struct Migrator: Sendable {
    private let connection: PostgresConnection
    private let migrations: [Migration]

    /// Makes a migrator for the queue's own migrations.
    public init(_ connection: PostgresConnection) {
        self.init(connection, migrations: Migration.embedded)
    }

    package init(_ connection: PostgresConnection, migrations: [Migration]) {
        self.connection = connection
        self.migrations = migrations
    }

    /// Applies what is missing, all in one transaction; several programs at once do it one after the other.
    ///
    /// - Returns: the names of the migrations that were applied.
    /// - Throws: `QueueError.schemaNewer`; `PostgresError`.
    @discardableResult
    public func migrate() async throws -> [String] {
        let migrations = migrations
        return try await connection.run { session in
            try session.transaction { session in
                _ = try session.rows(LockMigrations())
                let found = try session.row(FindMigrations()) ? try session.rows(FindSchemaVersion()).first : nil
                let known = migrations.last?.version ?? 0
                if let found, found > known { throw QueueError.schemaNewer(found: found, known: known) }
                if found == nil { try session.execute(Self.preparation, name: "PrepareSchema") }
                let missing = migrations.filter { $0.version > found ?? 0 }
                for migration in missing {
                    try session.execute(migration.sql, name: migration.name)
                    _ = try session.rows(RecordMigration(migration: migration))
                }
                return missing.map(\.name)
            }
        }
    }

    /// Checks, changing nothing, that the database has the version of this program.
    ///
    /// - Throws: `QueueError.schemaMissing`, `.schemaOutdated`, `.schemaNewer`; `PostgresError`.
    public func verify() async throws {
        let known = migrations.last?.version ?? 0
        let found = try await connection.run { session in
            try session.row(FindMigrations()) ? try session.rows(FindSchemaVersion()).first : nil
        }
        guard let found else { throw QueueError.schemaMissing }
        if found < known { throw QueueError.schemaOutdated(found: found, needed: known) }
        if found > known { throw QueueError.schemaNewer(found: found, known: known) }
    }

    /// What must be there before the first migration. An administrator may have made the schema, for a role that may not.
    private static let preparation = """
        DO $$
        BEGIN
            IF to_regnamespace('octavo') IS NULL THEN
                CREATE SCHEMA octavo;
            END IF;
        END $$;
        CREATE TABLE octavo.migrations (
            version     integer NOT NULL,
            name        text NOT NULL,
            applied_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
            CONSTRAINT migrations_pkey PRIMARY KEY (version)
        );
        """
}

/// Held to the transaction's end, unlike a session's lock, and so safe behind a connection pool. The key is "octavo" in
/// ASCII.
private struct LockMigrations: Statement {
    static let sql = "SELECT pg_advisory_xact_lock(122472944989807)"

    static func decode(_ row: PostgresRow) {}
}

/// Whether any migration was ever applied.
private struct FindMigrations: Statement {
    static let sql = "SELECT to_regclass('octavo.migrations') IS NOT NULL"

    static func decode(_ row: PostgresRow) throws -> Bool { try row.bool(0) }
}

private struct FindSchemaVersion: Statement {
    static let sql = "SELECT coalesce(max(version), 0) FROM octavo.migrations"

    static func decode(_ row: PostgresRow) throws -> Int { try row.int(0) }
}

private struct RecordMigration: Statement {
    static let sql = "INSERT INTO octavo.migrations (version, name) VALUES ($1::bigint, $2)"
    var migration: Migration

    var parameters: [PostgresValue] { [.int(migration.version), .text(migration.name)] }

    static func decode(_ row: PostgresRow) {}
}
