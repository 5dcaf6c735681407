import ArgumentParser
import OctavoCore
import OctavoHub
import Synchronization

struct Pull: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Download a model from the Hugging Face hub; prints where it is.",
        discussion: """
            It goes into the cache that Hugging Face's own tools use, and what is there already is not fetched again. A
            download that was interrupted goes on where it was. All files are checked against the hub's hashes.

            Without --include it fetches what Octavo reads: configuration, tokenizer, chat template, and the weights in one
            form: safetensors, else PyTorch's .bin, else GGUF if the repository holds one model in it. Patterns are those
            of the shell, except that * matches / too.

            HF_TOKEN is for models that the hub gives to some accounts only; HF_HUB_CACHE and HF_HOME say where the cache
            is, HF_ENDPOINT where the hub is.

            Examples:
              octavo model pull meta-llama/Llama-3.1-8B-Instruct
              octavo model pull meta-llama/Llama-3.1-8B-Instruct@main --include '*' --exclude 'original/*'
              octavo model pull unsloth/Llama-3.2-1B-Instruct-GGUF/Llama-3.2-1B-Instruct-Q8_0.gguf
              octavo run prompts.jsonl --model meta-llama/Llama-3.1-8B-Instruct -o results.jsonl
            """)

    @Argument(help: "ORG/NAME, or ORG/NAME/FILE.gguf; @REVISION behind it names a branch, tag or commit.")
    var name: String

    @Option(help: "Fetch the files that match this pattern, instead of what Octavo reads; may be repeated.")
    var include: [String] = []

    @Option(help: "Leave out the files that match this pattern; may be repeated.")
    var exclude: [String] = []

    @Flag(help: "Print one JSON document instead of the path.")
    var json = false

    func validate() throws {
        guard HubName(name) != nil else {
            throw ValidationError("\(name) is no name of a model in the hub: give ORG/NAME, or ORG/NAME@REVISION")
        }
        if HubName(name)?.file != nil, !include.isEmpty {
            throw ValidationError("name one file, or give --include, not both")
        }
    }

    func run() async throws {
        guard let name = HubName(name) else { throw ValidationError("no name of a model in the hub") }
        let pull = ModelPull(
            name, selection: FileSelection(include: include, exclude: exclude),
            configuration: HubEnvironment.configuration)
        let reporter = PullReporter(name.description)
        defer { Console.clearProgress() }
        let outcome: ModelPull.Outcome
        do {
            outcome = try await SignalTrap.cancelling { try await pull.run { reporter.report($0) } }
        } catch is CancellationError {
            throw CommandFailure(.interrupted, "\(name): interrupted; the same command goes on where it was")
        }
        Console.note(Self.summary(name, outcome))
        if json { Console.result(Self.json(name, outcome)) } else { Console.result(outcome.path) }
    }

    private static func summary(_ name: HubName, _ outcome: ModelPull.Outcome) -> String {
        let bytes = Format.bytes(outcome.files.reduce(0) { $0 + $1.size })
        let fetched =
            outcome.fetchedBytes == 0
            ? "all of it was there already" : "\(Format.bytes(outcome.fetchedBytes)) fetched now"
        return "\(name): \(outcome.files.count) files, \(bytes), \(fetched)"
    }

    private static func json(_ name: HubName, _ outcome: ModelPull.Outcome) -> JSONValue {
        [
            "name": .string(name.description), "commit": .string(outcome.commit), "path": .string(outcome.path),
            "files": .array(
                outcome.files.map { ["name": .string($0.name), "size": .integer($0.size), "hash": .string($0.hash)] }),
            "bytes": .integer(outcome.files.reduce(0) { $0 + $1.size }),
            "fetched_bytes": .integer(outcome.fetchedBytes),
        ]
    }
}

/// Shows how far a download has come, on a terminal in place, else now and then as a line.
private final class PullReporter: Sendable {
    private let name: String
    private let rate = RateMeter()
    private let lastReport: Mutex<ContinuousClock.Instant>
    private static let interval = Console.isTerminal ? Duration.milliseconds(200) : .seconds(30)

    init(_ name: String) {
        self.name = name
        // The first line on a terminal at once, in a log when there is something to tell.
        lastReport = Mutex(Console.isTerminal ? .now - Self.interval : .now)
    }

    func report(_ event: PullEvent) {
        switch event {
        case .pause(let reason, let pause):
            Console.note("\(name): \(reason); trying again in \(Format.duration(max(1, pause / .seconds(1))))")
        case .progress(let progress):
            let isDue = lastReport.withLock { last in
                guard ContinuousClock.now - last >= Self.interval else { return false }
                last = .now
                return true
            }
            guard isDue else { return }
            if Console.isTerminal { Console.progress(line(progress)) } else { Console.note(line(progress)) }
        }
    }

    private func line(_ progress: PullProgress) -> String {
        var parts = [
            "\(name): \(progress.files)/\(progress.totalFiles) files, \(Format.bytes(progress.bytes)) of "
                + "\(Format.bytes(progress.totalBytes)) (\(Format.percent(progress.bytes, of: progress.totalBytes)))"
        ]
        let (done, total) = (Double(progress.fetchedBytes), Double(progress.totalBytes))
        // What was there already says nothing about the rate.
        let there = Double(progress.bytes - progress.fetchedBytes)
        if let rate = rate.perSecond(done: done, phase: name), rate.isFinite, rate < 1e15 {
            parts.append("\(Format.bytes(Int(rate)))/s")
        }
        if let left = rate.secondsLeft(done: done, of: total - there, phase: name) {
            parts.append("\(Format.duration(left)) left")
        }
        return parts.joined(separator: ", ")
    }
}
