/// What went wrong between Octavo and PostgreSQL. Never holds a password or a parameter's value.
public struct PostgresError: Error, Hashable, CustomStringConvertible, Sendable {
    /// On which side of the wire the fault lies.
    public enum Kind: Hashable, Sendable {
        /// No connection could be made, or it was lost. What was in flight may or may not have been committed.
        case connection
        /// The server refused a statement; the connection stands.
        case server
        /// The server's answer, or the use made of it, does not fit the protocol.
        case protocolViolation
        /// This side interrupted the work, or has closed the connection.
        case cancelled
        /// A value that cannot be sent, or a column that is not what the caller reads it as.
        case invalidValue
        /// A connection string that libpq cannot read.
        case configuration
        /// The private cluster could not be made, started or stopped; the hint says what to do.
        case cluster
    }

    /// On which side of the wire the fault lies.
    public var kind: Kind
    /// The server's five-character code, if the server spoke; the ones that matter are in `SQLState`.
    public var sqlState: String?
    /// The primary message.
    public var message: String
    /// The server's second sentence, if any. A violated constraint's quotes the row: do not log it.
    public var detail: String?
    /// The server's advice, if any.
    public var hint: String?
    /// The name that the caller gave the statement.
    public var statement: String?

    /// Makes an error of this side's own.
    public init(
        _ kind: Kind, _ message: String, sqlState: String? = nil, detail: String? = nil, hint: String? = nil,
        statement: String? = nil
    ) {
        self.kind = kind
        self.message = message
        self.sqlState = sqlState
        self.detail = detail
        self.hint = hint
        self.statement = statement
    }

    /// Whether the same work may succeed later: PostgreSQL is away, restarting, out of connections, or chose this
    /// transaction as a deadlock's victim. A refused password or a missing database is not transient.
    public var isTransient: Bool {
        switch kind {
        case .connection: sqlState.map(SQLState.isTransient) ?? true
        case .server: sqlState.map(SQLState.isTransient) ?? false
        case .protocolViolation, .cancelled, .invalidValue, .configuration, .cluster: false
        }
    }

    /// Everything that is known, in one line, except a detail that quotes a row.
    public var description: String {
        var text = statement.map { "\($0): " } ?? ""
        text += message
        if let sqlState { text += " (SQLSTATE \(sqlState))" }
        if let detail, sqlState?.hasPrefix("23") != true { text += "; \(detail)" }
        if let hint { text += "; hint: \(hint)" }
        return text
    }
}
