/// One step of the database's schema, as a file in `migrations/`.
package struct Migration: Sendable, Hashable {
    /// The file's name without its extension: `0001_create_queue`.
    package let name: String
    /// The number that the name begins with.
    package let version: Int
    /// The file's contents.
    package let sql: String

    /// Makes a migration.
    package init(name: String, sql: String) {
        guard let version = Int(name.prefix { $0 != "_" }) else {
            preconditionFailure("the migration \(name) does not begin with its version")
        }
        self.name = name
        self.version = version
        self.sql = sql
    }
}
