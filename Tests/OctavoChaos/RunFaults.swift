import ArgumentParser
import Foundation
import OctavoCore
import OctavoTestSupport

/// Runs faults and reports.
struct RunFaults: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Run faults (the default).")

    @Option(
        name: .customLong("fault"), parsing: .singleValue,
        help: "A fault, or several with commas between; --list names them.")
    var faults: [String] = []

    @Flag(help: "Run every fault.")
    var all = false

    @Flag(help: "Run the quick ones, as the test suite does.")
    var fast = false

    @Flag(help: "List the faults, with a sentence each.")
    var list = false

    @Option(help: "How many faults run at once; those that harm the server run alone.")
    var jobs = 1

    @Option(help: "Draw faults by chance for so long, such as 60m, several in each round.")
    var random: TimeSpan?

    @Option(help: "The seed of --random (default: a new one, which is printed).")
    var seed: UInt64?

    @Option(help: "A GGUF file or a folder: the workers are \"octavo worker\" with this model.")
    var model: String?

    @Flag(help: "Print one JSON object a fault instead of a line.")
    var json = false

    func validate() throws {
        for name in names where Fault.named(name) == nil {
            throw ValidationError("there is no fault \"\(name)\"; --list names all")
        }
        guard jobs > 0 else { throw ValidationError("--jobs must be at least 1") }
        guard list || all || fast || random != nil || !names.isEmpty else {
            throw ValidationError("nothing to do: give --fault, --fast, --all, --random or --list")
        }
    }

    private var names: [String] { faults.flatMap { $0.split(separator: ",").map(String.init) } }

    func run() async throws {
        guard !list else { return Self.printList() }
        let server = try ChaosServer()
        defer { server.shutDown() }
        let program = WorkerProgram(engine: model.map { .octavo(model: Self.absolute($0)) } ?? .letters)
        let runner = TrialRun(
            server: server, reference: Reference(server: server), surroundings: Surroundings(program: program)
        ) { FileHandle.standardError.write(Data($0.utf8)) }
        let isSurvived =
            if let random {
                await runRandom(for: random.duration, runner)
            } else {
                await runChosen(runner)
            }
        if !isSurvived { throw ExitCode(1) }
    }

    /// Runs what was asked for by name; returns whether all of it was survived.
    private func runChosen(_ runner: TrialRun) async -> Bool {
        if !json { Self.printLine(FaultReport.heading) }
        let chosen =
            Fault.all.filter { all || (fast && $0.isFast) || names.contains($0.name) }
            + Fault.sabotages.filter { names.contains($0.name) }
        let isSurvived = await withTaskGroup(of: Bool.self) { group in
            var isSurvived = true
            for (index, fault) in chosen.filter({ !$0.isSolitary }).enumerated() {
                if index >= jobs { isSurvived = await group.next() != false && isSurvived }
                group.addTask { await run(fault, runner) }
            }
            for await one in group { isSurvived = one && isSurvived }
            return isSurvived
        }
        var isAllSurvived = isSurvived
        for fault in chosen where fault.isSolitary { isAllSurvived = await run(fault, runner) && isAllSurvived }
        return isAllSurvived
    }

    /// Runs rounds until the time is up; returns whether all of them were survived.
    private func runRandom(for duration: Duration, _ runner: TrialRun) async -> Bool {
        let seed = seed ?? .random(in: 0...99_999)
        FileHandle.standardError.write(Data("seed \(seed)\n".utf8))
        var schedule = RandomSchedule(seed: seed)
        var isSurvived = true
        if !json { Self.printLine(FaultReport.heading) }
        let end = ContinuousClock.now + duration
        while ContinuousClock.now < end { isSurvived = await run(schedule.nextRound(), runner) && isSurvived }
        return isSurvived
    }

    private func run(_ fault: Fault, _ runner: TrialRun) async -> Bool {
        let report = await runner.run(fault)
        Self.printLine(json ? report.json.jsonText : report.line)
        return report.outcome != .failed
    }

    /// Prints at once, also into a pipe.
    private static func printLine(_ text: String) { FileHandle.standardOutput.write(Data("\(text)\n".utf8)) }

    private static func absolute(_ path: String) -> String { URL(fileURLWithPath: path).path }

    private static func printList() {
        for fault in Fault.all {
            printLine(fault.name + String(repeating: " ", count: max(1, 26 - fault.name.count)) + fault.summary)
        }
    }
}
