import ArgumentParser
import Foundation
import Logging
import OctavoPostgres
import OctavoQueue

/// Which PostgreSQL.
struct DatabaseOptions: ParsableArguments {
    @Option(
        help:
            "A PostgreSQL URL (OCTAVO_DATABASE_URL, or libpq's PG* variables; default: the private server under OCTAVO_HOME)."
    )
    var database: String?

    @OptionGroup var logs: LogOptions

    /// What to do when there is no connection to be had.
    static let connectionRemedy =
        "Check the server, and --database, OCTAVO_DATABASE_URL or PG*; without them octavo starts a server of its own."

    /// Where the private cluster lives.
    static var home: String { PrivateCluster.defaultHome() }

    static func privateCluster(_ logger: Logger) -> PrivateCluster { PrivateCluster(home: home, logger: logger) }

    /// The URL of the server that was asked for by flag or environment; `nil` stands for the private one.
    var explicitURL: String? {
        if let url = database ?? Environment.string("OCTAVO_DATABASE_URL") { return url }
        let variables = ["PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE", "PGPORT", "PGUSER"]
        return variables.contains { Environment.string($0) != nil } ? "" : nil
    }

    /// The server's configuration; starts the private server if it is the one.
    func configuration(_ logger: Logger) throws -> PostgresConfiguration {
        if let url = explicitURL { return PostgresConfiguration(connectionString: url) }
        return PostgresConfiguration(connectionString: try Self.privateCluster(logger).start())
    }

    /// A connection to the server and its queue, for the time of `body`.
    ///
    /// - Parameter migrates: whether to bring the schema up to date first; else an old or missing one is an error.
    func withQueue<Result>(
        migrates: Bool = false, _ body: (Queue, PostgresConfiguration, Logger) async throws -> Result
    ) async throws -> Result {
        let logger = try logs.logger()
        let configuration = try configuration(logger)
        let connection = PostgresConnection(configuration, logger: logger)
        do {
            let migrator = Migrator(connection)
            if migrates || explicitURL == nil { _ = try await migrator.migrate() } else { try await migrator.verify() }
            let result = try await body(Queue(connection), configuration, logger)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }
}
