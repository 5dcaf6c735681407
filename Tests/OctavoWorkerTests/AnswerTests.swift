import OctavoCore
import OctavoTestSupport
import OctavoWorker
import Testing

/// What workers make of completions.
@Suite struct AnswerTests {
    private static let call = #"{"name": "get_weather", "parameters": {"city": "Oslo"}}"#

    private func body(_ members: String = "") -> String {
        #"{"messages":[{"role":"user","content":"Weather?\n"}],"stop":"%","max_tokens":100"# + members + "}"
    }

    @Test func `a completion that is a call of a tool is stored as one`() async throws {
        let tools = #","tools":[{"type":"function","function":{"name":"get_weather"}}]"#
        try await WorkerFixture.withDatabase { fixture in
            let batch = try await fixture.addBatch(bodies: [body(tools), body(), body(tools + #","max_tokens":20"#)])
            try await fixture.makeWorker(ScriptedRunner(script: Self.call + "%")).run()

            let answers = try await fixture.answers(batch).mapValues { try JSONValue.parse($0) }
            let choices = (1...3).compactMap { answers["row-\($0)"]?["choices"]?.arrayValue?.first }
            #expect(choices.map { $0["finish_reason"] } == ["tool_calls", "stop", "length"])
            let function = choices.first?["message"]?["tool_calls"]?.arrayValue?.first?["function"]
            #expect(function == ["name": "get_weather", "arguments": #"{"city":"Oslo"}"#])
            #expect(choices.dropFirst().first?["message"]?["content"] == .string(Self.call))
            let codes = try await fixture.integers("SELECT finish_reason FROM octavo.results ORDER BY finish_reason")
            #expect(codes == [0, 1, 3])
        }
    }

    @Test func `an answer has the structure that is asked for, and a structure that is none fails for good`()
        async throws
    {
        let chat = #"{"messages":[{"role":"user","content":"x"}],"max_tokens":200"#
        let bodies = [
            chat + #","structured_outputs":{"choice":["red wine","blue sky"]}}"#,
            chat + #","response_format":{"type":"json_schema","json_schema":{"schema":{"enum":["one",2]}}}}"#,
            chat + #","guided_regex":"("}"#,
        ]
        try await WorkerFixture.withDatabase { fixture in
            let batch = try await fixture.addBatch(bodies: bodies)
            try await fixture.makeWorker(ScriptedRunner()).run()
            let answers = try await fixture.answers(batch).mapValues { try JSONValue.parse($0) }
            let choices = (1...2).compactMap { answers["row-\($0)"]?["choices"]?.arrayValue?.first }
            let texts = choices.compactMap { $0["message"]?["content"]?.stringValue }
            #expect(
                texts.count == 2 && ["red wine", "blue sky"].contains(texts[0]) && ["\"one\"", "2"].contains(texts[1]))
            #expect(choices.allSatisfy { $0["finish_reason"] == "stop" })
            let failures = try await fixture.strings("SELECT kind || ' ' || attempts FROM octavo.failures")
            #expect(failures.count == 1 && failures[0].hasPrefix("invalid_structure"), "\(failures)")
        }
    }

    @Test func `the model's defaults fill in what requests leave out`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            let chat = #"{"messages":[{"role":"user","content":"x"}],"seed":1"#
            let bodies = [chat + "}", chat + #","max_tokens":3,"temperature":0}"#]
            let batch = try await fixture.addBatch(bodies: bodies)
            try await fixture.makeWorker {
                $0.samplingDefaults.temperature = 0
                $0.samplingDefaults.defaultMaxTokens = 3
            }.run()
            let answers = try await fixture.answers(batch)
            #expect(answers["row-1"] != nil && answers["row-1"] == answers["row-2"])
            #expect(answers["row-1"]?.contains(#""completion_tokens":3,"#) == true)
        }
    }
}
