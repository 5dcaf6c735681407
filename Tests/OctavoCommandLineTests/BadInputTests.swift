import Foundation
import OctavoTestSupport
import Testing

/// A second line of a file that is wrong, and what the message must say of it.
struct BadLine: Sendable, CustomStringConvertible {
    var description: String
    var text: String
    /// Reason and remedy.
    var message: [String]

    static let all = [
        BadLine(
            description: "broken JSON", text: #"{"id": "b", "prompt": "#,
            message: ["invalid JSON", "Every line must be one complete JSON object."]),
        BadLine(
            description: "no object", text: "[1, 2]", message: ["must be an object, found array", "Every line must"]),
        BadLine(
            description: "missing prompt", text: #"{"id": "b", "max_tokens": 3}"#,
            message: ["neither prompt nor messages", "Give the line a"]),
        BadLine(
            description: "missing messages",
            text: #"{"custom_id": "b", "method": "POST", "url": "/v1/chat/completions", "body": {"max_tokens": 3}}"#,
            message: ["body.messages: missing", "needs messages"]),
        BadLine(
            description: "missing role", text: #"{"id": "b", "messages": [{"content": "Hi"}]}"#,
            message: ["messages[0].role: missing", "Give every message a \"role\""]),
        BadLine(
            description: "wrong type", text: #"{"id": "b", "prompt": "x", "max_tokens": "ten"}"#,
            message: ["max_tokens: must be an integer, found string", "Correct the value or remove it."]),
        BadLine(
            description: "out of range", text: #"{"id": "b", "prompt": "x", "top_p": 1.5}"#,
            message: ["top_p: must be between 0 and 1, found 1.5", "Correct the value"]),
        BadLine(
            description: "unsupported", text: #"{"id": "b", "prompt": "x", "stream": true}"#,
            message: ["stream: is not supported", "Remove the parameter."]),
        BadLine(
            description: "duplicate id", text: #"{"id": "a", "prompt": "x"}"#,
            message: ["custom_id: \"a\" is already on line 1", "Give every request of a batch its own custom_id."]),
        BadLine(
            description: "over-long prompt",
            text: #"{"id": "b", "prompt": "\#(String(repeating: "word ", count: 800))"}"#,
            message: ["prompt: the prompt has 4001 tokens, but the model's context is 512", "Shorten the prompt"]),
    ]
}

extension CommandLineTests {
    /// Whatever is wrong is said with place and remedy, by the right exit status, and nothing is left half done.
    @Suite(.serialized) struct BadInputTests {
        @Test func `a bad line is named with file, line, field and remedy, and nothing is queued`() async throws {
            try await Workbench.with { bench in
                for bad in BadLine.all {
                    let path = try bench.write("in.jsonl", "{\"id\": \"a\", \"prompt\": \"x\"}\n\(bad.text)\n")
                    for command in [["enqueue", path], ["run", path, "-o", bench.path("out.jsonl")]] {
                        let outcome = try await bench.octavo(command + ["--model", TestModels.tiny])
                        #expect(outcome.status == 65, "\(bad): \(outcome.standardError)")
                        for part in ["\(path):2: "] + bad.message {
                            #expect(outcome.standardError.contains(part), "\(bad): \(outcome.standardError)")
                        }
                        #expect(outcome.standardOutput.isEmpty)
                    }
                }
                try expectNothingDone(bench)
            }
        }

        @Test func `every bad line is reported, and with --skip-invalid only the good ones are queued`() async throws {
            try await Workbench.with { bench in
                let lines = (1...30).map { $0 % 2 == 0 ? "{" : "{\"id\": \($0), \"prompt\": \"x\"}" }
                let path = try bench.write("in.jsonl", lines.joined(separator: "\n"))
                let refused = try await bench.octavo("enqueue", path, "--errors", bench.path("bad.jsonl"))
                #expect(refused.status == 65)
                #expect(try bench.jsonLines("bad.jsonl").count == 15)
                try expectNothingDone(bench)
                let accepted = try await bench.octavo("enqueue", path, "--skip-invalid")
                #expect(accepted.status == 0, "\(accepted.standardError)")
                #expect(accepted.standardError.contains("15 invalid lines left out"))
                #expect(try bench.count("SELECT count(*) FROM octavo.requests") == 15)
            }
        }

        @Test func `files and models that are missing, empty or cut short are named`() async throws {
            try await Workbench.with { bench in
                let good = try bench.write("good.jsonl", #"{"prompt": "x", "max_tokens": 2}"#)
                let empty = try bench.write("empty.jsonl", "\n\n")
                try cutModels(bench)
                let cases: [(arguments: [String], status: Int32, message: String)] = [
                    ([empty, "--model", TestModels.tiny], 65, "\(empty): contains no requests. Give a file"),
                    ([bench.path("no.jsonl"), "--model", TestModels.tiny], 66, "no.jsonl: cannot be read"),
                    ([good, "--model", bench.path("no.gguf")], 66, "no.gguf: no such file or directory. Give --model"),
                    ([good, "--model", bench.path("cut.gguf")], 65, "cut.gguf: tensor "),
                    ([good, "--model", bench.path("cut")], 65, "cut/model.safetensors: tensor "),
                    ([good, "--model", bench.path("text.gguf")], 65, "text.gguf: "),
                    ([good], 64, "give --model PATH or set OCTAVO_MODEL"),
                    ([good, "--model", TestModels.tiny, "-o", bench.path("no/out.jsonl")], 73, "Create the directory"),
                    ([good, "--model", TestModels.tiny, "-o", bench.directory.path], 73, "is a directory"),
                ]
                for (arguments, status, message) in cases {
                    let outcome = try await bench.octavo(["run", "-o", bench.path("out.jsonl")] + arguments)
                    #expect(outcome.status == status, "\(arguments): \(outcome.standardError)")
                    #expect(outcome.standardError.contains(message), "\(arguments): \(outcome.standardError)")
                    #expect(outcome.standardOutput.isEmpty)
                }
                let database = try await bench.octavo("database", "migrate")
                #expect(database.status == 0)
                try expectNothingDone(bench)
            }
        }

        @Test func `an export that cannot write, or finds no batch, says so`() async throws {
            try await Workbench.with { bench in
                let path = try bench.write("in.jsonl", #"{"prompt": "x", "max_tokens": 2}"#)
                let missing = try await bench.octavo("export", "1")
                #expect(missing.status == 69, "there is no queue yet: \(missing.standardError)")
                #expect(missing.standardError.contains("octavo database migrate"))
                #expect(try await bench.octavo("run", path, "--model", TestModels.tiny).status == 0)
                for command in ["export", "status", "cancel", "pause", "resume", "retry", "delete"] {
                    let unknown = try await bench.octavo(command, "4711")
                    #expect(unknown.status == 66, "\(command): \(unknown.standardError)")
                    #expect(unknown.standardError.contains("there is no batch \"4711\"; there are 1 (in.jsonl)"))
                }
                let unwritable = try await bench.octavo("export", "1", "-o", bench.path("no/out.jsonl"))
                #expect(unwritable.status == 73)
                #expect(unwritable.standardError.contains("no/out.jsonl: cannot be written"))
                let full = try await bench.octavo("export", "1", "-o", "/dev/full")
                #expect(full.status == 73, "\(full.standardError)")
                #expect(full.standardError.contains("Make room on the disk"))
            }
        }

        @Test func `a database that cannot be had is named, with what to check`() async throws {
            try await Workbench.with { bench in
                let path = try bench.write("in.jsonl", #"{"prompt": "x"}"#)
                let good = bench.databaseURL
                let urls = [
                    ("postgresql://octavo@127.0.0.1:1/octavo", "Connection refused", "--database, OCTAVO_DATABASE_URL"),
                    ("postgresql://octavo@no-such-host.invalid/octavo", "no-such-host.invalid", "Check the server"),
                    ("postgresql://[bad", "the connection string cannot be read", "write postgresql://USER@HOST"),
                    (
                        good.replacing(/test_\d+/, with: "no_such_database"), "\"no_such_database\" does not exist",
                        "Check"
                    ),
                    (good.replacing("octavo@", with: "stranger@"), "\"stranger\" does not exist", "Check the server"),
                ]
                for (url, reason, remedy) in urls {
                    for command in [["enqueue", path], ["status"], ["worker", "--model", TestModels.tiny]] {
                        let outcome = try await bench.octavo(command + ["--database", url])
                        #expect(outcome.status == 69, "\(url): \(outcome.standardError)")
                        #expect(outcome.standardError.contains(reason), "\(url): \(outcome.standardError)")
                        #expect(outcome.standardError.contains(remedy), "\(url): \(outcome.standardError)")
                    }
                }
            }
        }

        private func cutModels(_ bench: Workbench) throws {
            let gguf = TestPaths.fixtures.appending(path: "Models/tiny-untied/gguf/model-q8_0.gguf")
            let data = try Data(contentsOf: gguf)
            try data.prefix(data.count * 2 / 3).write(to: bench.directory.appending(path: "cut.gguf"))
            try bench.write("text.gguf", "This is no model.")
            try FileManager.default.copyItem(atPath: TestModels.tiny, toPath: bench.path("cut"))
            let weights = try FileHandle(forUpdating: bench.directory.appending(path: "cut/model.safetensors"))
            try weights.truncate(atOffset: 100_000)
            try weights.close()
        }

        private func expectNothingDone(_ bench: Workbench) throws {
            #expect(try bench.count("SELECT count(*) FROM octavo.batches") == 0)
            #expect(try bench.count("SELECT count(*) FROM octavo.requests") == 0)
            let names = try FileManager.default.contentsOfDirectory(atPath: bench.directory.path)
            #expect(!names.contains { $0.contains("out.") }, "\(names)")
        }
    }
}
