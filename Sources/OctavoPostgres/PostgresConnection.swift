import Dispatch
public import Logging

/// A connection to PostgreSQL that may be shared: work is run one piece at a time on a thread of its own, off Swift's
/// cooperative pool, and a lost connection is made again.
public final class PostgresConnection: Sendable {
    private let configuration: PostgresConfiguration
    private let logger: Logger
    private let queue = DispatchQueue(label: "octavo.postgres")
    private let confined = Confined()

    /// What only `queue` touches.
    private final class Confined: @unchecked Sendable {
        var session: PostgresSession?
        var isClosed = false
    }

    /// Connects at the first use.
    public init(_ configuration: PostgresConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Runs blocking work on the connection's thread, after the work already waiting there; connects first if there is no
    /// connection or the server has hung up.
    ///
    /// A transaction that `body` leaves open is rolled back.
    ///
    /// - Throws: what `body` throws; `PostgresError` when no connection can be made; `CancellationError` soon after the
    ///   task is canceled, even in the middle of connecting or of a statement (which may have taken effect).
    public func run<T: Sendable>(_ body: @escaping @Sendable (PostgresSession) throws -> T) async throws -> T {
        let interrupt = PostgresInterrupt()
        do {
            return try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { continuation in
                    queue.async { continuation.resume(with: Result { try self.perform(body, interrupt: interrupt) }) }
                }
            } onCancel: {
                interrupt.signal()
            }
        } catch let error as PostgresError where error.kind == .cancelled && interrupt.isSignalled {
            throw CancellationError()
        }
    }

    /// As `run`, but while PostgreSQL is away, restarting or overloaded, tries again for ever, with pauses that grow to
    /// five seconds.
    ///
    /// - Parameter body: must be idempotent: an attempt whose connection was lost may have been committed.
    /// - Throws: as `run`, but no transient error.
    public func runRetrying<T: Sendable>(_ body: @escaping @Sendable (PostgresSession) throws -> T) async throws -> T {
        var backoff = Backoff()
        var failures = 0
        while true {
            do {
                let value = try await run(body)
                if failures > 0 { logger.info("PostgreSQL answers again", metadata: ["attempts": "\(failures + 1)"]) }
                return value
            } catch let error as PostgresError where error.isTransient {
                failures += 1
                logger.log(
                    level: failures == 1 ? .info : .debug, "PostgreSQL failed; trying again",
                    metadata: ["error": "\(error)", "attempt": "\(failures)"])
                try await Task.sleep(for: backoff.next())
            }
        }
    }

    /// Disconnects after the work already waiting. Later work throws `.cancelled`.
    public func close() async {
        await withCheckedContinuation { continuation in
            queue.async { [confined] in
                confined.session = nil
                confined.isClosed = true
                continuation.resume()
            }
        }
    }

    private func perform<T>(_ body: (PostgresSession) throws -> T, interrupt: PostgresInterrupt) throws -> T {
        dispatchPrecondition(condition: .onQueue(queue))
        let session = try liveSession(interrupt)
        defer { if !session.isIdle || interrupt.isSignalled { confined.session = nil } }
        return try body(session)
    }

    private func liveSession(_ interrupt: PostgresInterrupt) throws -> PostgresSession {
        guard !confined.isClosed else { throw PostgresError(.cancelled, "the connection has been closed") }
        if let session = confined.session, session.isAlive {
            session.interrupt = interrupt
            return session
        }
        confined.session = nil
        let session = try PostgresSession(configuration, logger: logger, interrupt: interrupt)
        logger.debug("connected to PostgreSQL", metadata: ["backend": "\(session.backendProcessID)"])
        confined.session = session
        return session
    }
}
