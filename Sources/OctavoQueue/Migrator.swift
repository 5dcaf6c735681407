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
    /// Workers may be at work meanwhile. What they hold is waited for, but not for long, since whoever comes after waits
    /// behind the migration: then, and if one of the two has to yield to the other, it is tried again.
    ///
    /// - Returns: the names of the migrations that were applied.
    /// - Throws: `QueueError.schemaNewer`; `PostgresError`.
    @discardableResult
    public func migrate() async throws -> [String] {
        for _ in 0..<5 {
            do {
                return try await apply()
            } catch let error as PostgresError where Self.yielding.contains(error.sqlState) {
                try await Task.sleep(for: .milliseconds(500))
            }
        }
        return try await apply()
    }

    private static let yielding: Set<String?> = [SQLState.lockNotAvailable, SQLState.deadlockDetected]

    private func apply() async throws -> [String] {
        let (migrations, known) = (migrations, known)
        return try await connection.run { session in
            try session.transaction { session in
                _ = try session.rows(LockMigrations())
                let found = try session.schemaVersion()
                if let found, found > known {
                    try session.checkCompatibility(found: found, known: known)
                    return []
                }
                try session.execute("SET LOCAL lock_timeout = '5s'", name: "LimitWaiting")
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

    /// Migrates a database that holds no queue yet, and checks any other: an older one is brought up to date by a person,
    /// who knows whether other programs are at work on it.
    ///
    /// - Throws: as `migrate` and `verify`.
    public func prepare() async throws {
        do {
            try await verify()
        } catch QueueError.schemaMissing {
            try await migrate()
        }
    }

    /// The version of this program.
    var known: Int { migrations.last?.version ?? 0 }

    /// Checks, changing nothing, that the database has the version of this program, or a newer one on which programs of
    /// this version still work.
    ///
    /// - Returns: the version that the database has, and this program's.
    /// - Throws: `QueueError.schemaMissing`, `.schemaOutdated`, `.schemaNewer`; `PostgresError`.
    @discardableResult
    public func verify() async throws -> (found: Int, known: Int) {
        let known = known
        return try await connection.run { session in
            guard let found = try session.schemaVersion() else { throw QueueError.schemaMissing }
            if found < known { throw QueueError.schemaOutdated(found: found, needed: known) }
            if found > known { try session.checkCompatibility(found: found, known: known) }
            return (found, known)
        }
    }

    /// What must be there before the first migration. An administrator may have made the schema, for a role that may not.
    private static let preparation = """
        DO $$
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'octavo') THEN
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

extension PostgresSession {
    /// The version of the last migration that was applied; nil if none ever was.
    fileprivate func schemaVersion() throws -> Int? {
        try row(FindMigrations()) ? try row(FindSchemaVersion()) : nil
    }

    /// Checks that programs of version `known` may work on a schema that is newer.
    fileprivate func checkCompatibility(found: Int, known: Int) throws {
        // A schema without this column is older than any program that looks for it.
        let oldest = try row(FindOldestProgram())
        if known < oldest { throw QueueError.schemaNewer(found: found, known: known) }
    }
}

/// Held to the transaction's end, unlike a session's lock, and so safe behind a connection pool. The key is "octavo" in
/// ASCII.
private struct LockMigrations: Statement {
    static let sql = "SELECT pg_advisory_xact_lock(122472944989807)"

    static func decode(_ row: PostgresRow) {}
}

/// Whether any migration was ever applied. The catalog is read, since `to_regclass` may answer by what the session knew
/// before it waited for another migrator.
private struct FindMigrations: Statement {
    static let sql = """
        SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                        WHERE n.nspname = 'octavo' AND c.relname = 'migrations')
        """

    static func decode(_ row: PostgresRow) throws -> Bool { try row.bool(0) }
}

private struct FindSchemaVersion: Statement {
    static let sql = "SELECT coalesce(max(version), 0) FROM octavo.migrations"

    static func decode(_ row: PostgresRow) throws -> Int { try row.int(0) }
}

private struct FindOldestProgram: Statement {
    static let sql = "SELECT coalesce(max(oldest_program), 0) FROM octavo.migrations"

    static func decode(_ row: PostgresRow) throws -> Int { try row.int(0) }
}

private struct RecordMigration: Statement {
    static let sql = "INSERT INTO octavo.migrations (version, name) VALUES ($1::bigint, $2)"
    var migration: Migration

    var parameters: [PostgresValue] { [.int(migration.version), .text(migration.name)] }

    static func decode(_ row: PostgresRow) {}
}
