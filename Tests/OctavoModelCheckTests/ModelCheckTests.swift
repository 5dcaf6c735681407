import Foundation
import OctavoTestSupport
import Testing

@Suite struct ModelCheckTests {
    private static let program =
        TestPaths.octavoExecutable.deletingLastPathComponent().appending(path: "OctavoModelCheck")

    @Test(.timeLimit(.minutes(10))) func `in the small scopes nothing goes wrong in any order`() async throws {
        let run = try await runProcess(Self.program, ["--fast"], timeout: .seconds(540))
        print(run.standardOutput)
        #expect(run.status == 0, "\(run.standardOutput)\(run.standardError)")
        #expect(run.standardOutput.contains(" states, ") && run.standardOutput.contains(" overlaps, "))
    }

    @Test(.timeLimit(.minutes(10))) func `a finish without a fence is found, with the fewest steps that show it`()
        async throws
    {
        let run = try await runProcess(
            Self.program, ["--fast", "--plant", "finish-unfenced"], timeout: .seconds(540))
        #expect(run.status == 1, "\(run.standardError)")
        let steps = run.standardOutput.split(separator: "\n").filter { $0.hasPrefix("  ") }
        #expect(
            steps.prefix(4) == [
                "  1. A claims: leased 1/0", "  2. the time of A's lease runs out", "  3. somebody reaps: 1",
                "  4. A finishes 1/0: 0 stored now, 1 before",
            ], "\(run.standardOutput)")
    }

    @Test(.timeLimit(.minutes(10))) func `a reap that does not lock its leases is found by calls that overlap`()
        async throws
    {
        let arguments = ["--fast", "--scope", "overlaps", "--plant", "reap-unlocked"]
        let run = try await runProcess(Self.program, arguments, timeout: .seconds(540))
        #expect(run.status == 1, "\(run.standardError)")
        #expect(
            run.standardOutput.contains("meanwhile") && run.standardOutput.contains("WRONG"), "\(run.standardOutput)")
    }

    @Test func `the functions that are checked are those that the queue calls`() throws {
        let isChecked = /octavo\.(claim|heartbeat|checkpoint|finish|fail|release|reap|retry_failed)_v\d+/
        let sources = TestPaths.packageRoot.appending(path: "Sources/OctavoQueue")
        var called: Set<Substring> = []
        for file in try FileManager.default.contentsOfDirectory(atPath: sources.path) where file.hasPrefix("Queue+") {
            let text = try String(contentsOf: sources.appending(path: file), encoding: .utf8)
            called.formUnion(text.matches(of: isChecked).map(\.output.0))
        }
        let calls = TestPaths.packageRoot.appending(path: "Tests/OctavoModelCheck/Server/Calls.swift")
        let checked = try String(contentsOf: calls, encoding: .utf8).matches(of: isChecked).map(\.output.0)
        #expect(Set(checked) == called, "Tests/OctavoModelCheck/Server/Calls.swift must follow Sources/OctavoQueue")
    }

    @Test func `a bug or a scope that is not known is a usage error`() async throws {
        for arguments in [["--plant", "gremlin"], ["--scope", "gremlin"], ["--writers", "9"]] {
            #expect(try await runProcess(Self.program, arguments).status == 64)
        }
    }
}
