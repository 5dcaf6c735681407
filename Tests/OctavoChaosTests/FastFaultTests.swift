import Foundation
import OctavoCore
import OctavoTestSupport
import Testing

@Suite struct FastFaultTests {
    private static let program = TestPaths.octavoExecutable.deletingLastPathComponent().appending(path: "OctavoChaos")

    @Test(.timeLimit(.minutes(20))) func `every quick fault is survived`() async throws {
        let run = try await runProcess(Self.program, ["--fast", "--jobs", "4"], timeout: .seconds(540))
        print(run.standardOutput)
        #expect(run.status == 0, "\(run.standardOutput)\(run.standardError)")
        #expect(run.standardOutput.contains("PASS") && !run.standardOutput.contains("FAIL"))
    }

    @Test(.timeLimit(.minutes(10))) func `results that are lost, swapped or doubled do not escape the oracle`()
        async throws
    {
        let names = ["sabotage-loss", "sabotage-answer", "sabotage-double"]
        let arguments = ["--fault", names.joined(separator: ","), "--jobs", "3", "--json"]
        let run = try await runProcess(Self.program, arguments, timeout: .seconds(540))
        #expect(run.status == 1, "\(run.standardOutput)\(run.standardError)")
        let reports = try run.standardOutput.split(separator: "\n").map { try JSONValue.parse(Array($0.utf8)) }
        #expect(reports.count == 3 && reports.allSatisfy { $0["verdict"] == "fail" }, "\(run.standardOutput)")
        let problems = Dictionary(
            uniqueKeysWithValues: reports.map { ($0["fault"]?.stringValue, $0["problems"]?.jsonText ?? "") })
        #expect(problems["sabotage-loss"]?.contains("have no end") == true)
        #expect(problems["sabotage-answer"]?.contains("differs from the undisturbed run's in 2 lines") == true)
        #expect(problems["sabotage-double"]?.contains("have two ends") == true)
    }

    @Test func `a fault that is not known is a usage error, and the others are listed`() async throws {
        let unknown = try await runProcess(Self.program, ["--fault", "earthquake"])
        #expect(unknown.status == 64)
        #expect(unknown.standardError.contains("earthquake"))
        let list = try await runProcess(Self.program, ["--list"])
        #expect(list.status == 0)
        #expect(list.standardOutput.contains("sigkill-one "))
    }
}
