import ArgumentParser
import Foundation
import Logging
import OctavoPostgres
import OctavoQueue

/// A database to measure in, and the server that it is on; both are thrown away afterwards, or the database alone where
/// the server was given.
struct BenchDatabase {
    /// Names the database, and only it.
    let url: String
    /// The server, where it is of the measurement's own.
    let cluster: PrivateCluster?
    /// Files may be put here.
    let directory: URL

    /// Makes a database, migrates it, and removes it after `body`.
    ///
    /// - Parameter server: the URL of a server on which databases may be made; nil for a private one, with the settings
    ///   that `octavo database start` gives and in a directory of its own.
    static func with<T>(
        on server: String?, logger: Logger, _ body: (BenchDatabase) async throws -> T
    ) async throws -> T {
        let directory = FileManager.default.temporaryDirectory.appending(path: "octavo-bench-\(getpid())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        chmod(directory.path, 0o755)  // the server's user has to enter it
        defer { try? FileManager.default.removeItem(at: directory) }
        guard let server else {
            let cluster = PrivateCluster(home: directory.path, logger: logger)
            let url = try cluster.start()
            defer { try? cluster.stop() }
            return try await migrated(BenchDatabase(url: url, cluster: cluster, directory: directory), logger, body)
        }
        let session = try PostgresSession(PostgresConfiguration(connectionString: server), logger: logger)
        let name = "octavo_bench_\(getpid())"
        try session.execute("CREATE DATABASE \(name)")
        defer { try? session.execute("DROP DATABASE \(name) WITH (FORCE)") }
        let database = BenchDatabase(
            url: try Self.url(of: name, on: server), cluster: nil, directory: directory)
        return try await migrated(database, logger, body)
    }

    /// A connection string that differs from another in the database.
    private static func url(of database: String, on server: String) throws -> String {
        guard server.contains("://") else { return "\(server) dbname=\(database)" }
        guard var parts = URLComponents(string: server) else {
            throw ValidationError("--database is no URL: \(server)")
        }
        parts.path = "/\(database)"
        return parts.string ?? server
    }

    private static func migrated<T>(
        _ database: BenchDatabase, _ logger: Logger, _ body: (BenchDatabase) async throws -> T
    ) async throws -> T {
        let connection = PostgresConnection(PostgresConfiguration(connectionString: database.url), logger: logger)
        _ = try await Migrator(connection).migrate()
        await connection.close()
        return try await body(database)
    }
}
