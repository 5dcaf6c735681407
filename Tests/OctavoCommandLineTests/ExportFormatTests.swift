import Foundation
import OctavoCore
import OctavoTestSupport
import Testing

extension CommandLineTests {
    @Suite struct ExportFormatTests {
        private static let prompts = #"""
            {"id": "a", "prompt": "x", "max_tokens": 3, "temperature": 0}
            {"id": "b", "prompt": [5, 6], "max_tokens": 3, "temperature": 0}

            """#

        @Test func `run writes a format for training, and names what does not fit`() async throws {
            try await Workbench.with { bench in
                let path = try bench.write("in.jsonl", Self.prompts)
                let output = bench.path("out.jsonl")
                let arguments = [
                    "run", path, "--model", TestModels.tiny, "-o", output, "--format", "prompt-completion", "--json",
                ]
                let run = try await bench.octavo(arguments)
                #expect(run.status == 1)
                #expect(run.standardError.contains(#"line 2 ("b") has a prompt of token ids, not of text"#))
                #expect(run.standardError.contains("of 2 requests, 1 do not fit prompt-completion"))
                let states = #""total":2,"finished":2,"failed":0,"cancelled":0,"expired":0,"pending":0"#
                #expect(run.standardOutput == #"{\#(states),"lines":1,"cut_off":0,"unsuitable":1}"# + "\n")
                let line = try #require(try bench.jsonLines("out.jsonl").only)
                #expect(line.objectValue?.keys == ["custom_id", "prompt", "completion"] && line["prompt"] == "x")

                // Both answers end at their third token.
                let complete = try await bench.octavo(
                    "export", "1", "-o", output, "--format", "prompt-completion", "--only-complete")
                #expect(complete.standardError.contains("0 results in \(output), 1 left out as cut off"))
                #expect(try bench.read("out.jsonl").isEmpty)
            }
        }

        @Test func `preference pairs the answers of two batches, and an unknown batch is named at once`() async throws {
            try await Workbench.with { bench in
                let path = try bench.write("in.jsonl", #"{"id": "a", "prompt": "x", "max_tokens": 4}"#)
                for seed in ["1", "2"] {
                    let run = try await bench.octavo(
                        "run", path, "--model", TestModels.tiny, "-o", bench.path("\(seed).jsonl"), "--seed", seed,
                        "--name", "seed\(seed)")
                    #expect(run.status == 0, "\(run.standardError)")
                }
                let preference = ["export", "seed1", "--format", "preference", "--rejected"]
                let pairs = try await bench.octavo(preference + ["seed2"])
                #expect(pairs.status == 0, "\(pairs.standardError)")
                let line = try #require(try JSONValue.lines(pairs.standardOutput).only)
                let answers = try ["1.jsonl", "2.jsonl"].map { name in
                    try bench.jsonLines(name).only?["response"]?["body"]?["choices"]?.arrayValue?.only?["text"]
                }
                #expect(line["prompt"] == "x" && line["chosen"] == answers[0] && line["rejected"] == answers[1])
                let unknown = try await bench.octavo(preference + ["seed3"])
                #expect(unknown.status == 66)
                #expect(unknown.standardError.contains("seed3"))
            }
        }
    }
}

extension Collection {
    /// The one element; nil if there are none or several.
    fileprivate var only: Element? { count == 1 ? first : nil }
}
