import OctavoPostgres

/// One SQL statement: its text, its parameters as fields, and how a row of it is read. The type's name is the name by
/// which errors call it.
protocol Statement: Sendable {
    /// What a row becomes.
    associatedtype Row: Sendable

    /// The statement, with `$1`, `$2`, ... for `parameters`.
    static var sql: String { get }

    /// The parameters in order.
    var parameters: [PostgresValue] { get }

    /// Reads one row.
    static func decode(_ row: PostgresRow) throws -> Row
}

extension Statement {
    var parameters: [PostgresValue] { [] }

    /// The type's name; Swift describes one that is private to a file as `(Name in _FILE)`.
    fileprivate static var name: String {
        "\(Self.self)".trimmingPrefix("(").split(separator: " ").first.map(String.init) ?? ""
    }
}

extension PostgresSession {
    /// Runs a statement and reads its rows.
    func rows<S: Statement>(_ statement: S) throws -> [S.Row] {
        try query(S.sql, statement.parameters, name: S.name).map(S.decode)
    }

    /// Runs a statement that always gives one row.
    func row<S: Statement>(_ statement: S) throws -> S.Row {
        try S.decode(query(S.sql, statement.parameters, name: S.name).only())
    }
}

extension Duration {
    /// In seconds, as PostgreSQL's `make_interval` takes them.
    var seconds: Double { self / .seconds(1) }
}
