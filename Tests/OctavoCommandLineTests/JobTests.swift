import Foundation
import OctavoCore
import OctavoTestSupport
import Testing

extension CommandLineTests {
    /// Recipes from the shell.
    @Suite(.serialized) struct JobTests {
        private static let recipe = """
            endpoint: completions
            prompt: "{{question}}"
            sampling: {max_tokens: 4, temperature: 0}
            output: {columns: {id: "{{custom_id}}", answer: "{{answer.text}}", question: "{{question}}"}}
            """

        @Test func `rows run by a recipe become its output, once and again`() async throws {
            try await Workbench.with { bench in
                let recipe = try bench.write("qa.yaml", Self.recipe)
                let rows = try bench.write("rows.csv", "id,question\na,\"one,\ntwo\"\nb,three\n")
                let arguments = [
                    "run", rows, "--job", recipe, "--model", TestModels.tiny, "-o", bench.path("out.jsonl"),
                ]
                let first = try await bench.octavo(arguments)
                #expect(first.status == 0, "\(first.standardError)")
                let lines = try bench.jsonLines("out.jsonl")
                #expect(lines.map { $0["id"] } == ["a", "b"])
                #expect(lines.first?["question"] == "one,\ntwo")
                #expect(lines.first?["answer"]?.stringValue != nil)
                let text = try bench.read("out.jsonl")
                let again = try await bench.octavo(arguments)
                #expect(again.standardError.contains("nothing queued twice"), "\(again.standardError)")
                #expect(try bench.read("out.jsonl") == text)

                let next = try bench.write("next.yaml", "prompt: '{{question}} {{response}}'")
                let chained = try await bench.octavo("enqueue", "--from", "rows.csv", "--job", next)
                #expect(chained.status == 0, "\(chained.standardError)")
                #expect(chained.standardError.contains("queued 2 requests"))
            }
        }

        @Test func `check shows the first prompts and their lengths`() async throws {
            try await Workbench.withoutDatabase { bench in
                let recipe = try bench.write("qa.yaml", Self.recipe)
                let rows = try bench.write("rows.jsonl", (1...5).map { "{\"question\": \"w\($0)\"}\n" }.joined())
                let plain = try await bench.octavo("job", "check", recipe, rows)
                #expect(plain.status == 0, "\(plain.standardError)")
                #expect(plain.standardOutput.hasPrefix("--- row-1 (line 1): 2 bytes\nw1\n--- row-2"))
                #expect(!plain.standardOutput.contains("w4"))
                let json = try await bench.octavo("job", "check", recipe, rows, "--json", "--model", TestModels.tiny)
                let report = try JSONValue.parse(json.standardOutput)
                #expect(report["requests"] == 5 && report["prompt_tokens_exact"] == true)
                #expect(report["samples"]?.arrayValue?.count == 3)
                #expect(report["samples"]?.arrayValue?.first?["tokens"]?.integerValue ?? 0 > 0)
            }
        }

        @Test func `mistakes have their exit status and their place`() async throws {
            try await Workbench.withoutDatabase { bench in
                let recipe = try bench.write("qa.yaml", Self.recipe)
                let bad = try bench.write("bad.yaml", "promt: x\n")
                let rows = try bench.write("rows.csv", "id,question\na,x\nb\n")
                let cases: [([String], Int32, String)] = [
                    (["job", "check", bad, rows], 65, "bad.yaml:1: promt: unknown key. Did you mean \"prompt\"?"),
                    (["job", "check", bench.path("no.yaml"), rows], 66, "no.yaml: cannot be read"),
                    (["job", "check", recipe, bench.path("no.csv")], 66, "no.csv: cannot be read"),
                    (["job", "check", recipe, rows], 65, "rows.csv:3: has 1 fields, but the header has 2"),
                    (["enqueue", rows, "--job", recipe, "--dry-run"], 65, "rows.csv:3:"),
                    (["job", "check", recipe], 64, "rows"), (["enqueue", "--from", "1"], 64, "--from needs --job"),
                    (["enqueue"], 64, "files"), (["enqueue", rows, "--from", "1", "--job", recipe], 64, "--from"),
                ]
                for (arguments, status, message) in cases {
                    let outcome = try await bench.octavo(arguments)
                    #expect(outcome.status == status, "\(arguments): \(outcome.standardError)")
                    #expect(outcome.standardError.contains(message), "\(arguments): \(outcome.standardError)")
                }
            }
        }
    }
}
