import ArgumentParser
import Foundation

/// The program behind `scripts/chaos`.
@main
struct OctavoChaos: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scripts/chaos",
        abstract: "Does to Octavo what may happen to it, and checks that nothing is lost, doubled or changed.",
        discussion: """
            Each fault has a fresh database in a PostgreSQL of its own, a batch of requests, and workers that are real
            processes. When the batch has been worked off, every request must have exactly one end, the counters must
            agree with a recount, no lease, segment or checkpoint may be left, and the export must be the same, byte for
            byte, as that of a run that nothing disturbed.

            The workers' model is a hash of the tokens so far, so that a token lost, doubled or swapped changes the answer;
            with --model, they are "octavo worker" with that model.

            Examples:
              scripts/chaos --list
              scripts/chaos --fault sigkill-one
              scripts/chaos --fault lost-reply,half-open --json
              scripts/chaos --all
              scripts/chaos --random 60m --seed 7

            Exit status: 0 all survived, or cannot run here; 1 a fault was not survived; 64 wrong usage.
            """,
        subcommands: [RunFaults.self, NullWorker.self, EnqueueWindows.self], defaultSubcommand: RunFaults.self)

    static func main() async {
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            exit(withError: error)
        }
    }
}
