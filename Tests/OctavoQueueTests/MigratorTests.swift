import Foundation
import OctavoQueue
import OctavoTestSupport
import Testing

@Suite struct MigratorTests {
    @Test func `the embedded migrations are the files`() throws {
        let directory = TestPaths.packageRoot.appending(path: "migrations")
        let files = try FileManager.default.contentsOfDirectory(atPath: directory.path)
            .filter { $0.hasSuffix(".sql") }.sorted()
        let onDisk = try files.map { file in
            Migration(
                name: String(file.dropLast(4)),
                sql: try String(contentsOf: directory.appending(path: file), encoding: .utf8))
        }
        #expect(Migration.embedded.map(\.name) == onDisk.map(\.name), "run scripts/embed-migrations")
        for (embedded, file) in zip(Migration.embedded, onDisk) {
            // A literal does not end in a newline, a file does.
            #expect(embedded.sql + "\n" == file.sql, "run scripts/embed-migrations")
        }
        #expect(Migration.embedded.map(\.version) == Array(1...files.count))
    }

    @Test func `migrating twice does nothing the second time`() async throws {
        try await TestDatabase.withDatabase { url in
            let migrator = Migrator(QueueFixture.connect(url))
            await #expect(throws: QueueError.schemaMissing) { try await migrator.verify() }
            #expect(try await migrator.migrate() == Migration.embedded.map(\.name))
            #expect(try await migrator.migrate() == [])
            try await migrator.verify()
        }
    }

    @Test func `several programs may migrate at once`() async throws {
        try await TestDatabase.withDatabase { url in
            let applied = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<4 {
                    group.addTask { try await Migrator(QueueFixture.connect(url)).migrate() }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(applied == Migration.embedded.map(\.name))
        }
    }

    @Test func `an older schema is brought up, a newer one is refused`() async throws {
        try await TestDatabase.withDatabase { url in
            let connection = QueueFixture.connect(url)
            let first = Migration(
                name: "0001_a", sql: "ALTER TABLE octavo.migrations ADD COLUMN oldest_program integer DEFAULT 1")
            let second = Migration(
                name: "0002_b", sql: "ALTER TABLE octavo.migrations ALTER COLUMN oldest_program SET DEFAULT 2")
            let old = Migrator(connection, migrations: [first])
            let new = Migrator(connection, migrations: [first, second])
            #expect(try await old.migrate() == ["0001_a"])
            await #expect(throws: QueueError.schemaOutdated(found: 1, needed: 2)) { try await new.verify() }
            #expect(try await new.migrate() == ["0002_b"])
            try await new.verify()
            await #expect(throws: QueueError.schemaNewer(found: 2, known: 1)) { try await old.verify() }
            await #expect(throws: QueueError.schemaNewer(found: 2, known: 1)) { try await old.migrate() }
        }
    }

    @Test func `a migration that fails leaves nothing behind`() async throws {
        try await TestDatabase.withDatabase { url in
            let connection = QueueFixture.connect(url)
            let broken = Migrator(
                connection,
                migrations: [
                    Migration(name: "0001_a", sql: "CREATE TABLE octavo.a ()"),
                    Migration(name: "0002_b", sql: "CREATE TABLE octavo.b (x nonsense)"),
                ])
            await #expect(throws: (any Error).self) { try await broken.migrate() }
            await #expect(throws: QueueError.schemaMissing) { try await broken.verify() }
        }
    }

    @Test(arguments: [
        (QueueError.schemaMissing, "octavo database migrate"),
        (.schemaNewer(found: 9, known: 1), "install a newer octavo"),
        (.noSuchBatch("x", existing: []), "the queue is empty"),
    ])
    func `errors name their remedy`(error: QueueError, remedy: String) {
        #expect("\(error)".contains(remedy))
    }
}
