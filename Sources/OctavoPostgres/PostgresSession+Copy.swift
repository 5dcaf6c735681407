import CLibPQ
import Foundation

extension PostgresSession {
    /// Loads rows by `COPY table (columns) FROM STDIN (FORMAT binary)`.
    ///
    /// - Parameter write: writes the rows; when it throws, none is loaded.
    /// - Returns: how many rows the server stored.
    /// - Throws: what `write` throws, or as `query`.
    @discardableResult
    public func copyIn(
        _ sql: String, name: String? = nil, _ write: (inout CopyInWriter) throws -> Void
    ) throws -> Int {
        let opening = try beginExchange(name)
        guard PQsendQuery(connection, sql) == 1 else { throw sendFailure(name) }
        try expectCopy(opening, status: PGRES_COPY_IN)
        var writer = CopyInWriter(session: self, statement: name)
        do {
            try write(&writer)
            try writer.finish()
        } catch {
            abortCopyIn(name)
            throw error
        }
        guard PQputCopyEnd(connection, nil) == 1 else { throw sendFailure(name) }
        let result = try beginExchange(name).lastResult()
        return PostgresResult(result).affectedRows
    }

    /// Tells the server to forget the rows, so that the session can go on.
    private func abortCopyIn(_ name: String?) {
        guard !isAbandoned, PQstatus(connection) == CONNECTION_OK else { return }
        guard PQputCopyEnd(connection, "given up by the client") == 1, let exchange = try? beginExchange(name) else {
            isAbandoned = true
            return
        }
        _ = try? exchange.lastResult()  // the expected failure
    }

    /// Streams rows from `COPY (SELECT ...) TO STDOUT (FORMAT binary)`, in constant memory.
    ///
    /// - Parameter read: is given each row, valid only during the call; when it throws, the session ends.
    /// - Returns: how many rows there were.
    /// - Throws: what `read` throws, or as `query`. The time limit applies to each row.
    @discardableResult
    public func copyOut(
        _ sql: String, name: String? = nil, _ read: (borrowing CopyOutRow) throws -> Void
    ) throws -> Int {
        let opening = try beginExchange(name)
        guard PQsendQuery(connection, sql) == 1 else { throw sendFailure(name) }
        try expectCopy(opening, status: PGRES_COPY_OUT)
        var decoder = CopyOutDecoder(statement: name)
        do {
            while try readCopyData(name, { try decoder.decode($0, read) }) {}
        } catch {
            if !isAbandoned { _ = abandon(.cancelled, "given up by the client", statement: name) }
            throw error
        }
        _ = try beginExchange(name).lastResult()
        return decoder.rowCount
    }

    /// Reads one message of the server's; false at the end of the data.
    private func readCopyData(
        _ name: String?, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Bool {
        let exchange = try beginExchange(name)
        while true {
            var message: UnsafeMutablePointer<CChar>?
            let count = PQgetCopyData(connection, &message, 1)
            defer { PQfreemem(message) }
            switch count {
            case 0:
                try exchange.wait(for: POLLIN)
                guard PQconsumeInput(connection) == 1 else { throw sendFailure(name) }
            case -1: return false
            case 1...:
                try body(UnsafeRawBufferPointer(start: message, count: Int(count)))
                return true
            default: throw sendFailure(name)
            }
        }
    }

    private func expectCopy(_ exchange: Exchange, status: ExecStatusType) throws(PostgresError) {
        guard let result = try exchange.nextResult() else {
            throw PostgresError(lossOf: connection, statement: exchange.statement)
        }
        if result.status == PGRES_FATAL_ERROR {
            let failure = PostgresError(result: result, on: connection)
            _ = try exchange.nextResult()
            throw failure
        }
        guard result.status == status, PQbinaryTuples(result.pointer) == 1 else {
            throw abandon(
                .protocolViolation, "not a COPY (FORMAT binary) in this direction", statement: exchange.statement)
        }
    }
}
