import Foundation
import OctavoCore
import OctavoTestSupport
import Testing

extension CommandLineTests {
    @Suite struct OddModelTests {
        @Test func `a tokenizer of another model is refused, not run`() async throws {
            try await Workbench.withoutDatabase { bench in
                try FileManager.default.copyItem(atPath: TestModels.tiny, toPath: bench.path("mixed"))
                let stranger = TestPaths.fixtures.appending(path: "Models/tiny-tied/hf/tokenizer.json")
                try FileManager.default.removeItem(atPath: bench.path("mixed/tokenizer.json"))
                try FileManager.default.copyItem(atPath: stranger.path, toPath: bench.path("mixed/tokenizer.json"))
                let outcome = try await bench.octavo(
                    "model", "generate", bench.path("mixed"), input: "{\"prompt\": \"x\"}\n")
                #expect(outcome.status == 65)
                #expect(outcome.standardError.contains("the tokenizer has 320 tokens, but the weights have 288"))
                #expect(outcome.standardOutput.isEmpty)
            }
        }

        @Test func `the engine's benchmark runs on the smallest vocabulary, and gives its ceilings`() async throws {
            try await Workbench.withoutDatabase { bench in
                let outcome = try await bench.octavo(
                    "bench", "engine", TestModels.tiny, "--runs", "1", "--requests", "2", "--json")
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
    }
}
