import Foundation
import OctavoTestSupport
import Testing

@Suite struct FastFaultTests {
    private static let program = TestPaths.octavoExecutable.deletingLastPathComponent().appending(path: "OctavoChaos")

    @Test(.timeLimit(.minutes(10))) func `every quick fault is survived`() async throws {
        let run = try await runProcess(Self.program, ["--fast", "--jobs", "4"], timeout: .seconds(540))
        print(run.standardOutput)
        #expect(run.status == 0, "\(run.standardOutput)\(run.standardError)")
        #expect(run.standardOutput.contains("PASS") && !run.standardOutput.contains("FAIL"))
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
