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
    }
}
