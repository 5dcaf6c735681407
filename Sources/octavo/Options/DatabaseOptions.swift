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

    /// Whether there may be a server to ask without starting one.
    var isReachable: Bool {
        explicitURL != nil || PrivateCluster(home: Self.home, logger: Logger(label: "octavo")).status().processID != nil
    }

    /// The server's configuration; starts the private server if it is the one.
    func configuration(_ logger: Logger) throws -> PostgresConfiguration {
        if let url = explicitURL { return PostgresConfiguration(connectionString: url) }
        return PostgresConfiguration(connectionString: try Self.privateCluster(logger).start())
    }

    /// A connection to the server and its queue, for the time of `body`.
    ///
    /// The private server's schema is brought up to date. Another server's is not: an old one is an error.
    ///
    /// - Parameter migrates: whether to make the schema in a server that has none; else that is an error, too.
    /// - Parameter patience: how long a statement may take.
    func withQueue<Result>(
        migrates: Bool = false, patience: Duration = .seconds(30),
        _ body: (Queue, PostgresConfiguration, Logger) async throws -> Result
    ) async throws -> Result {
        let logger = try logs.logger()
        var configuration = try configuration(logger)
        configuration.statementTimeout = patience
        let connection = PostgresConnection(configuration, logger: logger)
        do {
            let migrator = Migrator(connection)
            switch (isPrivate: explicitURL == nil, migrates: migrates) {
            case (isPrivate: true, _): try await migrator.migrate()
            case (_, migrates: true): try await migrator.prepare()
            default: try await migrator.verify()
            }
            let result = try await body(Queue(connection), configuration, logger)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }
}
