import Foundation
import Logging
import OctavoPostgres
import OctavoTestSupport
import Testing

@Suite struct ConnectionTests {
    private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    private func connection(_ url: String) -> PostgresConnection {
        PostgresConnection(PostgresConfiguration(connectionString: url), logger: logger)
    }

    /// Ends a backend, and returns when it is gone.
    private func terminate(_ processID: Int32, _ url: String) async throws {
        let observer = try session(url)
        try observer.query("SELECT pg_terminate_backend($1)", [.int32(processID)])
        let gone = try await eventually {
            try observer.query("SELECT FROM pg_stat_activity WHERE pid = $1", [.int32(processID)]).isEmpty
        }
        #expect(gone)
    }

    @Test func `a connection is made once and kept`() async throws {
        try await TestDatabase.withDatabase { url in
            let connection = connection(url)
            let first = try await connection.run { $0.backendProcessID }
            let second = try await connection.run { $0.backendProcessID }
            #expect(first == second)
            await connection.close()
        }
    }

    @Test func `a connection that the server ended while idle is made again`() async throws {
        try await TestDatabase.withDatabase { url in
            let connection = connection(url)
            let first = try await connection.run { $0.backendProcessID }
            try await terminate(first, url)
            let second = try await connection.run { $0.backendProcessID }
            #expect(first != second)
        }
    }

    @Test func `work whose connection is lost midway fails once, and is retried when asked`() async throws {
        try await TestDatabase.withDatabase { url in
            let suicide: @Sendable (PostgresSession) throws -> Void = { session in
                try session.query("SELECT pg_terminate_backend(pg_backend_pid())")
            }
            let connection = connection(url)
            let error = await postgresError { try await connection.run(suicide) }
            #expect(error?.kind == .connection)
            #expect(error?.sqlState == SQLState.adminShutdown)

            let attempts = Counter()
            let answer = try await connection.runRetrying { session in
                if attempts.increment() < 3 { try suicide(session) }
                return try session.query("SELECT 42 AS answer").only().int("answer")
            }
            #expect(answer == 42)
            #expect(attempts.value == 3)
        }
    }

    @Test func `an error that is not transient is not retried`() async throws {
        try await TestDatabase.withDatabase { url in
            let attempts = Counter()
            let error = await postgresError {
                try await connection(url).runRetrying { session in
                    attempts.increment()
                    try session.query("SELECT 1/0")
                }
            }
            #expect(error?.sqlState == "22012")
            #expect(attempts.value == 1)
        }
    }

    @Test func `a transaction left open is not seen by the next work`() async throws {
        try await TestDatabase.withDatabase { url in
            let connection = connection(url)
            try await connection.run { try $0.execute("CREATE TABLE t ()") }
            try await connection.run { try $0.execute("BEGIN; DROP TABLE t") }
            #expect(try await connection.run { try $0.query("SELECT FROM t").isEmpty })
        }
    }

    @Test func `a canceled task stops waiting for its statement`() async throws {
        try await TestDatabase.withDatabase { url in
            let connection = connection(url)
            let task = Task { try await connection.run { try $0.query("SELECT pg_sleep(60)") } }
            let observer = try session(url)
            let started = try await eventually {
                try !observer.query("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'").isEmpty
            }
            #expect(started)
            task.cancel()
            // Else the statement ends by itself, and nothing is thrown.
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(try await connection.run { try $0.query("SELECT 1").count } == 1)
        }
    }

    // Without the cancellation it would wait for ever.
    @Test(
        .timeLimit(.minutes(5)),
        arguments: [
            "host=127.0.0.1 port=1 dbname=x",  // refused: it waits between attempts
            "host=192.0.2.1 port=5432 dbname=x",  // no answer: it waits inside an attempt
        ])
    func `a canceled task stops waiting for a server that is away`(url: String) async throws {
        let connection = connection(url)
        let task = Task { try await connection.runRetrying { try $0.query("SELECT 1").count } }
        try await Task.sleep(for: .milliseconds(200))
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func `a closed connection refuses work`() async throws {
        try await TestDatabase.withDatabase { url in
            let connection = connection(url)
            try await connection.run { try $0.execute("SELECT 1") }
            await connection.close()
            let error = await postgresError { try await connection.runRetrying { try $0.execute("SELECT 1") } }
            #expect(error?.kind == .cancelled)
        }
    }
}
