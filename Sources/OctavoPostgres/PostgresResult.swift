import CLibPQ

/// The outcome of one statement: its rows, in binary, and how many rows it touched.
///
/// A random-access collection of rows: `try result.map { try $0.int("id") }`. Rows keep the whole result in memory.
public struct PostgresResult: RandomAccessCollection, Sendable {
    let handle: ResultHandle

    /// Rows inserted, updated, deleted, selected or copied, as the server counts them.
    public let affectedRows: Int
    /// The number of rows.
    public let count: Int

    init(_ handle: ResultHandle) {
        self.handle = handle
        affectedRows = PQcmdTuples(handle.pointer).flatMap { Int(String(cString: $0)) } ?? 0
        count = Int(PQntuples(handle.pointer))
    }

    /// 0.
    public var startIndex: Int { 0 }
    /// The number of rows.
    public var endIndex: Int { count }

    /// The row at a position below `count`.
    public subscript(position: Int) -> PostgresRow {
        precondition(indices.contains(position), "row \(position) of a result of \(count)")
        return PostgresRow(handle: handle, row: Int32(position))
    }

    /// The only row of a statement that always returns one, such as a function's call.
    ///
    /// - Throws: `.protocolViolation` if there is none or there are several.
    public func only() throws(PostgresError) -> PostgresRow {
        guard count == 1 else {
            throw PostgresError(.protocolViolation, "\(count) rows where one is expected", statement: handle.statement)
        }
        return self[0]
    }
}

/// Owns libpq's result, which nothing changes once it has arrived: it may be read from several threads.
final class ResultHandle: @unchecked Sendable {
    let pointer: OpaquePointer
    let statement: String?

    init(_ pointer: OpaquePointer, statement: String?) {
        self.pointer = pointer
        self.statement = statement
    }

    deinit { PQclear(pointer) }

    var status: ExecStatusType { PQresultStatus(pointer) }
}
