import ArgumentParser
import Logging
import OctavoCore
import OctavoFiles
import OctavoLlama
import OctavoPostgres
import OctavoQueue
import OctavoWorker

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answer prompt files on this machine: enqueue, work, export, in one command.",
        discussion: """
            Uses a private PostgreSQL, which it starts, unless OCTAVO_DATABASE_URL or PG* name another. Interrupted and
            run again, it goes on where it was: the same files with the same settings are the same batch.

            Examples:
              octavo run prompts.jsonl --model models/SmolLM2-135M-Instruct.Q4_1.gguf -o results.jsonl
              octavo run a.jsonl b.jsonl --model meta-llama/Llama-3.1-8B --max-tokens 256 -o out.jsonl --errors failed.jsonl
              octavo run prompts.jsonl --model meta-llama/Llama-3.1-8B-Instruct --format messages -o train.jsonl.zst
              octavo run topics.csv --job jobs/self-instruct.yaml --model MODEL -o instructions.jsonl
            """)

    @Argument(help: "JSONL files, with --job also CSV; - is standard input.")
    var files: [String] = []

    @OptionGroup var model: ModelOptions
    @OptionGroup var enqueuing: EnqueueArguments
    @OptionGroup var limits: LimitOptions
    @OptionGroup var engine: EngineOptions
    @OptionGroup var worker: WorkerArguments
    @OptionGroup var exporting: ExportArguments
    @OptionGroup var database: DatabaseOptions

    @Flag(help: "Print a JSON object with the counts on stdout; needs --output.")
    var json = false

    func validate() throws {
        try enqueuing.checkSource(files: files)
        if json, exporting.output == nil {
            throw ValidationError("--json needs --output, since both would go to stdout")
        }
    }

    func run() async throws {
        // Said before the work, not after it.
        try exporting.options(batch: 0).checkFiles()
        let target = try ModelTarget(
            model.location(), templatePath: model.templatePath, names: model.modelNames, generation: model.generation)
        let result = try await database.withQueue(migrates: true) { queue, configuration, logger in
            let rejected = try await exporting.rejectedBatch(in: queue)
            var options = try await enqueuing.options(files: files, target: target, queue: queue)
            options.maximumLogprobs = try limits.maximumLogprobs()
            options.blockLength = LlamaRunner.Configuration().blockLength
            let settings = options
            let enqueued = try await SignalTrap.cancelling {
                try await Enqueuing.run(settings, queue: queue, encoder: target.encoder)
            }
            Enqueuing.note(enqueued)
            guard let batch = enqueued.batchID else { throw CommandFailure(.internalError, "the batch has no id") }
            try await resumeIfPaused(batch, queue: queue)
            try await work(on: enqueued, batch, queue: queue, configuration: configuration, logger: logger)
            let export = try exporting.options(batch: batch, job: settings.job, rejected: rejected)
            return try await SignalTrap.cancelling { try await Exporting.run(export, queue: queue, json: json) }
        }
        try Exporting.checkComplete(result)
    }

    private func resumeIfPaused(_ batch: Int64, queue: Queue) async throws {
        try await queue.expireOverdue()
        let state = try await queue.batchSummary(batch).state
        if state == .paused { try await queue.resume(batch) }
        if state == .cancelled || state == .expired {
            Console.note("batch \(batch) is \(state.name); octavo delete \(batch) makes room to run it anew")
        }
    }

    /// Says what the work will be; what of it is done already is not looked at.
    private func tellEstimate(of enqueued: EnqueueResult, _ model: LoadedModel, _ queue: Queue) async throws {
        let experience = try await ModelExperience(of: model.names, in: queue)
        let estimate = WorkEstimate(
            enqueued, learningFrom: experience.answers, pace: model.measuredPace() ?? experience.pace)
        for line in estimate.lines { Console.note("  " + line) }
    }

    private func work(
        on enqueued: EnqueueResult, _ batch: Int64, queue: Queue, configuration: PostgresConfiguration, logger: Logger
    ) async throws {
        let summary = try await queue.batchSummary(batch)
        guard summary.state == .active, summary.unfinished > 0 else { return }
        let loaded = try LoadedModel(model, engine: engine)
        Console.note("answering with \(loaded.names[0]) (\(loaded.fingerprint)) on \(loaded.summary)")
        try await tellEstimate(of: enqueued, loaded, queue)
        var settings = try worker.configuration(for: loaded, drains: true)
        settings.maximumLogprobs = try limits.maximumLogprobs()
        settings.onlyBatch = batch
        let progress = Task { await ProgressReporter.follow(batch, queue: queue) }
        defer { progress.cancel() }
        try await Working.run(
            settings, model: loaded, database: configuration, grace: worker.graceDuration(), logger: logger)
        progress.cancel()
        await progress.value
    }
}
