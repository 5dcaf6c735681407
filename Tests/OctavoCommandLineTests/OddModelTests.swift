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
    }
}
