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

            Examples:
              octavo export 7 -o results.jsonl
              octavo export nightly -o results.jsonl --errors failed.jsonl --order completion
              octavo export 7 --follow -o results.jsonl
            """)

    @Argument(help: "The batch's id or name.")
    var batch: String

    @OptionGroup var exporting: ExportArguments
    @OptionGroup var database: DatabaseOptions

    @Flag(help: "Wait until the batch is complete, writing the file anew every few seconds.")
    var follow = false

    @Flag(help: "Print a JSON object with the counts on stdout; needs --output.")
    var json = false

    func validate() throws {
        if json || follow, exporting.output == nil { throw ValidationError("--json and --follow need --output") }
    }

    func run() async throws {
        let counts = try await SignalTrap.cancelling {
            try await database.withQueue { queue, _, _ in
                let options = try exporting.options(batch: try await queue.resolveBatch(batch))
                var counts = try await Exporting.run(options, queue: queue, json: json && !follow)
                while follow, counts.pending > 0 {
                    try await Task.sleep(for: .seconds(5))
                    counts = try await Exporting.run(options, queue: queue, json: false)
                }
                if json, follow { Console.result(Exporting.json(counts)) }
                return counts
            }
        }
        try Exporting.checkComplete(counts)
    }
}

/// Running an `Exporter` with progress.
enum Exporting {
    static func run(_ options: ExportOptions, queue: Queue, json: Bool) async throws -> ExportCounts {
        let total = try await queue.batchSummary(options.batch).total
        let rate = RateMeter()
        let result = try await Exporter(options, queue: queue) { counts in
            let left = rate.secondsLeft(done: Double(counts.total), of: Double(total), phase: "exporting")
            Console.progress(
                "exporting: \(Format.count(counts.total)) of \(Format.count(total)) requests"
                    + (left.map { ", \(Format.duration($0)) left" } ?? ""))
        }.run()
        Console.clearProgress()
        var places: [String] = []
        if let output = options.output { places.append("\(Format.count(result.counts.finished)) results in \(output)") }
        if let errors = result.errorsPath {
            places.append("\(Format.count(result.counts.errors)) failures in \(errors)")
        }
        if !places.isEmpty { Console.note(places.joined(separator: ", ")) }
        if json { Console.result(Self.json(result.counts)) }
        return result.counts
    }

    static func json(_ counts: ExportCounts) -> JSONValue {
        [
            "total": .integer(counts.total), "finished": .integer(counts.finished), "failed": .integer(counts.failed),
            "cancelled": .integer(counts.cancelled), "pending": .integer(counts.pending),
        ]
    }

    /// - Throws: status 1 when not every request has a result.
    static func checkComplete(_ counts: ExportCounts) throws {
        var parts: [String] = []
        if counts.failed > 0 { parts.append("\(Format.count(counts.failed)) failed") }
        if counts.cancelled > 0 { parts.append("\(Format.count(counts.cancelled)) were cancelled") }
        if counts.pending > 0 { parts.append("\(Format.count(counts.pending)) are not finished") }
        guard !parts.isEmpty else { return }
        throw CommandFailure(.incomplete, "of \(Format.count(counts.total)) requests, " + parts.joined(separator: ", "))
    }
}
