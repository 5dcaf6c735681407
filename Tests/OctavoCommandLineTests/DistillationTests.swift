import Foundation
import OctavoCore
import OctavoTestSupport
import Testing

/// A Python that has numpy, safetensors and pyarrow: `scripts/test` makes one.
private let distillPython: String? = {
    let place =
        ProcessInfo.processInfo.environment["OCTAVO_DISTILL_PYTHON"]
        ?? TestPaths.packageRoot.appending(path: ".build/distill-venv/bin/python").path
    return FileManager.default.isExecutableFile(atPath: place) ? place : nil
}()

extension CommandLineTests {
    /// What a teacher's export tells a student, beside the teacher's full logits, read by Python.
    @Suite(
        .serialized,
        .enabled(
            if: distillPython != nil,
            "no Python with safetensors and pyarrow: scripts/test makes one; or set OCTAVO_DISTILL_PYTHON"))
    struct DistillationTests {
        @Test func `of a model of 288 tokens the 64 likeliest are within 0.001 of its full logits`() async throws {
            try await Workbench.with { bench in
                try await check(bench, model: TestModels.tiny, Self.requests)
            }
        }

        @Test(.enabled(if: TestModels.smolLM2 != nil, "\(TestModels.absence)"))
        func `of SmolLM2's 49,152 tokens the 64 likeliest are within 0.001 of its full logits`() async throws {
            try await Workbench.with { bench in
                let model = try #require(TestModels.smolLM2)
                try await check(bench, model: model, Array(Self.requests.prefix(2)))
            }
        }

        /// A chat, a scored text, and completions of which the prompt is told, too.
        private static let requests: [JSONObject] = [
            ["messages": [["role": "user", "content": "Name a color."]], "logprobs": true, "top_logprobs": 64],
            ["prompt": "Rain falls on the hills.", "max_tokens": 0, "prompt_logprobs": 64],
            ["prompt": ["The sea", "x y z"], "n": 2, "logprobs": 64, "prompt_logprobs": 64],
        ]

        private func check(_ bench: Workbench, model: String, _ requests: [JSONObject]) async throws {
            let lines = requests.enumerated().map { number, request in
                var line = request
                line["id"] = .string("r\(number)")
                if line["max_tokens"] == nil { line["max_tokens"] = 24 }
                line["log_sum_exp_temperatures"] = [0.5, 1, 2, 4]
                line["return_token_ids"] = true
                line["return_tokens_as_token_ids"] = true
                return JSONValue.object(line).jsonText
            }
            let input = try bench.write("in.jsonl", lines.joined(separator: "\n"))
            let index = bench.path("train.jsonl")
            let run = try await bench.octavo(
                "run", input, "--model", model, "--format", "distill", "-o", index, "--seed", "1")
            try #require(run.status == 0, "\(run.standardError)")
            #expect(run.standardError.contains("tensors in 1 file beside it"), "\(run.standardError)")

            let full = bench.path("full.safetensors")
            let logits = try await bench.octavo(
                ["model", "logits", model, "--full", full, "--kv-cache", "f16"],
                input: try await python("ids", index, "100"))
            try #require(logits.status == 0, "\(logits.standardError)")
            let report = try JSONValue.parse(try await python("logits", index, full))
            print(URL(fileURLWithPath: model).lastPathComponent, report.jsonText)
            #expect(report["positions"]?.integerValue ?? 0 > 20 && report["k"] == 64)
            #expect(report["unlike_ids"] == 0 && report["ranks"] == 0)
            #expect(report["logprob"]?.doubleValue ?? 1 < 1e-5 && report["log_sum_exp"]?.doubleValue ?? 1 < 1e-5)
            let divergences = try #require(report["kl"]?.objectValue).members
            #expect(divergences.map(\.key) == ["1.0", "0.5", "2.0", "4.0"])
            for divergence in divergences { #expect(divergence.value.doubleValue ?? 1 < 1e-3, "\(divergence.key)") }
        }

        @Test func `every layout is read by its trainer as the export has it`() async throws {
            try await Workbench.with { bench in
                let lines = (0..<3).map { number in
                    #"{"id":"\#(number)","messages":[{"role":"user","content":"q\#(number)"}],"max_tokens":\#(9 + number),"#
                        + #""logprobs":true,"top_logprobs":32,"return_token_ids":true,"return_tokens_as_token_ids":true}"#
                }
                let input = try bench.write("in.jsonl", lines.joined(separator: "\n"))
                let index = bench.path("train.jsonl.zst")
                let run = try await bench.octavo(
                    "run", input, "--model", TestModels.tiny, "--format", "distill", "-o", index)
                try #require(run.status == 0, "\(run.standardError)")
                let report = try JSONValue.parse(
                    try await python("layouts", index, bench.directory.path, "288"))
                print(report.jsonText)
                let layouts = try #require(report.objectValue).members
                #expect(layouts.count == 6)
                for layout in layouts {
                    #expect(layout.value["samples"] == 3, "\(layout.key)")
                    #expect(layout.value["kl"]?.doubleValue ?? 1 < 1e-3, "\(layout.key)")
                }
            }
        }

        /// What `scripts/lib/check-distilled.py` prints.
        private func python(_ arguments: String...) async throws -> String {
            let script = TestPaths.packageRoot.appending(path: "scripts/lib/check-distilled.py").path
            let outcome = try await runProcess(
                URL(fileURLWithPath: try #require(distillPython)), [script] + arguments,
                environment: ["PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"], timeout: .seconds(120))
            try #require(outcome.status == 0, "\(outcome.standardError)")
            return outcome.standardOutput
        }
    }
}
