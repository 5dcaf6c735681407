import Foundation
import Logging
import OctavoPostgres
import OctavoTestSupport
import Testing

@Suite struct SessionTests {
    @Test func `a refused statement tells its SQLSTATE, name and hint, and the session goes on`() async throws {
        try await TestDatabase.withDatabase { url in
            let session = try session(url)
            try session.execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
            let duplicate = await postgresError {
                try session.query("INSERT INTO t VALUES ($1)", [.int32(1)], name: "Add")
            }
            #expect(duplicate?.kind == .server)
            #expect(duplicate?.sqlState == SQLState.uniqueViolation)
            #expect(duplicate?.statement == "Add")
            #expect(duplicate?.detail?.contains("(1)") == true)
            #expect(duplicate?.description.contains("Key (id)") == false, "a row must not reach a log")
            #expect(duplicate?.isTransient == false)
            let misspelt = await postgresError { try session.query("SELECT idd FROM t") }
            #expect(misspelt?.hint?.contains("t.id") == true)
            #expect(session.isAlive)
            #expect(try session.query("SELECT id FROM t").only().int("id") == 1)
        }
    }

    @Test func `a script runs all its statements or none`() async throws {
        try await TestDatabase.withDatabase { url in
            let session = try session(url)
            let error = await postgresError {
                try session.execute("CREATE TABLE a (); SELECT 1/0; CREATE TABLE b ()", name: "Script")
            }
            #expect(error?.sqlState == "22012")
            #expect(try session.query("SELECT FROM pg_class WHERE relname IN ('a', 'b')").isEmpty)
            try session.execute("CREATE TABLE a (); CREATE TABLE b ()")
            #expect(try session.query("SELECT FROM pg_class WHERE relname IN ('a', 'b')").count == 2)
        }
    }

    @Test func `affected rows are counted`() async throws {
        try await TestDatabase.withDatabase { url in
            let session = try session(url)
            try session.execute("CREATE TABLE t (id bigint)")
            let inserted = try session.query("INSERT INTO t SELECT unnest($1::bigint[])", [.int8Array([1, 2, 3])])
            #expect(inserted.affectedRows == 3)
            #expect(try session.query("DELETE FROM t WHERE id > $1", [1]).affectedRows == 2)
        }
    }

    @Test func `a transaction is rolled back when its body throws, and committed when it returns`() async throws {
        try await TestDatabase.withDatabase { url in
            let session = try session(url)
            try session.execute("CREATE TABLE t (id bigint)")
            #expect(throws: CancellationError.self) {
                try session.transaction { session in
                    try session.query("INSERT INTO t VALUES (1)")
                    throw CancellationError()
                }
            }
            #expect(try session.query("SELECT FROM t").isEmpty)
            let answer = try session.transaction { session in
                try session.query("INSERT INTO t VALUES (2) RETURNING id").only().int("id")
            }
            #expect(answer == 2)
            #expect(try session.query("SELECT FROM t").count == 1)
        }
    }

    @Test func `a commit that rolled back is an error`() async throws {
        try await TestDatabase.withDatabase { url in
            let session = try session(url)
            let error = await postgresError {
                try session.transaction { session in
                    _ = try? session.query("SELECT 1/0")
                }
            }
            #expect(error?.sqlState == SQLState.inFailedTransaction)
            #expect(session.isAlive)
        }
    }

    @Test func `an interrupt ends a statement in progress, on the server too`() async throws {
        try await TestDatabase.withDatabase { url in
            let interrupt = PostgresInterrupt()
            async let outcome = onThread {
                let session = try PostgresSession(
                    PostgresConfiguration(connectionString: url, applicationName: "sleeper"), interrupt: interrupt)
                do throws(PostgresError) {
                    try session.query("SELECT pg_sleep(60)", name: "Sleep")
                    return PostgresError?.none
                } catch {
                    #expect(!session.isAlive)
                    return error
                }
            }
            let observer = try session(url)
            func sleepers() throws -> Int {
                try observer.query(
                    "SELECT FROM pg_stat_activity WHERE application_name = 'sleeper' AND wait_event = 'PgSleep'"
                ).count
            }
            #expect(try await eventually { try sleepers() == 1 })
            interrupt.signal()
            let error = try await outcome
            #expect(error?.kind == .cancelled)
            #expect(error?.isTransient == false)
            #expect(try await eventually { try sleepers() == 0 })
        }
    }

    @Test func `a statement that takes too long is canceled and the connection given up`() async throws {
        try await TestDatabase.withDatabase { url in
            let session = try session(url, statementTimeout: .milliseconds(50))
            let error = await postgresError { try session.query("SELECT pg_sleep(60)", name: "Sleep") }
            #expect(error?.kind == .connection)
            #expect(error?.message == "no answer from PostgreSQL within 0.05 seconds")
            #expect(error?.isTransient == true)
            #expect(!session.isAlive)
        }
    }

    @Test func `a session whose backend was ended says so`() async throws {
        try await TestDatabase.withDatabase { url in
            let victim = try session(url)
            try session(url).query("SELECT pg_terminate_backend($1)", [.int32(victim.backendProcessID)])
            #expect(await eventually { !victim.isAlive })
            let error = await postgresError { try victim.query("SELECT 1") }
            #expect(error?.kind == .connection)
            #expect(error?.isTransient == true)
        }
    }

    @Test func `a search path goes with the connection`() async throws {
        try await TestDatabase.withDatabase { url in
            try session(url).execute("CREATE SCHEMA \"my queue\"; CREATE TABLE \"my queue\".t ()")
            let configuration = PostgresConfiguration(connectionString: url, searchPath: "\"my queue\"")
            #expect(try PostgresSession(configuration).query("SELECT FROM t").isEmpty)
        }
    }

    @Test func `notifications arrive while waiting, and an empty wait ends in time`() async throws {
        try await TestDatabase.withDatabase { url in
            let listener = try session(url)
            try listener.execute("LISTEN news")
            #expect(try listener.notifications(waitingUpTo: .milliseconds(20)).isEmpty)
            let sender = try session(url)
            try sender.query("SELECT pg_notify('news', 'hello')")
            let arrived = try listener.notifications(waitingUpTo: .seconds(10))
            #expect(arrived.map(\.channel) == ["news"])
            #expect(arrived.map(\.payload) == ["hello"])
            #expect(arrived.map(\.processID) == [sender.backendProcessID])
        }
    }

    @Test func `the server's notices go to the logger, none above info`() async throws {
        try await TestDatabase.withDatabase { url in
            let handler = RecordingLogHandler()
            let logger = Logger(label: "test", factory: { _ in handler })
            let session = try PostgresSession(PostgresConfiguration(connectionString: url), logger: logger)
            try session.execute("DO $$ BEGIN RAISE NOTICE 'quiet'; RAISE WARNING 'loud'; END $$")
            #expect(handler.lines == ["debug PostgreSQL: quiet", "info PostgreSQL: loud"])
        }
    }
}
