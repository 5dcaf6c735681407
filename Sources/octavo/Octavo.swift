import ArgumentParser
import Foundation
import OctavoPostgres

/// The command line. What each command prints and the status it ends with are a contract with scripts.
@main
struct Octavo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "octavo",
        abstract: "Offline batch generation with Llama models: prompts in, results out, nothing lost.",
        discussion: """
            On one machine, everything in one command:
              octavo run prompts.jsonl --model MODEL -o results.jsonl
            On many, with OCTAVO_DATABASE_URL pointing all of them at one PostgreSQL:
              octavo enqueue prompts.jsonl      anywhere; prints the batch's id
              octavo worker --model MODEL       on every machine
              octavo export BATCH -o out.jsonl  anywhere

            Every option can also be set by the environment variable that its help names; a flag has precedence.

            Exit status: 0 done; 1 some requests failed or are not finished; 64 wrong usage; 65 bad input data; 66 input
            not found; 69 database or engine unavailable; 70 a bug of Octavo's; 73 cannot write output; 130 interrupted.
            """,
        version: OctavoVersion.current,
        subcommands: [
            Run.self, Enqueue.self, WorkerCommand.self, Status.self, Export.self, Cancel.self, Pause.self, Resume.self,
            Prioritize.self, Retry.self, Delete.self, JobCommand.self, Database.self, ModelCommand.self, Bench.self,
        ])

    static func main() async {
        // A reader that goes away must not kill a writer of results: the write fails instead, and says so.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot()
            if var asyncCommand = command as? any AsyncParsableCommand {
                try await asyncCommand.run()
            } else {
                try command.run()
            }
        } catch let failure as CommandFailure {
            if !failure.message.isEmpty { Console.error(failure.message) }
            Foundation.exit(failure.status.rawValue)
        } catch  where ExitStatus.isParserError(error) {
            exit(withError: error)
        } catch let error as PostgresError where error.sqlState == SQLState.insufficientPrivilege {
            Console.error("\(error). The owner of the queue lets a role do more by octavo database grant.")
            Foundation.exit(ExitStatus(for: error).rawValue)
        } catch let error as PostgresError where error.kind == .connection {
            Console.error("\(error). \(DatabaseOptions.connectionRemedy)")
            Foundation.exit(ExitStatus(for: error).rawValue)
        } catch {
            Console.error("\(error)")
            Foundation.exit(ExitStatus(for: error).rawValue)
        }
    }
}

/// What this build calls itself.
enum OctavoVersion {
    static let current = "0.1.0"
}
