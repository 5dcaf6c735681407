import OctavoCore
import OctavoTestSupport
import Testing

extension CommandLineTests {
    @Suite struct BenchTests {
        @Test func `the engine's benchmark runs on the smallest vocabulary, and gives its ceilings`() async throws {
            try await Workbench.withoutDatabase { bench in
                let outcome = try await bench.octavo(
                    "bench", "engine", TestModels.tiny, "--runs", "1", "--requests", "2", "--context", "256", "--json")
                #expect(outcome.status == 0, "\(outcome.standardError)")
                let lines = try outcome.standardOutput.split(separator: "\n").map { try JSONValue.parse(String($0)) }
                #expect(lines.first?["model"] == "hf")
                let prefill = lines.filter { $0["benchmark"] == "prefill" }
                #expect(
                    !prefill.isEmpty
                        && prefill.allSatisfy { ($0["value"]?.doubleValue ?? 0) > 0 && $0["unit"] == "tokens/s" })
                #expect(lines.contains { $0["benchmark"] == "decode" && $0["case"]?["batch"] == 32 })
            }
        }

        @Test func `the engine's benchmark makes weights of a shape where there is no model`() async throws {
            try await Workbench.withoutDatabase { bench in
                let outcome = try await bench.octavo(
                    "bench", "engine", "--shape", "smollm2-135m:1", "--runs", "1", "--prefill", "32", "--decode", "2",
                    "--context", "32", "--requests", "2", "--new-tokens", "4", "--json")
                #expect(outcome.status == 0, "\(outcome.standardError)")
                let lines = try JSONValue.lines(outcome.standardOutput)
                #expect(lines.first?["model"] == "smollm2-135m:1")
                let names = lines.dropFirst().compactMap { $0["benchmark"]?.stringValue }
                #expect(
                    names == [
                        "load", "prefill", "decode", "offline job", "offline job, useful tokens", "peak memory",
                    ])
                #expect(lines.dropFirst().allSatisfy { ($0["value"]?.doubleValue ?? 0) > 0 })
                let useful = lines.first { $0["benchmark"] == "offline job, useful tokens" }
                #expect((useful?["value"]?.doubleValue).map { (99.0...100).contains($0) } == true)
            }
        }

        @Test func `what does not fit is left out, and said`() async throws {
            try await Workbench.withoutDatabase { bench in
                let outcome = try await bench.octavo(
                    "bench", "engine", TestModels.tiny, "--runs", "1", "--prefill", "2048", "--decode", "1000",
                    "--context", "16", "--requests", "0")
                #expect(outcome.status == 0, "\(outcome.standardError)")
                #expect(outcome.standardError.contains("prefill of 2048 tokens: left out"))
                #expect(outcome.standardError.contains("decoding of 1000 rows: left out"))
                #expect(!outcome.standardOutput.contains("tokens/s"))
            }
        }

        @Test func `every kernel is measured against what limits it`() async throws {
            try await Workbench.withoutDatabase { bench in
                let outcome = try await bench.octavo(
                    "bench", "kernels", TestModels.tiny, "--runs", "1", "--working-set", "64KiB", "--json")
                #expect(outcome.status == 0, "\(outcome.standardError)")
                let lines = try JSONValue.lines(outcome.standardOutput)
                #expect(lines.first?["model"] == "hf")
                for (name, count) in [("int8 product", 36), ("attention", 3), ("largest logit", 2)] {
                    let figures = lines.filter { $0["benchmark"]?.stringValue == name }
                    #expect(figures.count == count, "\(name)")
                    for figure in figures {
                        #expect((figure["ceiling"]?.doubleValue ?? 0) > 0)
                        #expect((figure["share"]?.doubleValue ?? 0) > 0)
                        #expect(["INT8 peak", "f32 peak", "read bandwidth"].contains(figure["limit"]?.stringValue))
                        #expect(figure["runs"] == 1)
                    }
                }
            }
        }

        @Test func `what limits a kernel is measured beside it`() async throws {
            try await Workbench.withoutDatabase { bench in
                let outcome = try await bench.octavo(
                    "bench", "kernels", TestModels.tiny, "--runs", "1", "--working-set", "64KiB", "--json")
                #expect(outcome.status == 0, "\(outcome.standardError)")
                let figures = try JSONValue.lines(outcome.standardOutput).filter { $0["ceiling"]?.doubleValue != nil }
                // Products, attention and vectors.
                #expect(figures.count > 40)
                for (limit, names) in Dictionary(grouping: figures, by: { $0["limit"]?.stringValue ?? "" }) {
                    // Rounded, since it is computed back from a share.
                    let ceilings = Set(names.compactMap { ($0["ceiling"]?.doubleValue).map { ($0 * 1e3).rounded() } })
                    #expect(ceilings.count > names.count / 2, "\(limit): each line has a ceiling of its own")
                }
                #expect(
                    figures.allSatisfy {
                        $0["other_shares"]?.objectValue.map { Set($0.keys) }
                            == $0["other_ceilings"]?.objectValue.map { Set($0.keys) }
                    })
            }
        }

        @Test(arguments: [
            (["--shared-prefix", "64"], "shared prefix"),
            (["--distinct-prefix", "64"], "distinct prefix"),
        ])
        func `a job's prefixes are shared, or distinct for comparison`(options: [String], name: String) async throws {
            try await Workbench.withoutDatabase { bench in
                let outcome = try await bench.octavo(
                    [
                        "bench", "engine", "--shape", "smollm2-135m:1", "--runs", "1", "--prefill", "none", "--decode",
                        "none", "--requests", "8", "--new-tokens", "2", "--max-batch", "4", "--json",
                    ] + options)
                #expect(outcome.status == 0, "\(outcome.standardError)")
                let lines = try JSONValue.lines(outcome.standardOutput)
                let shared = try #require(lines.first { $0["benchmark"] == "offline job, shared prompt tokens" })
                #expect(shared["case"]?[name] == 64)
                #expect((shared["value"]?.doubleValue == 0) == options.contains("--distinct-prefix"))
            }
        }

        @Test func `prefixes that are both shared and distinct are refused`() async throws {
            try await Workbench.withoutDatabase { bench in
                let outcome = try await bench.octavo(
                    "bench", "engine", TestModels.tiny, "--shared-prefix", "8", "--distinct-prefix", "8")
                #expect(outcome.status == 64)
                #expect(outcome.standardError.contains("--distinct-prefix"))
            }
        }
    }
}
