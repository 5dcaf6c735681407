import CLibPQ
public import Logging

/// One connection to PostgreSQL, blocking, used by one thread at a time.
///
/// It keeps no state in the server's session (no prepared statements, no `SET`), and so works behind a pooler in
/// transaction mode. Whatever interrupts it in the middle of a statement (the interrupt, a time limit, a lost
/// connection) ends it: the server is asked to cancel, the connection is not used again, and `isAlive` is false.
/// A statement that the server refuses does not end it.
public final class PostgresSession {
    /// libpq's connection; freed with the session.
    let connection: OpaquePointer
    let configuration: PostgresConfiguration
    let notices: NoticeReceiver

    /// Stops this session's work from another thread. A new one may be set between statements.
    public var interrupt: PostgresInterrupt

    /// Set when the conversation was broken off, so that the connection's state is unknown.
    var isAbandoned = false

    /// Connects.
    ///
    /// - Parameters:
    ///   - logger: receives the server's notices, at info level and below.
    ///   - interrupt: ends the attempt to connect, and later the session's statements, when signalled.
    /// - Throws: `.configuration` for an unreadable connection string; `.connection`, with the server's SQLSTATE if it
    ///   answered at all, when no connection is made within the configuration's time; `.cancelled` when interrupted.
    public init(
        _ configuration: PostgresConfiguration, logger: Logger? = nil,
        interrupt: PostgresInterrupt = PostgresInterrupt()
    ) throws(PostgresError) {
        let notices = NoticeReceiver(logger: logger)
        self.connection = try Self.connect(configuration, notices: notices, interrupt: interrupt)
        self.configuration = configuration
        self.notices = notices
        self.interrupt = interrupt
    }

    deinit { PQfinish(connection) }

    /// The server's version as libpq counts it: 150018 is 15.18.
    public var serverVersion: Int { Int(PQserverVersion(connection)) }

    /// The server process's id, as `pg_stat_activity` and `pg_terminate_backend` know it.
    public var backendProcessID: Int32 { PQbackendPID(connection) }

    /// Whether no transaction is open and the next statement can be sent.
    var isIdle: Bool { PQtransactionStatus(connection) == PQTRANS_IDLE }

    /// Runs one statement and returns its rows.
    ///
    /// - Parameters:
    ///   - parameters: `$1`, `$2`, ... in order.
    ///   - name: what errors call the statement.
    /// - Throws: `.server` when PostgreSQL refuses it, `.invalidValue` for a parameter that cannot be sent,
    ///   `.connection` when the connection is lost or the time is up, and then it may have taken effect.
    @discardableResult
    public func query(
        _ sql: String, _ parameters: [PostgresValue] = [], name: String? = nil
    ) throws(PostgresError) -> PostgresResult {
        let encoded = try StatementParameters(parameters, statement: name)
        let exchange = try beginExchange(name)
        guard encoded.send(sql, on: connection) else { throw sendFailure(name) }
        return PostgresResult(try exchange.lastResult())
    }

    /// Runs a script of any number of statements without parameters; outside a transaction, all of them or none.
    ///
    /// - Throws: as `query`, for the first statement that fails; the rest is skipped.
    public func execute(_ script: String, name: String? = nil) throws(PostgresError) {
        let exchange = try beginExchange(name)
        guard PQsendQuery(connection, script) == 1 else { throw sendFailure(name) }
        _ = try exchange.lastResult()
    }

    /// Runs `body` in a transaction, and commits it when `body` returns; rolls back when it throws.
    ///
    /// - Throws: what `body` throws; `.connection` when the connection is lost while committing, and then whether the
    ///   transaction took effect is unknown.
    public func transaction<T>(_ body: (PostgresSession) throws -> T) throws -> T {
        try execute("BEGIN", name: "BEGIN")
        let value: T
        do {
            value = try body(self)
        } catch {
            rollBack()
            throw error
        }
        let outcome = try query("COMMIT", name: "COMMIT")
        guard String(cString: PQcmdStatus(outcome.handle.pointer)) == "COMMIT" else {
            throw PostgresError(
                .server, "the transaction was rolled back: a statement in it had failed",
                sqlState: SQLState.inFailedTransaction, statement: "COMMIT")
        }
        return value
    }

    /// Ends an open transaction; if even that fails, the session is of no further use.
    private func rollBack() {
        guard !isAbandoned, PQstatus(connection) == CONNECTION_OK else { return }
        do { try execute("ROLLBACK", name: "ROLLBACK") } catch { isAbandoned = true }
    }
}
