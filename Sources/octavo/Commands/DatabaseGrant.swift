public import ArgumentParser
public import OctavoQueue

extension QueueRole: ExpressibleByArgument {}

struct DatabaseGrant: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grant",
        abstract: "Let a database role do what one part of Octavo needs, and nothing else.",
        discussion: """
            The role must exist: CREATE ROLE gpu LOGIN PASSWORD '...'. What else it could do in the schema octavo is
            taken from it. Run it again after octavo database migrate has applied something.

              worker    answers requests: octavo worker
              enqueuer  submits and steers batches: enqueue, cancel, pause, resume, prioritize, retry, status
              exporter  reads requests and answers: export, status
              observer  reads how things stand, but neither requests nor answers: status, database doctor

            Examples:
              octavo database grant gpu --as worker
              octavo database grant team --as enqueuer --as exporter
              octavo database grant gpu --as worker --dry-run
              octavo database grant gpu --revoke
            """)

    @Argument(help: "The database role.")
    var role: String

    @Option(name: .customLong("as"), help: "What it is for: worker, enqueuer, exporter or observer; may be repeated.")
    var purposes: [QueueRole] = []

    @Flag(help: "Take everything in the schema octavo from it.")
    var revoke = false

    @Flag(help: "Print the SQL and run nothing.")
    var dryRun = false

    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard revoke == purposes.isEmpty else { throw ValidationError("give --as, or --revoke alone") }
    }

    func run() async throws {
        try await database.withQueue { queue, _, _ in
            let statements = try await queue.grant(Set(purposes), to: role, isDryRun: dryRun)
            if dryRun { return Console.result(statements.map { "\($0);" }.joined(separator: "\n")) }
            let names = QueueRole.allCases.filter(purposes.contains).map(\.rawValue).joined(separator: " and ")
            Console.note(revoke ? "\(role) may do nothing here any more" : "\(role) may now work as \(names)")
        }
    }
}
