import ArgumentParser
import OctavoCore
import OctavoFiles
import OctavoJobs
import OctavoQueue
import OctavoTokenizer

struct JobCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job", abstract: "Recipes that turn rows of any columns into requests.",
        subcommands: [JobCheckCommand.self])
}

struct JobCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Try a recipe on rows: its first prompts, their lengths, and what is wrong with which row.",
        discussion: """
            Queues nothing. With --model the prompts are printed as the model sees them, special tokens included, and
            counted in its tokens, else in bytes. The exit status is 65 if the recipe or a row is wrong.

            Examples:
              octavo job check jobs/persona-qa.yaml jobs/samples/personas.csv
              octavo job check jobs/classify.yaml reviews.jsonl --model MODEL --json
              octavo job check jobs/judge.yaml --from 7
            """)

    @Argument(help: "The recipe.")
    var recipe: String

    @Argument(help: "JSONL or CSV files; - is standard input.")
    var rows: [String] = []

    @Option(help: "Take the results of this batch (its id or name) as rows, in place of files.")
    var from: String?

    @Option(name: [.short, .long], help: "The model whose tokenizer counts (OCTAVO_MODEL; default: none).")
    var model: String?

    @Option(help: "A file for all errors found, one JSON object a line.")
    var errors: String?

    @OptionGroup var database: DatabaseOptions

    @Flag(help: "Print a JSON object.")
    var json = false

    func validate() throws {
        guard rows.isEmpty == (from == nil) else { return }
        throw ValidationError(
            from == nil ? "Missing expected argument '<rows> ...'" : "--from takes the place of files")
    }

    func run() async throws {
        var options = EnqueueOptions(files: rows)
        options.job = try RecipeFile.read(recipe)
        options.errorsPath = errors
        options.isDryRun = true
        let target = try ModelTarget(model ?? Environment.string("OCTAVO_MODEL"))
        options.samplingDefaults = target.samplingDefaults
        let settings = options
        guard let from else {
            return try report(try await Enqueuer(settings, queue: nil, encoder: target.encoder).check(), target)
        }
        try await database.withQueue { queue, _, _ in
            var settings = settings
            settings.resultsOf = try await queue.resolveBatch(from)
            try report(try await Enqueuer(settings, queue: queue, encoder: target.encoder).check(), target)
        }
    }

    private func report(_ check: JobCheck, _ target: ModelTarget) throws {
        let samples = try check.samples.map { try PromptSample($0, encoder: target.encoder) }
        if json {
            Console.result(Self.json(check, samples, areTokensExact: target.encoder != nil))
        } else {
            for sample in samples { Console.result(sample.text) }
        }
        let unit = target.encoder == nil ? "bytes" : "tokens"
        Console.note(
            "\(Format.count(check.requests)) requests, \(Format.count(check.promptTokens)) prompt \(unit), "
                + "\(Format.count(check.errors.count)) rows with errors")
        guard check.errors.count == 0 else { throw check.errors }
        guard check.requests > 0 else { throw CommandFailure(.badData, "there are no rows") }
    }

    private static func json(_ check: JobCheck, _ samples: [PromptSample], areTokensExact: Bool) -> JSONValue {
        [
            "requests": .integer(check.requests), "prompt_tokens": .integer(check.promptTokens),
            "prompt_tokens_exact": .bool(areTokensExact), "invalid_rows": .integer(check.errors.count),
            "errors": .array(check.errors.first.map { .string($0.description) }),
            "samples": .array(samples.map(\.json)),
        ]
    }
}

/// A request as a person checks it.
private struct PromptSample {
    private let request: ValidatedRequest
    private let prompts: [String]
    private let length: Int
    private let unit: String

    init(_ request: ValidatedRequest, encoder: (any PromptEncoding)?) throws {
        self.request = request
        if let encoder = encoder as? PromptEncoder {
            let ids = try encoder.encode(request.request)
            prompts = ids.map { encoder.tokenizer.decode($0, skipSpecial: false) }
            length = ids.reduce(0) { $0 + $1.count }
            unit = "tokens"
        } else {
            prompts = Self.texts(of: request.request)
            length = prompts.reduce(0) { $0 + $1.utf8.count }
            unit = "bytes"
        }
    }

    /// The prompts where no model says how they look: a conversation turn by turn.
    private static func texts(of request: RequestBody) -> [String] {
        switch request.prompt {
        case .chat(let chat):
            let turns = chat.messages.map { message in
                "[\(message["role"]?.stringValue ?? "")]\n\(message["content"]?.stringValue ?? "")\n"
            }
            return [turns.joined()]
        case .texts(let prompts):
            return prompts.map { if case .text(let text) = $0 { text } else { "" } }
        }
    }

    var text: String {
        let head = "--- \(request.customID) (line \(request.line)): \(Format.count(length)) \(unit)"
        return ([head] + prompts).joined(separator: "\n")
    }

    var json: JSONValue {
        [
            "custom_id": .string(request.customID), "line": .integer(request.line),
            "prompts": .array(prompts.map(JSONValue.string)), unit: .integer(length),
        ]
    }
}
