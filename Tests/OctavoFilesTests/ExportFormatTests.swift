import Foundation
import OctavoCore
import OctavoFiles
import OctavoPostgres
import OctavoQueue
import Testing

@Suite struct ExportFormatTests {
    /// Answers some lines and exports them.
    private func export(
        _ lines: [AnsweredLine], _ changes: Change<ExportOptions>...,
        check: (_ output: [String], _ result: ExportResult) throws -> Void
    ) async throws {
        try await withTestQueue { queue, _, files in
            let batch = try await answeredBatch(lines, in: queue, files)
            let options = ExportOptions(batch: batch, output: files.path("out.jsonl")).applying(changes)
            let result = try await Exporter(options, queue: queue).run()
            let output = try files.read("out.jsonl").split(separator: "\n").map(String.init)
            #expect(result.counts.lines == output.count)
            try check(output, result)
        }
    }

    private static let system = AnsweredLine(
        #"{"id":"s","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}]}"#,
        AnsweredLine.message(#"{"role":"assistant","content":"Hello","refusal":null}"#))

    /// A conversation in which a tool was called, and is called again.
    private static let tools = AnsweredLine(
        #"{"id":"t","messages":["#
            + #"{"role":"user","content":[{"type":"text","text":"Rome?"},{"type":"text","text":"Now."}]},"#
            + #"{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","#
            + #""function":{"name":"sky","arguments":"{\"at\": \"Rome\"}"}}]},"#
            + #"{"role":"tool","tool_call_id":"c1","content":"clear"}],"#
            + #""tools":[{"type":"function","function":{"name":"sky"}}]}"#,
        AnsweredLine.message(
            #"{"role":"assistant","content":null,"refusal":null,"tool_calls":[{"id":"c2","type":"function","#
                + #""function":{"name":"sky","arguments":"{\"at\":\"Ostia\",\"n\":1.50}"}}]}"#, "tool_calls"))

    @Test func `messages are the conversation with its answer, a line for each sample`() async throws {
        try await export(
            [.chat("é", "¿Qué? 🦙", "Sí.", "No\\n\\\"ya\\\"."), Self.system], .set(\.format, .messages)
        ) { output, result in
            let question = #"{"role":"user","content":"¿Qué? 🦙"}"#
            #expect(
                output == [
                    #"{"custom_id":"é","sample":0,"messages":[\#(question),{"role":"assistant","content":"Sí."}]}"#,
                    #"{"custom_id":"é","sample":1,"messages":[\#(question),"#
                        + #"{"role":"assistant","content":"No\n\"ya\"."}]}"#,
                    #"{"custom_id":"s","messages":[{"role":"system","content":"Be brief."},"#
                        + #"{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]}"#,
                ])
            #expect(result.counts.finished == 2 && result.unsuitable.isEmpty && result.errorsPath == nil)
        }
    }

    @Test func `calls of tools are kept, their arguments as values, and tools stand beside them`() async throws {
        try await export([Self.tools], .set(\.format, .messages)) { output, _ in
            #expect(
                output == [
                    #"{"custom_id":"t","messages":[{"role":"user","content":"Rome?\nNow."},"#
                        + #"{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","#
                        + #""function":{"name":"sky","arguments":{"at":"Rome"}}}]},"#
                        + #"{"role":"tool","tool_call_id":"c1","content":"clear"},"#
                        + #"{"role":"assistant","content":null,"tool_calls":[{"id":"c2","type":"function","#
                        + #""function":{"name":"sky","arguments":{"at":"Ostia","n":1.5}}}]}],"#
                        + #""tools":"[{\"type\":\"function\",\"function\":{\"name\":\"sky\"}}]"}"#
                ])
        }
    }

    @Test func `sharegpt names who speaks as LLaMA-Factory does`() async throws {
        try await export(
            [Self.system, Self.tools, .completion("p", "Once", " upon")], .set(\.format, .sharegpt)
        ) { output, result in
            #expect(
                output == [
                    #"{"custom_id":"s","conversations":[{"from":"system","value":"Be brief."},"#
                        + #"{"from":"human","value":"Hi"},{"from":"gpt","value":"Hello"}]}"#,
                    #"{"custom_id":"t","conversations":[{"from":"human","value":"Rome?\nNow."},"#
                        + #"{"from":"function_call","value":"{\"name\":\"sky\",\"arguments\":{\"at\":\"Rome\"}}"},"#
                        + #"{"from":"observation","value":"clear"},{"from":"function_call","#
                        + #""value":"{\"name\":\"sky\",\"arguments\":{\"at\":\"Ostia\",\"n\":1.5}}"}],"#
                        + #""tools":"[{\"type\":\"function\",\"function\":{\"name\":\"sky\"}}]"}"#,
                ])
            #expect(result.unsuitable.map(\.customID) == ["p"])
        }
    }

    @Test func `alpaca has instruction, input and output, and a system message if there is one`() async throws {
        try await export(
            [Self.system, .completion("p", "Once", " upon"), Self.tools], .set(\.format, .alpaca)
        ) { output, result in
            #expect(
                output == [
                    #"{"custom_id":"s","instruction":"Hi","input":"","output":"Hello","system":"Be brief."}"#,
                    #"{"custom_id":"p","instruction":"Once","input":"","output":" upon"}"#,
                ])
            #expect(
                result.unsuitable.map(\.description)
                    == [#"line 3 ("t") answers by a call of tools, which alpaca cannot hold"#])
        }
    }

    @Test func `prompt and completion are texts or messages, as the request was`() async throws {
        try await export(
            [.completion("p", "Once", " upon", " a"), .chat("c", "Hi", "Hello")], .set(\.format, .promptCompletion)
        ) { output, _ in
            #expect(
                output == [
                    #"{"custom_id":"p","sample":0,"prompt":"Once","completion":" upon"}"#,
                    #"{"custom_id":"p","sample":1,"prompt":"Once","completion":" a"}"#,
                    #"{"custom_id":"c","prompt":[{"role":"user","content":"Hi"}],"#
                        + #""completion":[{"role":"assistant","content":"Hello"}]}"#,
                ])
        }
    }

    @Test func `an answer that goes on with the last message is one message with it`() async throws {
        let line = AnsweredLine(
            #"{"id":"c","messages":[{"role":"user","content":"Count."},{"role":"assistant","content":"1, 2"}],"#
                + #""continue_final_message":true}"#,
            AnsweredLine.message(#"{"role":"assistant","content":", 3","refusal":null}"#))
        try await export([line], .set(\.format, .promptCompletion)) { output, _ in
            #expect(
                output == [
                    #"{"custom_id":"c","prompt":[{"role":"user","content":"Count."}],"#
                        + #""completion":[{"role":"assistant","content":"1, 2, 3"}]}"#
                ])
        }
    }

    @Test func `of several prompts every answer has its own, and token ids have none`() async throws {
        let choice = #"{"index":0,"text":"x","logprobs":null,"finish_reason":"stop"}"#
        let four = Array(repeating: choice, count: 4).joined(separator: ",")
        let lines = [
            AnsweredLine(#"{"id":"a","prompt":["One","Two"],"n":2}"#, four),
            AnsweredLine(#"{"id":"b","prompt":[1,2,3]}"#, choice),
        ]
        try await export(lines, .set(\.format, .promptCompletion)) { output, result in
            let values = try output.map { try JSONValue.parse($0) }
            #expect(values.map { $0["prompt"] } == ["One", "One", "Two", "Two"])
            #expect(values.map { $0["sample"] } == [0, 1, 2, 3])
            #expect(result.counts.unsuitable == 1)
            #expect(
                result.unsuitable.map(\.description) == [#"line 2 ("b") has a prompt of token ids, not of text"#])
        }
    }

    @Test func `answers that were cut off are left out on demand`() async throws {
        let lines: [AnsweredLine] = [.chat("a", "Hi", "Hello"), .chat("b", "Hi", "Hel", finishReason: "length")]
        try await export(lines, .set(\.format, .messages)) { output, _ in #expect(output.count == 2) }
        try await export(lines, .set(\.format, .messages), .set(\.onlyComplete, true)) { output, result in
            #expect(output.map { $0.contains(#""custom_id":"a""#) } == [true])
            #expect(result.counts.cutOff == 1 && result.counts.finished == 2)
        }
    }

    @Test func `the first twenty unsuitable requests are kept, the others counted`() async throws {
        let lines = (1...30).map { AnsweredLine.completion("p\($0)", "x", "y") }
        try await export(lines, .set(\.format, .messages)) { output, result in
            #expect(output.isEmpty && result.counts.unsuitable == 30)
            #expect(result.unsuitable.map(\.line) == Array(1...20))
            #expect(
                result.unsuitable[0].description
                    == #"line 1 ("p1") is a completion, not a chat: use --format prompt-completion"#)
        }
    }

    @Test func `OpenAI's lines have the request on demand, also where it failed`() async throws {
        try await withTestQueue { queue, _, files in
            let batch = try await answeredBatch(
                [.completion("a", "é", "b"), AnsweredLine(#"{"id":"c","prompt":"d"}"#, nil)], in: queue, files)
            try await queue.cancel(batch)
            let options = ExportOptions(batch: batch, output: files.path("out.jsonl"))
                .applying([.set(\.includesPrompt, true)])
            _ = try await Exporter(options, queue: queue).run()
            let line = try JSONValue.parse(files.read("out.jsonl"))
            #expect(line.objectValue?.keys == ["id", "custom_id", "request", "response", "error"])
            #expect(line["request"] == ["prompt": "é", "n": 1])
            #expect(line["response"]?["body"]?["choices"]?.arrayValue?.count == 1)
            let error = try JSONValue.parse(files.read("out.errors.jsonl"))
            #expect(error["request"] == ["prompt": "d"] && error["error"]?["code"] == "batch_cancelled")
        }
    }

    @Test func `an answer that is no response stops every format`() async throws {
        for format in ExportOptions.Format.allCases where ![.preference, .recipe].contains(format) {
            try await withTestQueue { queue, connection, files in
                let batch = try await answeredBatch([.chat("a", "Hi", "Hello")], in: queue, files)
                try await connection.run { try $0.execute("UPDATE octavo.results SET body = '{}'") }
                let options = ExportOptions(batch: batch, output: files.path("out.jsonl"))
                    .applying([.set(\.format, format)])
                await #expect(throws: ExportError.malformedResult(batch: batch, line: 1)) {
                    _ = try await Exporter(options, queue: queue).run()
                }
            }
        }
    }
}
