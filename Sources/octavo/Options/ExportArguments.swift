public import ArgumentParser
public import OctavoFiles
import OctavoJobs
import OctavoQueue

extension ExportOptions.Order: ExpressibleByArgument {}
extension ExportOptions.Format: ExpressibleByArgument {}

/// Where results go and how they look.
struct ExportArguments: ParsableArguments {
    @Option(
        name: [.customShort("o"), .long],
        help: "The file for results (default: stdout); a name that ends in .gz or .zst has it compressed.")
    var output: String?

    @Option(help: "The file for failures (default: beside the output, as NAME.errors.jsonl, if there are any).")
    var errors: String?

    @Option(help: "The order of the lines: \(ExportOptions.Order.allCases.map(\.rawValue).joined(separator: " or ")).")
    var order = ExportOptions.Order.input

    @Option(
        help:
            "The form of the lines: \(ExportOptions.Format.allCases.map(\.rawValue).joined(separator: ", ")) (default: recipe if the batch has one that names output columns, else openai)."
    )
    var format: ExportOptions.Format?

    @Flag(help: "With --format openai, put the request beside the response; other formats have what was asked anyway.")
    var includePrompt = false

    @Flag(
        help:
            "With --format openai, add what each answer took: seconds in the queue, seconds of computing, core-seconds. They differ from run to run."
    )
    var timings = false

    @Flag(help: "Leave out answers that were cut off by max_tokens; with a --format that has a line for each answer.")
    var onlyComplete = false

    @Option(help: "The batch, by id or name, whose answers are the rejected ones; for --format preference.")
    var rejected: String?

    @Option(help: "The size of the files of tensors, in MiB, with --format distill.")
    var shardSize = 128

    func validate() throws {
        if format == .distill, output == nil { throw ValidationError("--format distill needs --output") }
        guard (1...65_536).contains(shardSize) else { throw ValidationError("--shard-size must be 1 to 65536") }
        if format == .preference, rejected == nil {
            throw ValidationError("--format preference needs --rejected with the batch of rejected answers")
        }
        if timings, ![nil, .openai].contains(format) { throw ValidationError("--timings needs --format openai") }
        if format != .preference, rejected != nil { throw ValidationError("--rejected needs --format preference") }
        if onlyComplete, [nil, .openai, .recipe].contains(format) {
            throw ValidationError("--only-complete is for formats with an answer per line; name one with --format")
        }
    }

    /// The batch of rejected answers, if there is to be one.
    ///
    /// - Throws: `QueueError` when there is none of that name.
    func rejectedBatch(in queue: Queue) async throws -> Int64? {
        guard let rejected else { return nil }
        return try await queue.resolveBatch(rejected)
    }

    /// - Parameter job: the recipe to export by, if not the stored one.
    /// - Parameter rejected: what `rejectedBatch` found.
    func options(batch: Int64, job: JobRecipe? = nil, rejected: Int64? = nil) throws -> ExportOptions {
        var options = ExportOptions(batch: batch, output: output)
        options.errors = errors
        options.order = order
        options.format = format
        options.job = job
        options.includesPrompt = includePrompt
        options.includesTimings = timings
        options.onlyComplete = onlyComplete
        options.rejected = rejected
        options.shardBytes = shardSize << 20
        // The convention of reproducible builds: one fixed time makes equal results equal files.
        options.fixedTime = try Environment.value("SOURCE_DATE_EPOCH")
        return options
    }
}
