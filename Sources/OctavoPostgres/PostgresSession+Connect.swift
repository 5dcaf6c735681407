import CLibPQ
import Foundation

extension PostgresSession {
    /// Makes a connection without ever blocking in libpq (but for the resolution of host names).
    static func connect(
        _ configuration: PostgresConfiguration, notices: NoticeReceiver, interrupt: PostgresInterrupt
    ) throws(PostgresError) -> OpaquePointer {
        let options = try configuration.connectionOptions()
        let timeout = configuration.effectiveConnectTimeout(options)
        guard let connection = start(options) else { throw PostgresError(.connection, "out of memory") }
        do {
            // Verbose messages are the only way to learn the SQLSTATE of a refused connection.
            PQsetErrorVerbosity(connection, PQERRORS_VERBOSE)
            notices.attach(to: connection)
            try finishConnecting(connection, within: timeout, interrupt: interrupt)
            PQsetErrorVerbosity(connection, PQERRORS_DEFAULT)
            PQsetnonblocking(connection, 1)
            return connection
        } catch {
            PQfinish(connection)
            throw error
        }
    }

    private static func start(_ options: ConnectionOptions) -> OpaquePointer? {
        let keywords = options.pairs.map { strdup($0.keyword) }
        let values = options.pairs.map { strdup($0.value) }
        defer { (keywords + values).forEach { free($0) } }
        return PQconnectStartParams(
            keywords.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil], 0)
    }

    private static func finishConnecting(
        _ connection: OpaquePointer, within timeout: Duration, interrupt: PostgresInterrupt
    ) throws(PostgresError) {
        let deadline = ContinuousClock.now + timeout
        var state = PGRES_POLLING_WRITING
        while state != PGRES_POLLING_OK {
            guard state != PGRES_POLLING_FAILED, PQstatus(connection) != CONNECTION_BAD else {
                throw PostgresError(refusalOf: connection)
            }
            let events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT
            switch waitForSocket(
                PQsocket(connection), events: Int32(events), interrupt: interrupt, deadline: deadline)
            {
            case .ready: state = PQconnectPoll(connection)
            case .interrupted: throw PostgresError(.cancelled, "interrupted while connecting to PostgreSQL")
            case .timedOut:
                throw PostgresError(
                    .connection, "no connection to PostgreSQL within \(timeout)")
            }
        }
    }

    /// Whether the connection can be used: libpq thinks so, and the server has not hung up since the last statement.
    /// One system call when all is well.
    public var isAlive: Bool {
        guard !isAbandoned, !notices.sawFatal else { return false }
        while PQstatus(connection) == CONNECTION_OK {
            var descriptor = pollfd(fd: PQsocket(connection), events: Int16(POLLIN), revents: 0)
            guard poll(&descriptor, 1, 0) > 0 else { return true }
            guard PQconsumeInput(connection) == 1 else { return false }
            _ = PQisBusy(connection)  // hands a farewell message to the notice receiver
            if notices.sawFatal { return false }
        }
        return false
    }
}
