import Foundation
import Logging
import OctavoPostgres
import Synchronization
import Testing

/// A session with a database of a test's own.
func session(_ url: String, statementTimeout: Duration? = .seconds(30)) throws -> PostgresSession {
    try PostgresSession(PostgresConfiguration(connectionString: url, statementTimeout: statementTimeout))
}

/// What `body` throws, if it is a `PostgresError`; anything else fails the test.
func postgresError(
    sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> some Any
) async -> PostgresError? {
    await #expect(throws: PostgresError.self, sourceLocation: sourceLocation) { _ = try await body() }
}

/// Runs blocking work on a thread of its own, so that it can wait for the test and the test for it.
func onThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result(catching: body)) }
    }
}

/// Counts from several threads.
final class Counter: Sendable {
    private let count = Mutex(0)

    var value: Int { count.withLock(\.self) }

    @discardableResult
    func increment() -> Int {
        count.withLock {
            $0 += 1
            return $0
        }
    }
}

/// Keeps what is logged.
final class RecordingLogHandler: LogHandler {
    private let recorded = Mutex<[String]>([])

    var lines: [String] { recorded.withLock(\.self) }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }

    subscript(metadataKey _: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        recorded.withLock { $0.append("\(event.level) \(event.message)") }
    }
}
