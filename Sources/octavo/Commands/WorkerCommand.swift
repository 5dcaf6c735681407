import ArgumentParser
import Logging
import OctavoEngine
import OctavoLlama
import OctavoPostgres
import OctavoQueue
import OctavoWorker
import ServiceLifecycle

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Answer queued requests until stopped, or with --drain until none are left.",
        discussion: """
            Any number of workers, on any hosts, may share a queue. SIGTERM and Ctrl-C save what is half done and give
            the rest back; a worker that is killed loses nothing either: another goes on from its last checkpoint.

            Examples:
              octavo worker --model models/SmolLM2-135M-Instruct.Q4_1.gguf
              octavo worker --model meta-llama/Llama-3.1-8B-Instruct --drain --threads 8 --kv-memory 16GiB
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var engine: EngineOptions
    @OptionGroup var worker: WorkerArguments
    @OptionGroup var limits: LimitOptions
    @OptionGroup var database: DatabaseOptions

    @Flag(help: "End when no batch that this worker serves has unfinished requests.")
    var drain = false

    func run() async throws {
        let logger = try database.logs.logger()
        let loaded = try LoadedModel(model, engine: engine)
        Console.note("serving \(loaded.names[0]) (\(loaded.fingerprint)) on \(loaded.summary)")
        let failed = try await database.withQueue(migrates: true) { queue, configuration, _ in
            let before = try await queue.status(batch: nil).reduce(0) { $0 + $1.summary.failed }
            var settings = try worker.configuration(for: loaded, drains: drain)
            settings.maximumLogprobs = try limits.maximumLogprobs()
            try await Working.run(
                settings, model: loaded, database: configuration, grace: worker.graceDuration(), logger: logger)
            return try await queue.status(batch: nil).reduce(0) { $0 + $1.summary.failed } - before
        }
        if drain, failed > 0 { throw CommandFailure(.incomplete, "\(failed) requests failed; octavo status tells why") }
    }
}

/// Running a `Worker` as a service.
enum Working {
    /// Runs until drained or told to stop; an orderly stop may take `grace`. Claims nothing if the engine fails its test.
    static func run(
        _ configuration: WorkerConfiguration, model: LoadedModel, database: PostgresConfiguration, grace: Duration,
        logger: Logger
    ) async throws {
        try model.guardedRunner.test()
        let worker = Worker(
            configuration: configuration, engine: model.engine, encoder: model.encoder, tokens: model.text.tokenizer,
            database: database, logger: logger)
        var group = ServiceGroupConfiguration(
            services: [.init(service: worker, successTerminationBehavior: .gracefullyShutdownGroup)], logger: logger)
        group.maximumGracefulShutdownDuration = grace
        let services = ServiceGroup(configuration: group)
        let wasStopped = StopFlag()
        let trap = SignalTrap {
            wasStopped.set()
            Task { await services.triggerGracefulShutdown() }
        }
        defer { extendLifetime(trap) }
        try await services.run()
        report(worker)
        if wasStopped.isSet { throw CommandFailure(.interrupted) }
    }

    private static func report(_ worker: Worker) {
        let counts = worker.statistics.snapshot
        let seconds = counts.computeTime / .seconds(1)
        let rate = seconds > 0 ? Double(counts.sampledTokens) / seconds : 0
        let cached = counts.cachedTokens > 0 ? " (and \(Format.count(counts.cachedTokens)) shared)" : ""
        let reused = counts.reusedRequests > 0 ? " (\(Format.count(counts.reusedRequests)) of them copied)" : ""
        Console.note(
            "this worker: \(Format.count(counts.finishedRequests)) finished\(reused), \(counts.failedRequests) failed, "
                + "\(Format.count(counts.prefillTokens)) prompt tokens\(cached), \(Format.count(counts.sampledTokens)) new tokens in "
                + "\(Format.duration(seconds)) of computing (\(Format.decimal(rate)) new tokens/s)")
    }
}
