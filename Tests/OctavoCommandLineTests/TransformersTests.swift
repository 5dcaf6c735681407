import Foundation
import OctavoCore
import OctavoTestSupport
import Testing

/// A Python that has transformers, if the environment names one.
private let transformersPython = ProcessInfo.processInfo.environment["OCTAVO_TRANSFORMERS_PYTHON"]

extension CommandLineTests {
    /// Folders that Hugging Face transformers reads too, and what it computes of them.
    @Suite(
        .serialized,
        .enabled(
            if: transformersPython != nil,
            "set OCTAVO_TRANSFORMERS_PYTHON to a Python that has scripts/lib/transformers-requirements.txt"))
    struct TransformersTests {
        @Test(arguments: ["tiny-untied", "tiny-tied", "tiny-llama31"])
        func `a model of INT8 weights has the same ids and logits in both`(name: String) async throws {
            try await Workbench.withoutDatabase { bench in
                let original = TestPaths.fixtures.appending(path: "Models/\(name)")
                let folder = bench.directory.appending(path: "model")
                try FileManager.default.copyItem(at: original.appending(path: "compressed-tensors"), to: folder)
                for file in ["tokenizer.json", "tokenizer_config.json"] {
                    try FileManager.default.copyItem(
                        at: original.appending(path: "hf/\(file)"), to: folder.appending(path: file))
                }
                let prompts = try bench.write("prompts.jsonl", insensitivePrompts(of: original))
                let outcome = try await compare(
                    bench, "--prompts", prompts, "--int8-tolerance", "0.001", folder.path)
                #expect(outcome.status == 0, "\(outcome.standardOutput)\(outcome.standardError)")
                print(name, outcome.standardOutput, separator: "\n")
            }
        }

        /// The prompts of which no activation lies near the middle of two integers, as JSON lines.
        private func insensitivePrompts(of model: URL) throws -> String {
            let expected = try JSONValue.parse(
                String(contentsOf: model.appending(path: "expected.json"), encoding: .utf8))
            let prompts = try #require(expected["prompts"]?.arrayValue)
            let variant = expected["variants"]?["compressed-tensors"]
            let sensitivity = try #require(variant?["sensitivity"]?.arrayValue).compactMap(\.doubleValue)
            return zip(prompts, sensitivity).filter { $0.1 < 1e-3 }
                .map { (["ids": $0.0] as JSONValue).jsonText + "\n" }.joined()
        }

        private func compare(_ bench: Workbench, _ arguments: String...) async throws -> ProcessOutcome {
            let script = TestPaths.packageRoot.appending(path: "scripts/lib/compare-with-transformers.py").path
            let python = try #require(transformersPython)
            return try await runProcess(
                URL(fileURLWithPath: python),
                [script, "--octavo", TestPaths.octavoExecutable.path] + arguments, environment: bench.environment,
                timeout: .seconds(300))
        }
    }
}
