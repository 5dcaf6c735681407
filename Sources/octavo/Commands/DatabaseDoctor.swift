import ArgumentParser
import OctavoCore
import OctavoQueue

struct DatabaseDoctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look for what is wrong with the queue or its server, and say what to do.",
        discussion: """
            Recounts every batch's rows; looks for lost requests, leases that nobody takes back, batches that no worker
            serves, workers of other versions; and at the server for old transactions, dead rows, connections and the
            like. The exit status is 1 if anything is found. --repair mends what can be mended safely while workers run.

            Examples:
              octavo database doctor
              octavo database doctor --repair
              octavo database doctor --json
            """)

    @Flag(help: "Mend what can be mended safely, and look again.")
    var repair = false

    @Flag(help: "Print one JSON document.")
    var json = false

    @OptionGroup var database: DatabaseOptions

    private static let program = "octavo \(OctavoVersion.current)"

    func run() async throws {
        // A recount of many millions of rows takes its time.
        let report = try await database.withQueue(patience: .seconds(3600)) { queue, _, _ in
            let report = try await queue.diagnose(program: Self.program)
            guard repair else { return Outcome(report: report) }
            let repairable = report.findings.filter(\.isRepairable)
            for finding in repairable { try await queue.repair(finding) }
            return Outcome(report: try await queue.diagnose(program: Self.program), repaired: repairable)
        }
        if json { Console.result(report.json) } else { report.print() }
        if !report.report.findings.isEmpty { throw CommandFailure(.incomplete) }
    }

    /// What was found, and what was mended before.
    private struct Outcome: Sendable {
        var report: HealthReport
        var repaired: [HealthFinding] = []

        func print() {
            for finding in repaired { Console.result("repaired: \(finding.message)") }
            for finding in report.findings {
                Console.result("\(finding.severity.rawValue): \(finding.message)\n  \(finding.remedy)")
            }
            for check in report.unchecked { Console.note("not checked, since this role may not look: \(check)") }
            let count = report.findings.count
            Console.note(count == 0 ? "nothing is wrong" : "\(Format.count(count)) findings")
        }

        var json: JSONValue {
            [
                "findings": .array(report.findings.map(Self.json)), "repaired": .array(repaired.map(Self.json)),
                "unchecked": .array(report.unchecked.map(JSONValue.string)),
            ]
        }

        private static func json(_ finding: HealthFinding) -> JSONValue {
            [
                "check": .string(finding.check), "severity": .string(finding.severity.rawValue),
                "message": .string(finding.message), "remedy": .string(finding.remedy),
                "repairable": .bool(finding.isRepairable),
            ]
        }
    }
}
