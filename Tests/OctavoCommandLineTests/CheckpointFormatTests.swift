import Foundation
import OctavoCore
import OctavoTestSupport
import Testing

extension CommandLineTests {
    /// Models in other formats than the one that most tests run.
    @Suite struct CheckpointFormatTests {
        private func model(_ name: String) -> String { TestPaths.fixtures.appending(path: "Models/\(name)").path }

        @Test(arguments: [
            ("tiny-llama31/torchao-bin", "TorchAO Int8DynamicActivationInt8Weight, version 1"),
            ("tiny-tied/torchao-safetensors", "TorchAO Int8DynamicActivationInt8Weight, version 2"),
            ("tiny-tied/compressed-tensors", "compressed-tensors int-quantized"),
            ("tiny-untied/fmo-0.1", "FriendliAI int8"),
        ])
        func `weights without a tokenizer are inspected, and give logits`(name: String, scheme: String) async throws {
            try await Workbench.withoutDatabase { bench in
                let report = try await bench.octavo("model", "inspect", model(name), "--json")
                let facts = try JSONValue.parse(report.standardOutput)
                #expect(facts["stored_quantization"] == .string(scheme) && facts["tokenizer_vocabulary"] == .null)
                let logits = try await bench.filter("logits", model: model(name), [["ids": [1, 2, 3]]])
                #expect(logits.first?["argmax"]?.arrayValue?.count == 3)
                let generated = try await bench.octavo("model", "generate", model(name), input: "{\"prompt\": \"x\"}\n")
                #expect(generated.status == 66)
                #expect(generated.standardError.contains("neither tokenizer.json nor tokenizer.model is there"))
            }
        }

        @Test func `a folder of Meta's answers from text to text`() async throws {
            try await Workbench.withoutDatabase { bench in
                let body: JSONValue = ["prompt": "Hello", "max_tokens": 4, "temperature": 0, "ignore_eos": true]
                let answers = try await bench.filter("generate", model: model("tiny-untied/meta"), [body])
                #expect(answers.first?["usage"]?["completion_tokens"] == 4)
            }
        }

        @Test func `what is not supported is one line that names the file`() async throws {
            try await Workbench.withoutDatabase { bench in
                try FileManager.default.copyItem(atPath: model("tiny-untied/fmo"), toPath: bench.path("m"))
                let config = try bench.read("m/config.json").replacingOccurrences(of: "\"int8\"", with: "\"awq\"")
                try bench.write("m/config.json", config)
                let outcome = try await bench.octavo("model", "logits", bench.path("m"), input: "{\"ids\": [1]}\n")
                #expect(outcome.status == 65)
                #expect(outcome.standardError.split(separator: "\n").count == 1)
                #expect(outcome.standardError.contains("config.json: key quantization_config.quant_method: \"awq\""))
            }
        }
    }
}
