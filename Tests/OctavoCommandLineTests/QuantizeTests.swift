import Foundation
import OctavoCore
import OctavoTestSupport
import OctavoWeights
import Testing

extension CommandLineTests {
    /// `octavo model quantize` and `evaluate`, on models of random weights.
    @Suite struct QuantizeTests {
        @Test(arguments: [
            ("model.embed_tokens.weight", 5 * 64 + 3, Float.nan, "row 5, column 3 is nan"),
            ("model.layers.1.self_attn.q_proj.weight", 63 * 64 + 63, -.infinity, "row 63, column 63 is -inf"),
            ("model.layers.0.mlp.down_proj.weight", 2 * 192 + 100, .nan, "row 2, column 100 is nan"),
            ("model.layers.1.input_layernorm.weight", 7, .infinity, "row 0, column 7 is inf"),
            ("model.norm.weight", 0, .nan, "row 0, column 0 is nan"),
            ("lm_head.weight", 287 * 64, .nan, "row 287, column 0 is nan"),
        ])
        func `a weight that is no number is refused by file, tensor, row and column`(
            tensor: String, element: Int, value: Float, place: String
        ) async throws {
            try await Workbench.withoutDatabase { bench in
                let source = try makeModel(in: bench) { name, _, values in
                    if name == tensor { values[element] = value }
                }
                for options in [[], ["--scheme", "plain"], ["--rounding", "nearest"]] {
                    let outcome = try await bench.octavo(
                        ["model", "quantize", source, bench.path("int8"), "--calibration-tokens", "512"] + options)
                    #expect(outcome.status == 65, "\(options): \(outcome.standardError)")
                    let line = "octavo: \(source)/model.safetensors: tensor \(tensor) at byte "
                    let error = outcome.standardError.split(separator: "\n").last ?? ""
                    #expect(error.hasPrefix(line) && error.contains(place), "\(options): \(error)")
                    #expect(error.hasSuffix("fetch it again"))
                    #expect(!bench.exists("int8/config.json") && !bench.exists("int8/model.safetensors.index.json"))
                    try FileManager.default.removeItem(atPath: bench.path("int8"))
                }
            }
        }

        @Test func `a signal stops it between blocks, and the same command goes on`() async throws {
            try await Workbench.withoutDatabase { bench in
                // A sample so long that the signal comes before the last block.
                let sample = try bench.write("sample.txt", String(repeating: "All work and no play. ", count: 7_000))
                let arguments = [
                    "model", "quantize", TestModels.tiny, bench.path("int8"), "--calibration", sample,
                    "--calibration-tokens", "100000",
                ]
                let process = try bench.start(arguments)
                #expect(await eventually { bench.exists("int8/model-00001-of-00004.safetensors") })
                process.signal(SIGINT)
                #expect(try await status(of: process) == 130)
                #expect(
                    process.standardError.hasSuffix(
                        "octavo: \(bench.path("int8")): interrupted; the same command goes on where it was\n"),
                    "\(process.standardError)")
                #expect(!bench.exists("int8/config.json"))
                let outcome = try await bench.octavo(arguments)
                #expect(outcome.status == 0, "\(outcome.standardError)")
                #expect(bench.exists("int8/config.json") && !bench.exists("int8/.calibration"))
            }
        }

        @Test func `what stands beside the weights is copied`() async throws {
            try await Workbench.withoutDatabase { bench in
                let source = try makeModel(in: bench) { _, _, _ in }
                try bench.write("model/chat_template.jinja", "{{ messages[0].content }}<turn>")
                try bench.write("model/generation_config.json", #"{"eos_token_id": [281, 7], "top_p": 0.5}"#)
                try bench.write("model/notes.txt", "no part of a model")
                let outcome = try await bench.octavo("model", "quantize", source, bench.path("int8"), "--json")
                #expect(outcome.status == 0, "\(outcome.standardError)")
                for name in [
                    "tokenizer.json", "tokenizer_config.json", "generation_config.json", "chat_template.jinja",
                ] { #expect(try bench.read("int8/\(name)") == bench.read("model/\(name)"), "\(name)") }
                #expect(!bench.exists("int8/notes.txt"))
                let chat: JSONValue = ["messages": [["role": "user", "content": "Hi"]]]
                let rendered = try await bench.filter("render", model: bench.path("int8"), [chat])
                #expect(rendered == [["text": "Hi<turn>"]])
            }
        }

        @Test func `a model of the same vocabulary but other sizes is not compared with`() async throws {
            try await Workbench.withoutDatabase { bench in
                let width = 96
                let other = try makeModel(in: bench) { name, shape, values in
                    guard name.contains(".mlp.") else { return }
                    shape = shape.map { $0 == 192 ? width : $0 }
                    values = Array(values.prefix(shape[0] * shape[1]))
                }
                let configuration = try bench.read("model/config.json")
                    .replacing("\"intermediate_size\": 192", with: "\"intermediate_size\": \(width)")
                try bench.write("model/config.json", configuration)
                let text = try bench.write("text.txt", String(repeating: "A sentence of a text. ", count: 100))
                func evaluate(_ model: String, _ reference: String) async throws -> ProcessOutcome {
                    try await bench.octavo(
                        "model", "evaluate", model, "--against", reference, "--text", text, "--window", "64")
                }
                let same = try await evaluate(other, other)
                #expect(same.status == 0, "\(same.standardError)")
                let outcome = try await evaluate(TestModels.tiny, other)
                #expect(outcome.status == 65)
                #expect(
                    outcome.standardError.hasSuffix(
                        "\(other): its blocks are of other sizes than those of \(TestModels.tiny); compare models alike\n"
                    ),
                    "\(outcome.standardError)")
                #expect(outcome.standardOutput.isEmpty)
            }
        }

        @Test func `the built-in sample is the file that it is said to be`() throws {
            func read(_ path: String) throws -> String {
                try String(contentsOf: TestPaths.packageRoot.appending(path: path), encoding: .utf8)
            }
            let source = try read("Sources/octavo/Models/CalibrationText.swift")
            let begin = try #require(source.firstRange(of: "###\"\"\"\n")).upperBound
            let end = try #require(source.firstRange(of: "        \"\"\"###")).lowerBound
            let embedded = source[begin..<end].split(separator: "\n", omittingEmptySubsequences: false)
                .map { $0.hasPrefix("        ") ? $0.dropFirst(8) : $0 }.joined(separator: "\n")
            #expect(try embedded == read("docs/calibration.txt"), "run scripts/embed-calibration-text")
        }

        /// A copy of the tiny model with its weights changed.
        private func makeModel(
            in bench: Workbench,
            _ change: (_ name: String, _ shape: inout [Int], _ values: inout [Float]) -> Void
        ) throws -> String {
            let path = bench.path("model")
            try FileManager.default.copyItem(atPath: TestModels.tiny, toPath: path)
            let original = try SafetensorsFile(path: "\(TestModels.tiny)/model.safetensors")
            let writer = try SafetensorsWriter(path: "\(path)/model.safetensors")
            for name in original.names {
                var shape = try original.tensor(name).shape
                var values = try original.readFloats(name)
                change(name, &shape, &values)
                writer.begin(name, shape: shape)
                try writer.append(values)
            }
            try writer.finish()
            return path
        }
    }
}
