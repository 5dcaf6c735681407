import Foundation
import OctavoCore
import OctavoTestSupport
import Testing

extension CommandLineTests {
    /// What the files beside the weights decide.
    @Suite(.serialized) struct TextModelTests {
        /// A copy of the tiny Llama 3.1, changed.
        private func model(in bench: Workbench, without file: String? = nil, generationConfig: String? = nil) throws
            -> String
        {
            let path = bench.path("model")
            let original = TestPaths.fixtures.appending(path: "Models/tiny-llama31/hf")
            try FileManager.default.copyItem(atPath: original.path, toPath: path)
            if let file { try FileManager.default.removeItem(atPath: "\(path)/\(file)") }
            if let generationConfig { _ = try bench.write("model/generation_config.json", generationConfig) }
            return path
        }

        private static let chat: JSONValue = ["messages": [["role": "user", "content": " Hi "]]]

        @Test func `a Llama 3 without a template has Llama 3's own form`() async throws {
            try await Workbench.withoutDatabase { bench in
                let path = try model(in: bench, without: "tokenizer_config.json")
                let rendered = try await bench.filter("render", model: path, [Self.chat])
                let text =
                    "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n Hi <|eot_id|>"
                    + "<|start_header_id|>assistant<|end_header_id|>\n\n"
                #expect(rendered == [["text": .string(text)]])
                let ids = try await bench.filter("tokenize", model: path, [Self.chat])
                let again = try await bench.filter("detokenize", model: path, ids)
                #expect(again == rendered)
                let report = try await bench.octavo("model", "inspect", path, "--json")
                let facts = try JSONValue.parse(report.standardOutput)
                #expect(facts["has_chat_template"] == false && facts["chat_format"] == "llama3")
            }
        }

        @Test func `generation config json gives defaults, and they are part of the fingerprint`() async throws {
            try await Workbench.withoutDatabase { bench in
                let path = try model(
                    in: bench, generationConfig: #"{"do_sample": false, "max_new_tokens": 5, "eos_token_id": [281]}"#)
                let seeded: JSONValue = ["messages": [["role": "user", "content": "Hi"]], "seed": 1]
                let greedy: JSONValue = [
                    "messages": [["role": "user", "content": "Hi"]], "temperature": 0, "max_completion_tokens": 5,
                ]
                let own = try await bench.filter("generate", model: path, [seeded, greedy])
                #expect(own[0]["usage"]?["completion_tokens"] == 5 && own[0] == own[1])
                let plain = try await bench.filter(
                    "generate", model: path, [seeded, greedy], "--generation-config", "none")
                #expect(plain[0]["choices"] != own[0]["choices"] && plain[1]["choices"] == own[1]["choices"])
                #expect(plain[1]["system_fingerprint"] != own[1]["system_fingerprint"])
            }
        }

        @Test func `a bad default is named by its key`() async throws {
            try await Workbench.withoutDatabase { bench in
                let path = try model(in: bench, generationConfig: #"{"top_p": 7}"#)
                let outcome = try await bench.octavo("model", "generate", path, input: "{\"prompt\": \"x\"}\n")
                #expect(outcome.status == 65, "\(outcome.standardError)")
                #expect(outcome.standardError.contains("generation_config.json: key top_p"), "\(outcome.standardError)")
            }
        }
    }
}
