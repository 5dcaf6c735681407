import Foundation
import OctavoCore
import OctavoTestSupport
import OctavoWeights
import Testing

extension CommandLineTests {
    /// The filters of `octavo model`, on the tiny model and its reference outputs.
    @Suite(.serialized) struct ModelFilterTests {
        @Test func `texts become ids and become the same texts again`() async throws {
            try await Workbench.withoutDatabase { bench in
                let texts = ["Hello, world!", "", "Füße und 日本語 🙂", "a\tb\n\nc", "<|begin_of_text|>"]
                let tokenized = try await bench.filter("tokenize", texts.map { ["text": .string($0)] })
                #expect(tokenized.count == texts.count)
                #expect(tokenized[1]["ids"] == [])
                let restored = try await bench.filter("detokenize", tokenized)
                #expect(restored.map { $0["text"]?.stringValue } == texts)
                let special = try await bench.filter(
                    "tokenize",
                    [
                        ["text": "<|begin_of_text|>", "parse_special": true],
                        ["text": "x", "add_special_tokens": true], ["text": "x"],
                    ])
                #expect(special[0]["ids"] == [280])
                let plain = try #require(special[2]["ids"]?.arrayValue)
                #expect(special[1]["ids"] == .array([280] + plain))
                let skipped = try await bench.filter("detokenize", [["ids": [280], "skip_special_tokens": true]])
                #expect(skipped == [["text": ""]])
            }
        }

        @Test func `conversations are rendered, and tokenized as rendered`() async throws {
            try await Workbench.withoutDatabase { bench in
                let chat: JSONValue = [
                    "messages": [["role": "user", "content": "Hi"]], "options": ["add_generation_prompt": true],
                ]
                let rendered = try await bench.filter("render", [chat])
                let text = try #require(rendered.first?["text"]?.stringValue)
                #expect(text.contains("Hi"))
                let ids = try await bench.filter("tokenize", [chat])
                #expect(ids == (try await bench.filter("tokenize", [["text": .string(text), "parse_special": true]])))
            }
        }

        @Test func `what a template refuses is a line of its own, and status 1 at the end`() async throws {
            try await Workbench.withoutDatabase { bench in
                let template = try bench.write(
                    "strict.jinja",
                    "{% if messages[0].role != 'user' %}{{ raise_exception('begin with the user') }}{% endif %}fine")
                let lines = ["system", "user"].map { "{\"messages\": [{\"role\": \"\($0)\", \"content\": \"x\"}]}\n" }
                let outcome = try await bench.octavo(
                    "model", "render", TestModels.tiny, "--chat-template", template, input: lines.joined())
                #expect(outcome.status == 1)
                let results = try JSONValue.lines(outcome.standardOutput)
                #expect(results.count == 2)
                #expect(results[0]["error"]?["message"]?.stringValue?.contains("begin with the user") == true)
                #expect(results[1] == ["text": "fine"])
            }
        }

        @Test(arguments: [
            ("tokenize", "{\"text\": \"x\"}", "{\"text\": 7}"), ("detokenize", "{\"ids\": [1]}", "{\"ids\": [288]}"),
            ("render", "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}", "{\"messages\": 1}"),
            ("logits", "{\"ids\": [1]}", "{\"ids\": []}"), ("tokenize", "{\"text\": \"x\"}", "{\"text\": "),
            ("generate", "{\"prompt\": \"x\", \"max_tokens\": 1}", "[]"),
        ])
        func `a bad line is named by its number`(filter: String, good: String, bad: String) async throws {
            try await Workbench.withoutDatabase { bench in
                let outcome = try await bench.octavo(
                    "model", filter, TestModels.tiny, input: "\(good)\n\n\(bad)\n\(good)\n")
                #expect(outcome.status == 65, "\(outcome.standardError)")
                #expect(outcome.standardError.contains("<stdin>:3: "), "\(outcome.standardError)")
            }
        }

        @Test func `logits have the fixture's values, in the lines and in the file`() async throws {
            try await Workbench.withoutDatabase { bench in
                let reference = try Reference()
                let path = bench.path("logits.safetensors")
                let inputs = reference.prompts.map { ["ids": $0] as JSONValue }
                let reports = try await bench.filter("logits", inputs, "--scheme", "plain", "--full", path)
                let written = try SafetensorsFile(path: path)
                let expected = try SafetensorsFile(path: reference.folder + "/expected.safetensors")
                for (index, prompt) in reference.prompts.enumerated() {
                    let length = try #require(prompt.arrayValue).count
                    let rows = try written.readFloats("\(index)")
                    #expect(rows.count == length * 288)
                    let reference = (
                        positions: try reference.integers("positions", index),
                        logits: try expected.readFloats("logits.octavo.\(index)")
                    )
                    for (row, position) in reference.positions.enumerated() {
                        let ours = rows[position * 288..<(position + 1) * 288]
                        let theirs = reference.logits[row * 288..<(row + 1) * 288]
                        #expect(zip(ours, theirs).allSatisfy { abs($0 - $1) < 1e-3 }, "prompt \(index), \(position)")
                    }
                    try check(reports[index], length: length, last: Array(rows.suffix(288)))
                }
            }
        }

        /// The shapes of a report, and that it tells of the same logits as the file.
        private func check(_ report: JSONValue, length: Int, last: [Float]) throws {
            #expect(report["argmax"]?.arrayValue?.count == length)
            let logprobs = try #require(report["logprobs_of_next"]?.arrayValue)
            #expect(logprobs.count == length && logprobs.last == .null)
            #expect(logprobs.dropLast().allSatisfy { ($0.doubleValue ?? 1) <= 0 })
            let top = try #require(report["top"]?.arrayValue)
            #expect(top.count == length && top.allSatisfy { $0.arrayValue?.count == 5 })
            let best = try #require(top.last?.arrayValue?.first?.arrayValue)
            let token = try #require(best[0].integerValue)
            #expect(report["argmax"]?.arrayValue?.last == best[0])
            #expect(last[token] == last.max())
            #expect(best[1].doubleValue.map { Float($0) } == last[token])
        }

        @Test func `greedy generation is the fixture's as far as that is stable`() async throws {
            try await Workbench.withoutDatabase { bench in
                let reference = try Reference()
                let bodies = reference.prompts.map { prompt -> JSONValue in
                    ["prompt_ids": prompt, "max_tokens": 16, "temperature": 0, "ignore_eos": true, "logprobs": 0]
                }
                let answers = try await bench.filter("generate", bodies, "--scheme", "plain")
                for (index, answer) in answers.enumerated() {
                    #expect(answer["object"] == "text_completion" && answer["usage"]?["completion_tokens"] == 16)
                    let count = try #require(reference.variant["greedy_ok"]?.arrayValue?[index].integerValue)
                    let expected = try reference.integers("greedy", index).prefix(count)
                    let ids = JSONValue.array(expected.map { .integer($0) })
                    let texts = try await bench.filter("detokenize", [["ids": ids, "skip_special_tokens": true]])
                    var text = try #require(texts.first?["text"]?.stringValue).unicodeScalars[...]
                    // A character that the end of `expected` cuts in two is whole in the longer text.
                    while count < 16, text.last == "\u{FFFD}" { text.removeLast() }
                    let choice = try #require(answer["choices"]?.arrayValue?.first)
                    let answerText = try #require(choice["text"]?.stringValue)
                    #expect(choice["finish_reason"] == "length")
                    #expect(answerText.unicodeScalars.starts(with: text), "prompt \(index)")
                    if count == 16 { #expect(answerText.unicodeScalars.count == text.count, "prompt \(index)") }
                }
            }
        }

        @Test func `a request that cannot be answered is an error line, and status 1`() async throws {
            try await Workbench.withoutDatabase { bench in
                let input = """
                    {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4, "seed": 1}
                    {"prompt": "x", "max_tokens": 100000}
                    """
                let outcome = try await bench.octavo("model", "generate", TestModels.tiny, input: input)
                #expect(outcome.status == 1)
                let lines = try JSONValue.lines(outcome.standardOutput)
                #expect(lines.count == 2)
                #expect(lines[0]["object"] == "chat.completion")
                #expect(lines[1]["error"]?["code"] == "context_length_exceeded")
            }
        }

        @Test func `inspect tells what a model is`() async throws {
            try await Workbench.withoutDatabase { bench in
                let report = try await bench.octavo("model", "inspect", TestModels.tiny, "--json")
                let facts = try JSONValue.parse(report.standardOutput)
                #expect(facts["vocab_size"] == 288 && facts["num_hidden_layers"] == 2)
                #expect(facts["context_length"] == 512 && facts["has_chat_template"] == true)
                let text = try await bench.octavo("model", "inspect", TestModels.tiny)
                #expect(text.status == 0 && text.standardOutput.contains("512 tokens"))
            }
        }

        @Test func `inspect tells the memory for a batch`() async throws {
            try await Workbench.withoutDatabase { bench in
                func memory(_ options: String...) async throws -> JSONValue {
                    let report = try await bench.octavo(["model", "inspect", TestModels.tiny, "--json"] + options)
                    return try #require(try JSONValue.parse(report.standardOutput)["memory"])
                }
                let parts = ["linear_bytes", "embedding_bytes", "head_bytes", "kv_bytes", "step_bytes"]
                let small = try await memory("--batch", "4", "--context", "64")
                // Keys and values of 2 heads of 8 elements, padded to 16, in 2 layers.
                #expect(small["kv_bytes"] == .integer(4 * 64 * 2 * 2 * 2 * 16 * 2))
                #expect(small["total_bytes"]?.integerValue == parts.compactMap { small[$0]?.integerValue }.reduce(0, +))
                for option in [["--kv-cache", "f32"], ["--scheme", "plain"]] {
                    let whole = try await memory("--batch", "4", "--context", "64", option[0], option[1])
                    #expect(whole["kv_bytes"] == .integer(4 * 64 * 2 * 2 * 2 * 16 * 4))
                }
                // Whole bytes, and a scale of four for each position and head.
                let integers = try await memory("--batch", "4", "--context", "64", "--kv-cache", "int8")
                #expect(integers["kv_bytes"] == .integer(4 * 64 * 2 * 2 * 2 * (16 + 4)))
                let clipped = try await memory("--context", "100000")
                #expect(clipped["context"] == 512 && clipped["batch"] == 32)
                let float = try await memory("--scheme", "float")
                let floats = try #require(float["linear_bytes"]?.integerValue)
                #expect(floats > 3 * (try #require(small["linear_bytes"]?.integerValue)))
            }
        }

        /// The tiny model's prompts and what the reference computed of them.
        private struct Reference {
            let folder = TestPaths.fixtures.appending(path: "Models/tiny-untied").path
            let prompts: [JSONValue]
            let variant: JSONValue

            init() throws {
                let text = try String(contentsOfFile: folder + "/expected.json", encoding: .utf8)
                let expected = try JSONValue.parse(text)
                prompts = try #require(expected["prompts"]?.arrayValue)
                variant = try #require(expected["variants"]?["octavo"])
            }

            func integers(_ key: String, _ index: Int) throws -> [Int] {
                try #require(variant[key]?.arrayValue?[index].arrayValue).compactMap(\.integerValue)
            }
        }
    }
}

extension Workbench {
    /// Runs a filter of `octavo model`, which must succeed, on values.
    func filter(
        _ name: String, model: String = TestModels.tiny, _ values: [JSONValue], _ options: String...
    ) async throws -> [JSONValue] {
        let input = values.map { $0.jsonText + "\n" }.joined()
        let outcome = try await octavo(["model", name, model] + options, input: input)
        try #require(outcome.status == 0, "\(outcome.standardError)")
        return try JSONValue.lines(outcome.standardOutput)
    }
}
