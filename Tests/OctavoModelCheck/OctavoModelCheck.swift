import ArgumentParser
import Foundation

/// The program behind `scripts/model-check`.
@main
struct OctavoModelCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scripts/model-check",
        abstract: "Tries every order of what may happen to the queue, with its real functions on a real PostgreSQL.",
        discussion: """
            First, calls that come one after the other: from a batch of which nothing is claimed, everything that up to four
            workers and time can do, in every order, until no new state is found. Then, in a state of each shape, every two
            calls that overlap, the one being held before and after every statement that writes.

            Every call and every state is checked: each request is in one place, nothing ends twice, counters equal a recount,
            no lease is taken from its holder, who has lost it changes nothing, replies are true, and the work can always be
            ended. What is wrong is printed with the fewest steps that lead to it.

            Examples:
              scripts/model-check
              scripts/model-check --fast
              scripts/model-check --plant finish-unfenced
              scripts/model-check --plant-all
              scripts/model-check --writers 4 --requests 2 --lease 1 --verb claim,finish,expire,reap

            Exit status: 0 nothing is wrong, or with --plant-all every bug was found; 1 otherwise; 64 wrong usage.
            """)

    @Flag(help: "Search the smaller scopes only, as the test suite does.")
    var fast = false

    @Option(help: "Put a bug into the functions first; --list names them.")
    var plant: String?

    @Flag(help: "Put each of the bugs in turn into the functions, and see that it is found.")
    var plantAll = false

    @Flag(help: "List scopes and bugs.")
    var list = false

    @Option(help: "Search only scopes with this in their names.")
    var scope: String?

    @Option(help: "A scope of its own: the number of workers, 1 to 8.")
    var writers: Int?

    @Option(help: "With --writers: the number of requests of each batch, with commas between.")
    var requests = "2"

    @Option(help: "With --writers: how many requests a claim takes.")
    var lease = 2

    @Option(help: "With --writers: what may happen, with commas between (default: everything).")
    var verb: String?

    @Option(help: "How many threads search.")
    var jobs = 2

    @Option(help: "What the overlaps of three calls are drawn by.")
    var seed: UInt64 = 1

    func validate() throws {
        if let plant, PlantedBug.named(plant) == nil {
            throw ValidationError("there is no bug \"\(plant)\"; --list names all")
        }
        guard (1...8).contains(writers ?? 1), jobs > 0, lease > 0 else {
            throw ValidationError("--writers must be 1 to 8, --jobs and --lease at least 1")
        }
        for name in verb?.split(separator: ",") ?? [] where Verb(rawValue: String(name)) == nil {
            throw ValidationError("\"\(name)\" is none of \(Verb.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        guard requests.split(separator: ",").allSatisfy({ (Int($0) ?? 0) > 0 }) else {
            throw ValidationError("--requests must be numbers with commas between")
        }
        guard !chosen.isEmpty else { throw ValidationError("no scope has \"\(scope ?? "")\" in its name") }
    }

    /// The scopes that are asked for.
    private var chosen: [Plan] {
        if let writers {
            let verbs = verb.map { Set($0.split(separator: ",").compactMap { Verb(rawValue: String($0)) }) }
            let own = Scope(
                name: "as asked", writers: writers, batches: requests.split(separator: ",").compactMap { Int($0) },
                leaseSize: lease, checkpoints: 1, verbs: verbs ?? Set(Verb.allCases))
            return [Plan(scope: own)]
        }
        return (fast ? Plan.fast : Plan.whole).filter { scope.map($0.scope.name.contains) ?? true }
    }

    func run() async throws {
        guard !list else { return printList() }
        let isFine: Bool
        if plantAll {
            isFine = try await plantEach()
        } else {
            let run = PlanRun(jobs: jobs, seed: seed, bug: plant.flatMap(PlantedBug.named))
            let violation = try await run.run(chosen, Self.print)
            if let violation { Self.print(violation.lines.joined(separator: "\n")) }
            isFine = violation == nil
        }
        guard isFine else { throw ExitCode(1) }
    }

    /// Plants bug after bug; returns whether all were found.
    private func plantEach() async throws -> Bool {
        var isFound = true
        for bug in PlantedBug.all {
            let run = PlanRun(jobs: jobs, seed: seed, bug: bug)
            let plans = Plan.whole.filter(bug.canShow)
            let violation = try await run.run(plans) { _ in }
            Self.print("\(bug.name): \(bug.summary)")
            Self.print(violation?.lines.joined(separator: "\n") ?? "  NOT FOUND")
            isFound = isFound && violation != nil
        }
        return isFound
    }

    private func printList() {
        Self.print("Scopes (* with --fast too):")
        for plan in Plan.whole {
            let isFast = Plan.fast.contains { $0.scope.name == plan.scope.name }
            Self.print("  \(plan.scope.name)\(isFast ? " *" : "")")
        }
        Self.print("Bugs:")
        for bug in PlantedBug.all {
            Self.print("  \(bug.name.padding(toLength: 22, withPad: " ", startingAt: 0)) \(bug.summary)")
        }
    }

    /// Prints at once, also into a pipe.
    private static func print(_ text: String) { FileHandle.standardOutput.write(Data("\(text)\n".utf8)) }
}
