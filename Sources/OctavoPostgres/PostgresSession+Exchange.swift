import CLibPQ
import Foundation

/// The conversation about one statement: what was sent is flushed, what is answered is read, and no step blocks for
/// longer than the deadline or past the interrupt.
struct Exchange {
    let session: PostgresSession
    let statement: String?
    let deadline: ContinuousClock.Instant?

    private var connection: OpaquePointer { session.connection }

    /// Sends everything that libpq has buffered, reading meanwhile what the server has to say.
    func flush() throws(PostgresError) {
        while true {
            switch PQflush(connection) {
            case 0: return
            case 1:
                try wait(for: POLLIN | POLLOUT)
                if PQconsumeInput(connection) == 0 { return }  // the next result tells why
            default: return
            }
        }
    }

    /// The next result of the statement, or nil when the server is ready for another.
    func nextResult() throws(PostgresError) -> ResultHandle? {
        try flush()
        while PQisBusy(connection) == 1 {
            try wait(for: POLLIN)
            if PQconsumeInput(connection) == 0 { break }
        }
        return PQgetResult(connection).map { ResultHandle($0, statement: statement) }
    }

    /// Reads all results and returns the last.
    ///
    /// - Throws: the first error among them.
    func lastResult() throws(PostgresError) -> ResultHandle {
        var last: ResultHandle?
        var failure: PostgresError?
        while let result = try nextResult() {
            switch result.status {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: last = result
            case PGRES_FATAL_ERROR: failure = failure ?? PostgresError(result: result, on: connection)
            default: throw session.abandon(.protocolViolation, "COPY needs copyIn or copyOut", statement: statement)
            }
        }
        if let failure { throw failure }
        guard let last else { throw PostgresError(lossOf: connection, statement: statement) }
        return last
    }

    /// Blocks until the connection's socket is ready.
    func wait(for events: Int32) throws(PostgresError) {
        switch waitForSocket(
            PQsocket(connection), events: events, interrupt: session.interrupt, deadline: deadline)
        {
        case .ready: return
        case .interrupted: throw session.abandon(.cancelled, "interrupted", statement: statement)
        case .timedOut:
            let limit = session.configuration.statementTimeout.map { " within \($0)" } ?? ""
            throw session.abandon(.connection, "no answer from PostgreSQL\(limit)", statement: statement)
        }
    }
}

extension PostgresSession {
    /// Begins a conversation.
    ///
    /// - Throws: `.connection` if the session has ended, `.cancelled` if it is interrupted already.
    func beginExchange(_ statement: String?) throws(PostgresError) -> Exchange {
        guard !isAbandoned, PQstatus(connection) == CONNECTION_OK else {
            throw PostgresError(.connection, "the connection to PostgreSQL has ended", statement: statement)
        }
        guard !interrupt.isSignalled else {
            throw PostgresError(.cancelled, "interrupted", statement: statement)
        }
        let deadline = configuration.statementTimeout.map { ContinuousClock.now + $0 }
        return Exchange(session: self, statement: statement, deadline: deadline)
    }

    /// libpq took no statement from us: the connection is gone, or the statement cannot be sent.
    func sendFailure(_ statement: String?) -> PostgresError {
        isAbandoned = true
        return PostgresError(lossOf: connection, statement: statement)
    }

    /// Breaks off the conversation: asks the server to cancel, and gives the connection up.
    func abandon(_ kind: PostgresError.Kind, _ message: String, statement: String?) -> PostgresError {
        isAbandoned = true
        requestCancel(within: .seconds(1))
        return PostgresError(kind, message, statement: statement)
    }

    /// Asks the server to cancel what it does for this connection. The request needs a connection of its own, which
    /// blocks when the network is dead, so another thread makes it and this one waits only for so long.
    private func requestCancel(within patience: DispatchTimeInterval) {
        guard let request = PQgetCancel(connection) else { return }
        let address = UInt(bitPattern: request)
        let sent = DispatchSemaphore(value: 0)
        DispatchQueue.global().async {
            let request = OpaquePointer(bitPattern: address)
            var reason = [CChar](repeating: 0, count: 256)
            PQcancel(request, &reason, Int32(reason.count))
            PQfreeCancel(request)
            sent.signal()
        }
        _ = sent.wait(timeout: .now() + patience)
    }
}
