import ArgumentParser
import Logging
import OctavoCore
import OctavoFiles
import OctavoHub
import OctavoLlama
import OctavoQueue
import OctavoWeights

struct Enqueue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Validate prompt files and queue them as one batch; prints the batch's id.",
        discussion: """
            Lines are OpenAI batch lines (/v1/chat/completions, /v1/completions) or plain objects with "prompt" or
            "messages", an optional "custom_id" or "id", and any sampling parameters. Nothing is queued if a line is
            invalid, unless --skip-invalid. The same files with the same settings are the same batch: enqueued again,
            an interrupted loading goes on, and a finished one is left alone.

            With --job, lines are rows of any columns (JSON lines, or CSV with a header), and a recipe makes requests
            of them.

            Examples:
              octavo enqueue prompts.jsonl
              octavo enqueue questions.csv --job jobs/persona-qa.yaml
              octavo enqueue --from 7 --job jobs/judge.yaml
              octavo enqueue part-*.jsonl --name nightly --max-tokens 256
              zcat prompts.jsonl.gz | octavo enqueue - --model llama-3.1-8b --priority 0
              octavo enqueue prompts.jsonl --dry-run
            """)

    @Argument(help: "JSONL files, with --job also CSV; - is standard input.")
    var files: [String] = []

    @Option(
        name: [.short, .long],
        help:
            "The model that is to answer: the name a worker serves, or one on this machine as for run, which also counts tokens exactly (OCTAVO_MODEL; default: any)."
    )
    var model: String?

    @OptionGroup var arguments: EnqueueArguments
    @OptionGroup var limits: LimitOptions
    @OptionGroup var database: DatabaseOptions

    @Option(help: "A file for all errors found, one JSON object a line.")
    var errors: String?

    @Flag(help: "Validate and count only.")
    var dryRun = false

    @Flag(help: "Print a JSON object with all counts instead of the id alone.")
    var json = false

    func validate() throws { try arguments.checkSource(files: files) }

    func run() async throws {
        let target = try ModelTarget(model ?? Environment.string("OCTAVO_MODEL"))
        if dryRun, arguments.from == nil { return try await enqueue(target, queue: nil) }
        try await SignalTrap.cancelling {
            try await database.withQueue(migrates: true) { queue, _, _ in try await enqueue(target, queue: queue) }
        }
    }

    private func enqueue(_ target: ModelTarget, queue: Queue?) async throws {
        var options = try await arguments.options(files: files, target: target, queue: queue)
        options.maximumLogprobs = try limits.maximumLogprobs()
        options.errorsPath = errors
        options.isDryRun = dryRun
        if dryRun, target.encoder != nil { options.blockLength = LlamaRunner.Configuration().blockLength }
        let result = try await Enqueuing.run(options, queue: queue, encoder: target.encoder)
        report(result, estimate: dryRun ? try await estimate(result, target) : nil)
    }

    /// What the work would be, by what workers of the same model did before, where there is a queue that knows; and by
    /// steps of the model itself where that is on this machine.
    private func estimate(_ result: EnqueueResult, _ target: ModelTarget) async throws -> WorkEstimate {
        var experience: ModelExperience?
        if let name = target.name, database.isReachable {
            experience = try? await database.withQueue { queue, _, _ in
                try await ModelExperience(of: [name] + target.aliases, in: queue)
            }
        }
        var pace = experience?.pace
        if let location = target.location {
            let model = try LoadedModel(
                location, templatePath: nil, names: [], generation: GenerationOptions.parse([]),
                engine: EngineOptions.parse([]), measuresBatch: true)
            pace = model.measuredPace() ?? pace
        }
        return WorkEstimate(result, learningFrom: experience?.answers ?? [], pace: pace)
    }

    private func report(_ result: EnqueueResult, estimate: WorkEstimate?) {
        Enqueuing.note(result)
        for line in estimate?.lines ?? [] { Console.note("  " + line) }
        if json {
            var object = Enqueuing.json(result).objectValue ?? JSONObject()
            object["estimate"] = estimate?.json
            Console.result(JSONValue.object(object))
        } else if let id = result.batchID {
            Console.result(String(id))
        }
    }
}

/// What `--model` of `enqueue` names: a model on this machine, whose tokenizer counts exactly, or only a name.
struct ModelTarget {
    var name: String?
    var aliases: [String] = []
    /// Where it is, if it is on this machine.
    var location: ModelLocation?
    var encoder: (any OctavoCore.PromptEncoding)?
    /// The model's own defaults of sampling.
    var samplingDefaults = SamplingParameters()

    init(_ model: String?) throws {
        guard let model else { return }
        guard let location = try ModelLocation.find(model) else {
            // Workers elsewhere may serve it under this name.
            guard HubName(model) != nil else { throw ModelLocation.missing(model) }
            if model.contains("/") {
                Console.note("\(model) is not on this machine: it is queued by name, and prompts are measured in bytes")
            }
            name = model
            return
        }
        self = try ModelTarget(location, templatePath: nil, names: [], generation: GenerationOptions.parse([]))
    }

    /// The model at a place, under its first name.
    init(_ location: ModelLocation, templatePath: String?, names: [String], generation: GenerationOptions) throws {
        self.location = location
        let text = try TextModel(path: location.path, templatePath: templatePath)
        let checkpoint = try Checkpoint.open(location.path)
        let names = names + location.names(of: checkpoint)
        name = names[0]
        aliases = Array(names.dropFirst())
        encoder = text.encoder(contextLength: checkpoint.configuration.contextLength)
        samplingDefaults = try generation.samplingDefaults(model: location.path)
    }
}

/// Running an `Enqueuer` with progress.
enum Enqueuing {
    static func run(
        _ options: EnqueueOptions, queue: Queue?, encoder: (any PromptEncoding)?
    ) async throws -> EnqueueResult {
        defer { Console.clearProgress() }
        let rate = RateMeter()
        return try await Enqueuer(options, queue: queue, encoder: encoder) { progress in
            let stage = progress.stage == .validating ? "checking" : "loading"
            let share = Format.percent(Int(progress.bytes), of: Int(progress.totalBytes))
            let left = rate.secondsLeft(
                done: Double(progress.bytes), of: Double(progress.totalBytes), phase: stage)
            Console.progress(
                "\(stage): \(Format.count(progress.rows)) rows, \(share)"
                    + (left.map { ", \(Format.duration($0)) left" } ?? ""))
        }.run()
    }

    /// Tells what was done, and what was found that may be a slip.
    static func note(_ result: EnqueueResult) {
        if !result.unknownMembers.isEmpty {
            let names = result.unknownMembers.map { JSONValue.string($0).jsonText }.joined(separator: ", ")
            Console.note("warning: members that Octavo does not know are ignored: \(names)")
        }
        Console.note(summary(result))
    }

    /// What was done, in a line.
    private static func summary(_ result: EnqueueResult) -> String {
        var parts = ["\(Format.count(result.rows)) requests"]
        parts.append("\(Format.count(result.promptTokens)) prompt \(result.areTokensExact ? "tokens" : "bytes")")
        parts.append("at most \(Format.count(result.maximumNewTokens)) new tokens")
        if result.skipped > 0 { parts.append("\(Format.count(result.skipped)) invalid lines left out") }
        let counts = parts.joined(separator: ", ")
        guard let id = result.batchID else { return "dry run: \(counts)" }
        if result.isNew { return "batch \(id): queued \(counts)" }
        let resumed = result.resumedRows < result.rows && result.resumedRows > 0
        return "batch \(id) was there already (\(result.state?.name ?? "")), "
            + (resumed
                ? "loading went on after \(Format.count(result.resumedRows)) requests: " : "nothing queued twice: ")
            + counts
    }

    static func json(_ result: EnqueueResult) -> JSONValue {
        [
            "batch": result.batchID.map { .integer(Int($0)) } ?? .null,
            "state": result.state.map { .string($0.name) } ?? .null,
            "is_new": .bool(result.isNew), "requests": .integer(result.rows),
            "resumed_requests": .integer(result.resumedRows), "skipped_lines": .integer(result.skipped),
            "blank_lines": .integer(result.blankLines), "prompt_tokens": .integer(result.promptTokens),
            "prompt_tokens_exact": .bool(result.areTokensExact), "max_new_tokens": .integer(result.maximumNewTokens),
            "idempotency_key": .string(result.idempotencyKey), "seed": .integer(Int(result.seed)),
        ]
    }
}
