import OctavoPostgres
import OctavoQueue
import OctavoTestSupport
import Testing

@Suite struct UpgradeTests {
    private static let first = [Migration.embedded[0]]
    private static let future = Migration(name: "9998_future", sql: "CREATE TABLE octavo.future ()")
    private static let farFuture = Migration(
        name: "9999_far_future",
        sql: "ALTER TABLE octavo.migrations ALTER COLUMN oldest_program SET DEFAULT 9999; CREATE TABLE octavo.far ()")

    @Test(.timeLimit(.minutes(5)))
    func `workers of version 1 go on while the schema is migrated under them, and after it`() async throws {
        try await TestDatabase.withDatabase { url in
            let connection = QueueFixture.connect(url)
            try await Migrator(connection, migrations: Self.first).migrate()
            let total = 3000
            try await connection.run { try FirstVersionWorker.enqueue(total, on: $0) }
            let workers = (0..<3).map { FirstVersionWorker(url: url, name: "old \($0)") }
            let counts = try await withThrowingTaskGroup(of: FirstVersionWorker.Counts.self) { group in
                for worker in workers { group.addTask { try await worker.run() } }
                group.addTask {
                    // In the middle of the work.
                    while try await Self.finished(connection) < total / 3 {
                        try await Task.sleep(for: .milliseconds(2))
                    }
                    _ = try await Migrator(QueueFixture.connect(url)).migrate()
                    return FirstVersionWorker.Counts()
                }
                return try await group.reduce(into: FirstVersionWorker.Counts()) { $0.add($1) }
            }
            #expect(counts.finished == total && counts.errors == [])
            #expect(counts.statuses > 0)
            let fixture = QueueFixture(url: url, connection: connection, queue: Queue(connection))
            try await fixture.expectConsistent()
            try await fixture.expectNothingLeftOver()
            #expect(try await fixture.queue.batchSummary(1).state == .completed)
            await connection.close()
        }
    }

    @Test func `workers of version 1 are told that a batch has expired as if it had been cancelled`() async throws {
        try await QueueFixture.withQueue { fixture in
            var batch = QueueFixture.newBatch("batch")
            batch.deadline = .after(.seconds(3600))
            try await fixture.addBatch(batch, lengths: [1, 2])
            let lease = try await fixture.queue.mustClaim(1)
            try await fixture.integers("UPDATE octavo.batches SET deadline_at = clock_timestamp()")
            try await fixture.queue.expireOverdue()
            let told = try await fixture.integers(
                "SELECT state FROM octavo.heartbeat_v1('w', 'h', 1, '{}', 'f', 0, 1, ARRAY[\(lease.token)]::bigint[], 60)"
            )
            #expect(told == [Int(BatchState.cancelled.rawValue)])
            #expect(try await fixture.integers("SELECT state FROM octavo.batches") == [3])
        }
    }

    @Test func `roles that were granted their privileges before have what newer tables need`() async throws {
        try await TestDatabase.withDatabase { url in
            let connection = QueueFixture.connect(url)
            let fixture = QueueFixture(url: url, connection: connection, queue: Queue(connection))
            try await Migrator(connection, migrations: Array(Migration.embedded.prefix(4))).migrate()
            let role = try await fixture.strings("SELECT 'worker of ' || current_database()")[0]
            try await connection.run { session in
                try session.execute(
                    """
                    CREATE ROLE "\(role)";
                    GRANT INSERT ON octavo.results, octavo.leases TO "\(role)";
                    GRANT SELECT ON octavo.batches TO "\(role)"
                    """)
            }
            try await Migrator(connection).migrate()
            let granted = try await fixture.strings(
                """
                SELECT c.relname || ' ' || a.privilege_type FROM pg_class c, aclexplode(c.relacl) a
                 WHERE c.relnamespace = 'octavo'::regnamespace AND a.grantee = '"\(role)"'::regrole
                   AND c.relname NOT IN ('results', 'leases', 'batches') ORDER BY 1
                """)
            #expect(
                granted == [
                    "answers INSERT", "answers SELECT", "answers UPDATE", "request_timings SELECT", "timings INSERT",
                    "timings SELECT", "virtual_clock SELECT", "virtual_clock UPDATE",
                ])
            try await connection.run { session in
                try session.execute("DROP OWNED BY \"\(role)\"; DROP ROLE \"\(role)\"")
            }
            await connection.close()
        }
    }

    private static func finished(_ connection: PostgresConnection) async throws -> Int {
        try await connection.run { try $0.query("SELECT count(*) FROM octavo.results").only().int(0) }
    }

    @Test func `a program works on a newer schema, unless that one says that it must not`() async throws {
        try await QueueFixture.withQueue { fixture in
            let known = try #require(Migration.embedded.last).version
            let program = Migrator(fixture.connection)
            #expect(
                try await Migrator(fixture.connection, migrations: Migration.embedded + [Self.future]).migrate()
                    == ["9998_future"])
            let versions = try await program.verify()
            #expect(versions == (found: 9998, known: known))
            #expect(try await program.migrate() == [])
            try await program.prepare()
            try await fixture.addBatch(count: 2)
            try await fixture.queue.finish(fixture.queue.mustClaim(2))

            let newest = Migrator(fixture.connection, migrations: Migration.embedded + [Self.future, Self.farFuture])
            #expect(try await newest.migrate() == ["9999_far_future"])
            try await newest.verify()
            await #expect(throws: QueueError.schemaNewer(found: 9999, known: known)) { try await program.verify() }
            await #expect(throws: QueueError.schemaNewer(found: 9999, known: known)) { try await program.migrate() }
        }
    }

    @Test func `an old schema is not brought up to date by the way`() async throws {
        try await TestDatabase.withDatabase { url in
            let connection = QueueFixture.connect(url)
            try await Migrator(connection, migrations: Self.first).migrate()
            let needed = try #require(Migration.embedded.last).version
            await #expect(throws: QueueError.schemaOutdated(found: 1, needed: needed)) {
                try await Migrator(connection).prepare()
            }
            #expect("\(QueueError.schemaOutdated(found: 1, needed: needed))".contains("run: octavo database migrate"))
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `a migration waits its turn without holding up the workers for long`() async throws {
        try await TestDatabase.withDatabase { url in
            let connection = QueueFixture.connect(url)
            try await Migrator(connection, migrations: Self.first).migrate()
            let reader = try PostgresSession(PostgresConfiguration(connectionString: url))
            // Nobody can alter what a transaction has read until it ends.
            try reader.execute("BEGIN; SELECT count(*) FROM octavo.batches")
            async let migrated = Migrator(QueueFixture.connect(url)).migrate()
            try await Task.sleep(for: .milliseconds(5500))
            // Between two attempts, and in them, others get through.
            #expect(try await Self.finished(connection) == 0)
            try reader.execute("ROLLBACK")
            #expect(try await migrated == Migration.embedded.dropFirst().map(\.name))
        }
    }
}
