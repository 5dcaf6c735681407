import Foundation
import OctavoCore
import OctavoTestSupport
import Testing

extension CommandLineTests {
    /// Whatever happens while a file is queued, the batch ends up with each of its lines once.
    @Suite(.serialized) struct EnqueueTests {
        private static let rowCount = 20_000

        @Test func `an enqueue killed at random moments, run again, queues every line once`() async throws {
            try await Workbench.with { bench in
                let path = try bench.write("in.jsonl", rows(Self.rowCount))
                let seed = UInt64.random(in: 0...UInt64(UInt32.max))
                print("moments of the kills come from seed \(seed)")
                var generator = SeededGenerator(seed: seed)
                var kills = 0
                for _ in 0..<10 {
                    let process = try bench.start(["enqueue", path])
                    try await Task.sleep(for: .milliseconds(Int.random(in: 5...250, using: &generator)))
                    process.signal(SIGKILL)
                    if try await status(of: process) == 128 + SIGKILL { kills += 1 }
                }
                let finished = try await bench.octavo("enqueue", path)
                #expect(finished.status == 0, "\(finished.standardError)")
                let again = try await bench.octavo("enqueue", path)
                #expect(again.status == 0)
                #expect(again.standardOutput == finished.standardOutput)
                #expect(again.standardError.contains("nothing queued twice"))
                print("killed \(kills) of 10 times; then: \(finished.standardError)", terminator: "")
                try expectOneBatch(bench)
            }
        }

        @Test func `members that nobody knows are named once, and the number of alternatives is configured`()
            async throws
        {
            try await Workbench.with { bench in
                let line = #"{"prompt": "x", "temprature": 1, "priority": 3, "logprobs": 2000, "zeta": null}"#
                let path = try bench.write("in.jsonl", "\(line)\n\(line)\n")
                let refused = try await bench.octavo("enqueue", path)
                #expect(refused.status == 65 && refused.standardError.contains("logprobs: must be between 0 and 1024"))
                let queued = try await bench.octavo("enqueue", path, "--max-logprobs", "2000")
                #expect(queued.status == 0, "\(queued.standardError)")
                let warning = "members that Octavo does not know are ignored: \"temprature\", \"zeta\""
                #expect(queued.standardError.split(separator: "\n").count { $0.contains(warning) } == 1)
            }
        }

        @Test func `two processes that enqueue one file make one batch`() async throws {
            try await Workbench.with { bench in
                let path = try bench.write("in.jsonl", rows(Self.rowCount))
                let processes = try (0..<2).map { _ in try bench.start(["enqueue", path]) }
                var ids: Set<String> = []
                for process in processes {
                    #expect(try await status(of: process) == 0, "\(process.standardError)")
                    ids.insert(process.standardOutput)
                }
                #expect(ids == ["1\n"] || ids == ["2\n"], "\(ids)")
                try expectOneBatch(bench)
            }
        }

        @Test func `the same file with other settings is another batch`() async throws {
            try await Workbench.with { bench in
                let path = try bench.write("in.jsonl", rows(3))
                let first = try await bench.octavo("enqueue", path)
                #expect(try await bench.octavo("enqueue", path).standardOutput == first.standardOutput)
                let second = try await bench.octavo("enqueue", path, "--max-tokens", "7")
                #expect(second.status == 0)
                #expect(second.standardOutput != first.standardOutput)
                #expect(try bench.count("SELECT count(*) FROM octavo.batches") == 2)
            }
        }

        @Test func `stdin, several files and a dry run`() async throws {
            try await Workbench.with { bench in
                let one = try bench.write("one.jsonl", rows(3))
                let two = try bench.write("two.jsonl", "\u{FEFF}{\"prompt\": \"x\"}\r\n\r\n{\"prompt\": \"y\"}")
                let dry = try await bench.octavo("enqueue", one, two, "--dry-run", "--json", "--model", TestModels.tiny)
                #expect(dry.status == 0, "\(dry.standardError)")
                let counts = try JSONValue.parse(dry.standardOutput)
                #expect(counts["requests"] == 5 && counts["batch"] == .null && counts["prompt_tokens_exact"] == true)
                let both = try await bench.octavo("enqueue", one, two, "--json")
                let report = try JSONValue.parse(both.standardOutput)
                #expect(report["batch"] == 1 && report["requests"] == 5 && report["is_new"] == true)
                #expect(report["blank_lines"] == 1 && report["state"] == "active")
                let piped = try await bench.octavo("enqueue", "-", input: rows(4))
                #expect(piped.status == 0, "\(piped.standardError)")
                #expect(try bench.count("SELECT count(*) FROM octavo.requests") == 9)
            }
        }

        private func rows(_ count: Int) -> String {
            (1...count).map {
                "{\"id\": \"row-\($0)\", \"prompt\": \"\(String(repeating: "x", count: $0 * 7 % 90 + 1))\"}\n"
            }
            .joined()
        }

        private func expectOneBatch(_ bench: Workbench) throws {
            #expect(try bench.count("SELECT count(*) FROM octavo.batches") == 1)
            #expect(try bench.count("SELECT total FROM octavo.batches") == Self.rowCount)
            #expect(try bench.count("SELECT count(*) FROM octavo.requests") == Self.rowCount)
            #expect(try bench.count("SELECT count(DISTINCT custom_id) FROM octavo.requests") == Self.rowCount)
            let pending = "SELECT sum(end_position - next_position) FROM octavo.segments"
            #expect(try bench.count(pending) == Self.rowCount)
        }
    }
}
