import Foundation
import OctavoCore
import OctavoTestSupport
import Testing

extension CommandLineTests {
    /// What is told before and during the work.
    @Suite(.serialized) struct EstimateTests {
        private func rows(_ count: Int, prefix: String = "") -> String {
            (1...count).map { index in
                let prompt = prefix + String(repeating: "x", count: index * 7 % 90 + 1)
                return "{\"id\": \"row-\(index)\", \"prompt\": \"\(prompt)\", \"max_tokens\": 12, \"temperature\": 0}\n"
            }
            .joined()
        }

        @Test func `a dry run tells rows, exact tokens, shared beginnings, and time on this machine`() async throws {
            try await Workbench.with { bench in
                let path = try bench.write(
                    "in.jsonl", rows(10, prefix: String(repeating: "once upon a time ", count: 20)))
                let dry = try await bench.octavo("enqueue", path, "--dry-run", "--json", "--model", TestModels.tiny)
                #expect(dry.status == 0, "\(dry.standardError)")
                let report = try JSONValue.parse(dry.standardOutput)
                let estimate = try #require(report["estimate"])
                let shared = try #require(estimate["cached_prompt_tokens"]?.integerValue)
                // Whole blocks, of the beginning at least, in all prompts but the first.
                #expect(shared >= 9 * 64 && shared % 64 == 0)
                #expect(estimate["new_tokens"] == 120 && estimate["earlier_answers"] == 0)
                #expect(estimate["pace"] == "measured")
                let hours = try #require(estimate["hours"]?.doubleValue)
                let cores = try #require(estimate["core_hours"]?.doubleValue)
                let threads = try #require(estimate["threads"]?.integerValue)
                #expect(hours > 0 && abs(cores - hours * Double(threads)) < 1e-9)
                #expect(dry.standardError.contains("at most 120; no earlier answers to predict from"))
                #expect(try bench.count("SELECT count(*) FROM pg_namespace WHERE nspname = 'octavo'") == 0)
            }
        }

        @Test func `what nobody knows is said to be unknown, and what workers did is learned from`() async throws {
            try await Workbench.with { bench in
                let path = try bench.write("in.jsonl", rows(40))
                let blind = try await bench.octavo("enqueue", path, "--dry-run", "--model", "hf")
                #expect(
                    blind.status == 0 && blind.standardError.contains("time          not known"),
                    "\(blind.standardError)")
                let run = try await bench.octavo(
                    "run", path, "--model", TestModels.tiny, "-o", bench.path("out.jsonl"))
                #expect(run.status == 0, "\(run.standardError)")
                #expect(run.standardError.contains("core-hours, by steps timed now"))
                let next = try bench.write("next.jsonl", rows(41))
                let name = try #require(bench.jsonLines("out.jsonl").first?["response"]?["body"]?["model"]?.stringValue)
                let learned = try await bench.octavo("enqueue", next, "--dry-run", "--json", "--model", name)
                let estimate = try #require(try JSONValue.parse(learned.standardOutput)["estimate"])
                #expect(estimate["earlier_answers"] == 40 && estimate["pace"] == "workers")
            }
        }

        @Test func `times are exported on demand, and change nothing else`() async throws {
            try await Workbench.with { bench in
                let path = try bench.write("in.jsonl", rows(5))
                let run = try await bench.octavo(
                    "run", path, "--model", TestModels.tiny, "-o", bench.path("out.jsonl"))
                #expect(run.status == 0, "\(run.standardError)")
                let export = try await bench.octavo("export", "in.jsonl", "--timings", "-o", bench.path("timed.jsonl"))
                #expect(export.status == 0, "\(export.standardError)")
                let plain = try bench.jsonLines("out.jsonl")
                let timed = try bench.jsonLines("timed.jsonl")
                #expect(plain.allSatisfy { $0["response"]?["octavo"] == nil })
                for (plain, timed) in zip(plain, timed) {
                    let times = try #require(timed["response"]?["octavo"])
                    for name in ["queue_seconds", "compute_seconds", "core_seconds"] {
                        #expect(times[name]?.doubleValue.map { $0 >= 0 } == true)
                    }
                    #expect(timed["response"]?["body"] == plain["response"]?["body"])
                }
                let wrong = try await bench.octavo("export", "in.jsonl", "--timings", "--format", "messages")
                #expect(wrong.status == 64)
            }
        }

        @Test func `status --watch draws on a terminal in place, follows its size, and leaves it as it was`()
            async throws
        {
            try await Workbench.with { bench in
                let path = try bench.write("in.jsonl", rows(5))
                #expect(
                    try await bench.octavo("run", path, "--model", TestModels.tiny, "-o", bench.path("out.jsonl"))
                        .status == 0)
                for (key, status) in [("q", 0), ("\u{3}", 130)] as [(String, Int32)] {
                    let terminal = try Pseudoterminal(
                        ["status", "--watch"], environment: bench.environment, columns: 80, rows: 24)
                    #expect(await eventually(within: .seconds(60)) { terminal.text.contains("100.0%  5/5") })
                    #expect(terminal.text.contains("\u{1B}[?1049h") && !terminal.text.contains("\u{1B}[?1049l"))
                    #expect(terminal.text.contains("latest answers") && terminal.text.contains("row-1"))
                    #expect(!terminal.isCooked)
                    let wide = String(repeating: "█", count: 26)
                    #expect(terminal.text.contains(wide) && !terminal.text.contains(wide + "█"))
                    terminal.resize(columns: 120, rows: 30)
                    #expect(
                        await eventually(within: .seconds(60)) {
                            terminal.text.contains(String(repeating: "█", count: 40))
                        })
                    terminal.type(key)
                    #expect(await terminal.status() == status)
                    #expect(await eventually { terminal.text.hasSuffix("\u{1B}[?25h\u{1B}[?1049l") })
                    #expect(terminal.isCooked)
                }
            }
        }

        @Test func `without a terminal, status --watch prints a line for every batch`() async throws {
            try await Workbench.with { bench in
                let path = try bench.write("in.jsonl", rows(5))
                #expect(try await bench.octavo("enqueue", path).status == 0)
                let watch = try bench.start(["status", "--watch"])
                #expect(
                    await eventually(within: .seconds(60)) {
                        watch.standardOutput.split(separator: "\n").count >= 2
                    })
                watch.signal(SIGTERM)
                #expect(try await status(of: watch) == 130)
                #expect(!watch.standardOutput.contains("\u{1B}"))
                #expect(
                    watch.standardOutput.split(separator: "\n").allSatisfy {
                        $0 == "batch 1 active: in.jsonl: 0/5 (0.0%)"
                    })
            }
        }
    }
}
