import ArgumentParser
import OctavoCore
import OctavoFiles
import OctavoQueue

struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a batch's finished results to a file, at any moment.",
        discussion: """
            The output file is replaced as a whole, when it is complete on disk. While requests are unfinished the exit
            status is 1 and stderr says how many.

            Formats: openai has a line per request, as OpenAI's batches do. The others have a line per answer, for
            training: messages, prompt-completion (TRL), sharegpt, alpaca (LLaMA-Factory, Axolotl), and preference
            (TRL's DPO), which pairs the answers of two batches. distill has the teacher's likeliest tokens at every
            position: OUTPUT is an index, and the tensors are in files of safetensors beside it
            (docs/distillation.md). Requests that a format cannot express are left out and named on stderr, and the
            exit status is 1.

            Examples:
              octavo export 7 -o results.jsonl
              octavo export nightly -o results.jsonl --errors failed.jsonl --order completion
              octavo export 7 --follow -o results.jsonl
              octavo export 7 --include-prompt -o results.jsonl.gz
              octavo export 7 --format messages --only-complete -o train.jsonl.zst
              octavo export large --format preference --rejected small -o pairs.jsonl
              octavo export teacher --format distill -o distilled/train.jsonl
              octavo export 7 --job jobs/self-instruct.yaml -o instructions.jsonl
            """)

    @Argument(help: "The batch's id or name.")
    var batch: String

    @OptionGroup var exporting: ExportArguments

    @Option(help: "A recipe whose output, filters and dedup take the place of those stored with the batch.")
    var job: String?

    @OptionGroup var database: DatabaseOptions

    @Flag(help: "Wait until the batch is complete, writing the file anew every few seconds.")
    var follow = false

    @Flag(help: "Print a JSON object with the counts on stdout; needs --output.")
    var json = false

    func validate() throws {
        if json || follow, exporting.output == nil { throw ValidationError("--json and --follow need --output") }
    }

    func run() async throws {
        let result = try await SignalTrap.cancelling {
            try await database.withQueue { queue, _, _ in
                let options = try exporting.options(
                    batch: try await queue.resolveBatch(batch), job: try job.map(RecipeFile.read),
                    rejected: try await exporting.rejectedBatch(in: queue))
                var result = try await Exporting.run(options, queue: queue, json: json && !follow)
                while follow, result.counts.pending > 0 {
                    try await Task.sleep(for: .seconds(5))
                    result = try await Exporting.run(options, queue: queue, json: false)
                }
                if json, follow { Console.result(Exporting.json(result)) }
                return result
            }
        }
        try Exporting.checkComplete(result)
    }
}

/// Running an `Exporter` with progress.
enum Exporting {
    static func run(_ options: ExportOptions, queue: Queue, json: Bool) async throws -> ExportResult {
        let total = try await queue.batchSummary(options.batch).total
        let rate = RateMeter()
        let result = try await Exporter(options, queue: queue) { counts in
            let left = rate.secondsLeft(done: Double(counts.total), of: Double(total), phase: "exporting")
            Console.progress(
                "exporting: \(Format.count(counts.total)) of \(Format.count(total)) requests"
                    + (left.map { ", \(Format.duration($0)) left" } ?? ""))
        }.run()
        Console.clearProgress()
        report(result, of: options)
        if json { Console.result(Self.json(result)) }
        return result
    }

    /// Says what was written, and what was left out.
    private static func report(_ result: ExportResult, of options: ExportOptions) {
        let counts = result.counts
        for request in result.unsuitable { Console.note("\(request), and is left out") }
        let unnamed = counts.unsuitable - result.unsuitable.count
        if unnamed > 0 { Console.note("and \(Format.count(unnamed)) more are left out") }
        var parts: [String] = []
        if let output = options.output { parts.append("\(Format.count(counts.lines)) results in \(output)") }
        if result.shards > 0 {
            let files = result.shards == 1 ? "file" : "files"
            parts.append("tensors in \(Format.count(result.shards)) \(files) beside it")
        }
        if let errors = result.errorsPath { parts.append("\(Format.count(counts.errors)) failures in \(errors)") }
        if counts.cutOff > 0 { parts.append("\(Format.count(counts.cutOff)) left out as cut off") }
        if counts.identical > 0 { parts.append("\(Format.count(counts.identical)) left out as both answers are one") }
        if !parts.isEmpty { Console.note(parts.joined(separator: ", ")) }
        guard !result.dropped.isEmpty else { return }
        let dropped = result.dropped.map { "\(Format.count($0.count)) by \($0.filter)" }
        Console.note("dropped by the recipe: " + dropped.joined(separator: ", "))
    }

    static func json(_ result: ExportResult) -> JSONValue {
        let counts = result.counts
        var object: JSONObject = [
            "total": .integer(counts.total), "finished": .integer(counts.finished), "failed": .integer(counts.failed),
            "cancelled": .integer(counts.cancelled), "expired": .integer(counts.expired),
            "pending": .integer(counts.pending),
        ]
        guard result.format != .openai else { return .object(object) }
        object["lines"] = .integer(counts.lines)
        if result.format == .recipe {
            object["dropped"] = .integer(result.dropped.reduce(0) { $0 + $1.count })
            return .object(object)
        }
        object["cut_off"] = .integer(counts.cutOff)
        object["unsuitable"] = .integer(counts.unsuitable)
        if result.format == .preference {
            object["unpaired"] = .integer(counts.unpaired)
            object["identical"] = .integer(counts.identical)
        }
        return .object(object)
    }

    /// - Throws: status 1 when not every request has a result in the file.
    static func checkComplete(_ result: ExportResult) throws {
        let counts = result.counts
        var parts: [String] = []
        if counts.failed > 0 { parts.append("\(Format.count(counts.failed)) failed") }
        if counts.cancelled > 0 { parts.append("\(Format.count(counts.cancelled)) were cancelled") }
        if counts.expired > 0 { parts.append("\(Format.count(counts.expired)) have expired") }
        if counts.pending > 0 { parts.append("\(Format.count(counts.pending)) are not finished") }
        if counts.unsuitable > 0 {
            parts.append("\(Format.count(counts.unsuitable)) do not fit \(result.format.rawValue)")
        }
        if counts.unpaired > 0 { parts.append("\(Format.count(counts.unpaired)) have no rejected answer") }
        guard !parts.isEmpty else { return }
        throw CommandFailure(.incomplete, "of \(Format.count(counts.total)) requests, " + parts.joined(separator: ", "))
    }
}
