import ArgumentParser
import Foundation
import Logging
import OctavoCore
import OctavoEngine
import OctavoPostgres
import OctavoTestSupport
import OctavoWorker
import ServiceLifecycle
import UnixSignals

/// A worker as `octavo worker` is one, around the model of letters.
struct NullWorker: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "null-worker", shouldDisplay: false)

    @Option var database: String
    @Option var trace: String
    @Option var pace: Pace
    @Option var goodSteps = Int.max

    func run() async throws {
        let runner = GuardedRunner(
            NullRunner(stepDuration: .milliseconds(pace.stepMilliseconds), goodSteps: goodSteps),
            stepLimit: .milliseconds(pace.stepLimitMilliseconds), onFailure: Self.giveUp)
        do { try runner.test() } catch { Self.giveUp(error) }
        var configuration = WorkerConfiguration(modelNames: ["letters"], fingerprint: "letters")
        configuration.leaseDuration = .milliseconds(pace.leaseMilliseconds)
        configuration.leaseSize = pace.leaseSize
        configuration.pollInterval = .milliseconds(100)
        let file = try StepTrace(path: trace)
        configuration.onStep = { file.write($0) }
        var settings = LocalEngine.Configuration()
        settings.maximumBatch = pace.maximumBatch
        settings.checkpointTokens = pace.checkpointTokens
        let engine = LocalEngine(runner: runner, tokens: ASCIITokens(), endTokens: [], configuration: settings)
        let patience = PostgresConfiguration(
            connectionString: database, connectTimeout: .seconds(2),
            statementTimeout: .milliseconds(pace.patienceMilliseconds),
            peerTimeout: .milliseconds(pace.patienceMilliseconds))
        let worker = Worker(
            configuration: configuration, engine: engine, encoder: ASCIITokens(), tokens: ASCIITokens(),
            database: patience, logger: Self.logger)
        var group = ServiceGroupConfiguration(
            services: [.init(service: worker, successTerminationBehavior: .gracefullyShutdownGroup)],
            gracefulShutdownSignals: [.sigterm], logger: Self.logger)
        group.maximumGracefulShutdownDuration = .seconds(30)
        try await ServiceGroup(configuration: group).run()
    }

    private static func giveUp(_ failure: GuardedRunner.Failure) {
        FileHandle.standardError.write(Data("\(failure)\n".utf8))
        _exit(69)
    }

    private static let logger = {
        LoggingSystem.bootstrap(StreamLogHandler.standardError)
        var logger = Logger(label: "worker")
        logger.logLevel = .notice
        return logger
    }()
}
