import OctavoPostgres

extension Queue {
    /// The statements that give a database role exactly the privileges that some purposes need.
    ///
    /// Whatever else it could do in the schema is taken from it first, so that the same call with other purposes changes
    /// them.
    public static func grantStatements(role: String, for purposes: Set<QueueRole>, database: String) -> [String] {
        let name = quoted(role)
        var statements = [
            "REVOKE ALL ON ALL TABLES IN SCHEMA octavo FROM \(name)",
            "REVOKE ALL ON ALL SEQUENCES IN SCHEMA octavo FROM \(name)",
            "REVOKE ALL ON SCHEMA octavo FROM \(name)",
        ]
        guard !purposes.isEmpty else { return statements }
        statements.append("GRANT CONNECT ON DATABASE \(quoted(database)) TO \(name)")
        statements.append("GRANT USAGE ON SCHEMA octavo TO \(name)")
        var seen: Set<QueueRole.Grant> = []
        for purpose in QueueRole.allCases where purposes.contains(purpose) {
            for grant in purpose.grants where seen.insert(grant).inserted {
                let kind = grant.isSequence ? "SEQUENCE " : ""
                statements.append("GRANT \(grant.privileges) ON \(kind)octavo.\(grant.table) TO \(name)")
            }
        }
        return statements
    }

    /// Gives a role exactly the privileges that some purposes need, all or none in one transaction.
    ///
    /// - Returns: the statements that were run, or with `isDryRun` would be.
    /// - Throws: `QueueError.noSuchRole`; `PostgresError` when the caller may not grant.
    public func grant(_ purposes: Set<QueueRole>, to role: String, isDryRun: Bool = false) async throws -> [String] {
        try await perform { session in
            let database = try session.row(FindDatabaseName())
            let statements = Self.grantStatements(role: role, for: purposes, database: database)
            if isDryRun { return statements }
            guard try session.row(FindRole(name: role)) else { throw QueueError.noSuchRole(role) }
            try session.transaction { session in
                for statement in statements { try session.execute(statement, name: "GrantPrivileges") }
            }
            return statements
        }
    }

    /// A name as an identifier, whatever is in it.
    private static func quoted(_ name: String) -> String { "\"\(name.replacing("\"", with: "\"\""))\"" }
}

private struct FindDatabaseName: Statement {
    static let sql = "SELECT current_database()::text"

    static func decode(_ row: PostgresRow) throws -> String { try row.string(0) }
}

private struct FindRole: Statement {
    static let sql = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)"
    var name: String

    var parameters: [PostgresValue] { [.text(name)] }

    static func decode(_ row: PostgresRow) throws -> Bool { try row.bool(0) }
}
