import CLibPQ
import Foundation

/// Errors as libpq tells them.
extension PostgresError {
    /// A refused statement, from its result.
    init(result: ResultHandle, on connection: OpaquePointer) {
        let severity = Self.field(octavo_field_severity, of: result.pointer)
        let isOver = PQstatus(connection) == CONNECTION_BAD || severity == "FATAL" || severity == "PANIC"
        let primary = Self.field(octavo_field_message, of: result.pointer)
        self.init(
            isOver ? .connection : .server,
            primary ?? Self.joined(String(cString: PQresultErrorMessage(result.pointer))),
            sqlState: Self.field(octavo_field_sqlstate, of: result.pointer),
            detail: Self.field(octavo_field_detail, of: result.pointer),
            hint: Self.field(octavo_field_hint, of: result.pointer),
            statement: result.statement)
    }

    /// A lost connection, in libpq's words.
    init(lossOf connection: OpaquePointer, statement: String?) {
        let message = Self.joined(String(cString: PQerrorMessage(connection)))
        self.init(
            .connection, message.isEmpty ? "the connection to PostgreSQL was lost" : message, statement: statement)
    }

    /// A connection that was not made; the message is libpq's verbose one, from which the code is taken out.
    ///
    ///     connection to server on socket "..." failed: FATAL:  3D000: database "x" does not exist
    ///     LOCATION:  InitPostgres, postinit.c:885
    init(refusalOf connection: OpaquePointer) {
        let message = Self.joined(String(cString: PQerrorMessage(connection)))
        let pattern = #/: {2}([0-9A-Z]{5}): /#
        var code = message.matches(of: pattern).last.map { String($0.output.1) }
        if PQconnectionNeedsPassword(connection) == 1 { code = SQLState.invalidPassword }
        let isAboutTLS = message.contains("SSL") || message.contains("certificate")
        self.init(
            .connection, message.replacing(pattern, with: ": "), sqlState: code,
            hint: isAboutTLS
                ? "sslmode and sslrootcert, in the URL or as PGSSLMODE and PGSSLROOTCERT, say what is asked of the server"
                : nil)
    }

    static func field(_ code: Int32, of result: OpaquePointer) -> String? {
        PQresultErrorField(result, code).map { String(cString: $0) }
    }

    /// libpq's message in one line, without the place in the server's source.
    private static func joined(_ message: String) -> String {
        message.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty && !$0.hasPrefix("LOCATION:") }.joined(separator: "; ")
    }
}
