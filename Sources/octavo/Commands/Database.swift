import ArgumentParser
import OctavoCore
import OctavoPostgres
import OctavoQueue

struct Database: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The private PostgreSQL, and the queue's schema in any PostgreSQL.",
        discussion: """
            The private server lies under OCTAVO_HOME, listens on a Unix socket only and starts on demand. Everything
            about it is ordinary PostgreSQL:
              psql "$(octavo database url)" -c 'SELECT * FROM octavo.request_states LIMIT 10'
            """,
        subcommands: [
            Start.self, Stop.self, Show.self, URL.self, Migrate.self, DatabasePrune.self, DatabaseDoctor.self,
            DatabaseGrant.self,
        ])

    struct Start: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Start the private server, making it first if there is none.",
            discussion: "Example:\n  octavo database start")
        @OptionGroup var logs: LogOptions

        func run() async throws {
            let logger = try logs.logger()
            let url = try DatabaseOptions.privateCluster(logger).start()
            let connection = PostgresConnection(PostgresConfiguration(connectionString: url), logger: logger)
            _ = try await Migrator(connection).migrate()
            await connection.close()
            Console.result(url)
        }
    }

    struct Stop: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop the private server.", discussion: "Example:\n  octavo database stop")
        @OptionGroup var logs: LogOptions

        func run() throws { try DatabaseOptions.privateCluster(logs.logger()).stop() }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "status", abstract: "Show whether the private server runs, and where it is.",
            discussion: "Examples:\n  octavo database status\n  octavo database status --json")
        @OptionGroup var logs: LogOptions
        @Flag(help: "Print one JSON document.") var json = false

        func run() throws {
            let status = try DatabaseOptions.privateCluster(logs.logger()).status()
            if json { return Console.result(Self.json(status)) }
            var lines = ["\(status.state.rawValue)" + (status.processID.map { " (process \($0))" } ?? "")]
            if let version = status.version { lines.append("PostgreSQL \(version)") }
            lines.append(
                "data    \(status.dataDirectory)" + (status.sizeInBytes.map { " (\(Format.bytes($0)))" } ?? ""))
            lines.append("log     \(status.logFile)")
            lines.append("url     \(status.connectionString)")
            Console.result(lines.joined(separator: "\n"))
        }

        private static func json(_ status: PrivateCluster.Status) -> JSONValue {
            [
                "state": .string(status.state.rawValue), "pid": status.processID.map { .integer(Int($0)) } ?? .null,
                "version": status.version.map(JSONValue.string) ?? .null, "data": .string(status.dataDirectory),
                "socket": .string(status.socketDirectory), "log": .string(status.logFile),
                "url": .string(status.connectionString), "bytes": status.sizeInBytes.map(JSONValue.integer) ?? .null,
            ]
        }
    }

    struct URL: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the URL of the database that commands would use.",
            discussion: "Example:\n  psql \"$(octavo database url)\"")
        @OptionGroup var database: DatabaseOptions

        func run() throws {
            let url =
                try database.explicitURL ?? DatabaseOptions.privateCluster(database.logs.logger()).connectionString
            Console.result(url)
        }
    }

    struct Migrate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bring the queue's schema up to date, in the private or any other server.",
            discussion: "Example:\n  octavo database migrate --database postgresql://octavo@db.example/octavo")
        @OptionGroup var database: DatabaseOptions

        func run() async throws {
            let logger = try database.logs.logger()
            let connection = PostgresConnection(try database.configuration(logger), logger: logger)
            let applied = try await Migrator(connection).migrate()
            await connection.close()
            Console.note(applied.isEmpty ? "the schema is up to date" : "applied \(applied.joined(separator: ", "))")
        }
    }
}
