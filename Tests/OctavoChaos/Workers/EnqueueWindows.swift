import ArgumentParser
import Foundation
import Logging
import OctavoFiles
import OctavoPostgres
import OctavoQueue

/// `octavo enqueue` in windows so small that even a short file has many.
struct EnqueueWindows: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "enqueue-windows", shouldDisplay: false)

    @Option var database: String
    @Option var windowRows: Int
    @Argument var file: String

    func run() async throws {
        let connection = PostgresConnection(
            PostgresConfiguration(connectionString: database),
            logger: Logger(label: "enqueue", factory: { _ in SwiftLogNoOpLogHandler() }))
        var options = EnqueueOptions(files: [file])
        options.seed = 7
        options.windowRows = windowRows
        let result = try await Enqueuer(options, queue: Queue(connection)).run()
        print(result.batchID ?? 0)
        await connection.close()
    }
}
