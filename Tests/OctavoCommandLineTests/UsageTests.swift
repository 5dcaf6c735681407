import OctavoTestSupport
import Testing

extension CommandLineTests {
    @Suite struct UsageTests {
        static let commands = [
            "run", "enqueue", "worker", "status", "export", "cancel", "pause", "resume", "prioritize", "retry",
            "delete",
            "database start", "database stop", "database status", "database url", "database migrate",
            "database prune", "database doctor", "database grant", "model inspect",
            "model tokenize", "model detokenize", "model render", "model logits", "model generate", "bench ceilings",
            "bench kernels", "bench engine", "bench tokenizer",
        ]

        @Test func `the help of every command shows an example`() async throws {
            try await Workbench.withoutDatabase { bench in
                for command in Self.commands {
                    let help = try await bench.octavo(command.split(separator: " ").map(String.init) + ["--help"])
                    #expect(help.status == 0, "\(command)")
                    #expect(help.standardOutput.contains("Example"), "\(command)")
                    #expect(help.standardOutput.contains("octavo \(command)"), "\(command)")
                    #expect(help.standardError.isEmpty)
                }
                let help = try await bench.octavo("help")
                #expect(help.standardOutput.contains("Exit status"))
                #expect(try await bench.octavo("--version").standardOutput == "0.1.0\n")
            }
        }

        @Test(arguments: [
            "run", "frobnicate", "status --frobnicate", "enqueue x --priority 77", "enqueue x --max-tokens zero",
            "enqueue x --max-tokens -1", "enqueue x --temperature -1", "run x --max-batch 0", "run x --threads 0",
            "run x --json", "run x --model y --kernels none", "export 1 --follow", "export", "export 1 --format csv",
            "export 1 --format preference", "export 1 --rejected 2", "export 1 --only-complete",
            "worker", "worker --model x --kv-memory much", "database frobnicate", "database prune",
            "database prune 1 --keep 2", "database prune --keep -1",
            "database prune --older-than soon", "database prune --keep 1 --state active", "database grant x",
            "database grant x --as king", "database grant x --as worker --revoke", "prioritize 1",
            "prioritize 1 --priority 77",
            "enqueue x --deadline tomorrow", "enqueue x --deadline 2026-13-01T00:00:00Z", "model inspect",
            "status --log-level loud", "bench engine", "bench engine x --shape llama-3-8b",
            "bench engine --shape llama-4", "bench engine --shape llama-3-8b:0", "bench engine --shape llama-3-8b:33",
            "bench engine x --prefill 128,", "bench engine x --decode 0", "bench engine x --context 0",
            "bench engine x --new-tokens 0", "bench engine x --requests -1", "bench kernels --shape llama-3-8b:x",
            "bench kernels --working-set 1", "bench kernels --runs 0",
        ])
        func `wrong usage ends with status 64 and a hint`(command: String) async throws {
            try await Workbench.withoutDatabase { bench in
                let outcome = try await bench.octavo(command.split(separator: " ").map(String.init))
                #expect(outcome.status == 64, "\(outcome.standardError)")
                #expect(outcome.standardError.hasPrefix("Error: "))
                #expect(outcome.standardError.contains("--help"))
                #expect(outcome.standardOutput.isEmpty)
                #expect(!bench.exists("home"), "no database was made for it")
            }
        }

        @Test func `a variable that cannot be read is named`() async throws {
            try await Workbench.withoutDatabase { bench in
                var bench = bench
                bench.environment["OCTAVO_THREADS"] = "many"
                let outcome = try await bench.octavo("run", "x", "--model", TestModels.tiny)
                #expect(outcome.status == 64)
                #expect(outcome.standardError.contains("OCTAVO_THREADS is \"many\""))
            }
        }
    }
}
