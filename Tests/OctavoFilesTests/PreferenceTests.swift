import Foundation
import OctavoCore
import OctavoFiles
import OctavoQueue
import Testing

@Suite struct PreferenceTests {
    /// Answers two batches and pairs them.
    private func pair(
        _ chosen: [AnsweredLine], with rejected: [AnsweredLine], _ changes: Change<ExportOptions>...,
        check: (_ output: [String], _ result: ExportResult) throws -> Void
    ) async throws {
        try await withTestQueue { queue, _, files in
            let batch = try await answeredBatch(chosen, in: queue, files, seed: 1)
            let other = try await answeredBatch(rejected, in: queue, files, seed: 2)
            let options = ExportOptions(batch: batch, output: files.path("out.jsonl"))
                .applying([.set(\.format, .preference), .set(\.rejected, other)] + changes)
            let result = try await Exporter(options, queue: queue).run()
            try check(try files.read("out.jsonl").split(separator: "\n").map(String.init), result)
        }
    }

    @Test func `pairs are answers of two batches to one request, by its name`() async throws {
        try await pair(
            [.chat("c", "Hi", "Hello, how are you?"), .completion("p", "1, 2,", " 3")],
            with: [.completion("p", "1, 2,", " 4"), .chat("c", "Hi", "What?")]
        ) { output, result in
            #expect(
                output == [
                    #"{"custom_id":"c","prompt":[{"role":"user","content":"Hi"}],"#
                        + #""chosen":[{"role":"assistant","content":"Hello, how are you?"}],"#
                        + #""rejected":[{"role":"assistant","content":"What?"}]}"#,
                    #"{"custom_id":"p","prompt":"1, 2,","chosen":" 3","rejected":" 4"}"#,
                ])
            #expect(result.counts.lines == 2 && result.counts.unpaired == 0)
        }
    }

    @Test func `samples of one index are a pair, and equal answers are none`() async throws {
        try await pair(
            [.completion("p", "x", "a", "b", "c")], with: [.completion("p", "x", "z", "b")]
        ) { output, result in
            #expect(output == [#"{"custom_id":"p","sample":0,"prompt":"x","chosen":"a","rejected":"z"}"#])
            #expect(result.counts.identical == 1)
        }
    }

    @Test func `equal calls of tools are equal answers, whatever their identifiers`() async throws {
        func line(_ id: String, _ place: String) -> AnsweredLine {
            AnsweredLine(
                #"{"id":"t","messages":[{"role":"user","content":"Sky?"}]}"#,
                AnsweredLine.message(
                    #"{"role":"assistant","content":null,"tool_calls":[{"id":"\#(id)","type":"function","#
                        + #""function":{"name":"sky","arguments":"{\"at\":\"\#(place)\"}"}}]}"#, "tool_calls"))
        }
        try await pair([line("c1", "Rome")], with: [line("c2", "Rome")]) { output, result in
            #expect(output.isEmpty && result.counts.identical == 1)
        }
        try await pair([line("c1", "Rome")], with: [line("c2", "Ostia")]) { output, _ in #expect(output.count == 1) }
    }

    @Test func `requests without a rejected answer, and those that ask something else, are counted`() async throws {
        try await pair(
            [.chat("a", "1", "x"), .chat("b", "2", "x"), .chat("c", "3", "x"), .chat("d", "4", "x")],
            with: [
                .chat("a", "1", "y"), AnsweredLine(AnsweredLine.chat("b", "2", "y").line, nil), .chat("d", "5", "y"),
            ]
        ) { output, result in
            #expect(output.count == 1)
            #expect(result.counts.finished == 4 && result.counts.unpaired == 2)
            #expect(
                result.unsuitable.map(\.description)
                    == [#"line 4 ("d") asks something else than the request of the same name in the rejected batch"#])
        }
    }

    @Test func `a pair with an answer that was cut off is left out on demand`() async throws {
        try await pair(
            [.chat("a", "1", "x"), .chat("b", "2", "x")],
            with: [.chat("a", "1", "y", finishReason: "length"), .chat("b", "2", "y")], .set(\.onlyComplete, true)
        ) { output, result in
            #expect(output.count == 1 && result.counts.cutOff == 1)
        }
    }

    @Test func `names that only look alike are not paired, and many windows are`() async throws {
        let composed = "\u{E9}"
        let decomposed = "e\u{301}"
        let many = (1...25).map { AnsweredLine.completion("p\($0)", "x", "a") }
        try await pair(
            many + [.completion(composed, "x", "a")],
            with: many.reversed().map { AnsweredLine($0.line, $0.choices?.replacing("\"a\"", with: "\"b\"")) }
                + [.completion(decomposed, "x", "b")]
        ) { output, result in
            #expect(output.count == 25 && result.counts.unpaired == 1)
        }
    }
}
