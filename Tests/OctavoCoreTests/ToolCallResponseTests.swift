import OctavoCore
import Testing

/// Calls of tools in the response of a chat.
@Suite struct ToolCallResponseTests {
    /// Token 0 is the tag, and special; the others are nothing.
    private struct Tokens: TokenDecoding {
        func bytes(of token: TokenID) -> [UInt8] { token == 0 ? Array("<|python_tag|>".utf8) : [] }
        func isSpecial(_ token: TokenID) -> Bool { token == 0 }
    }

    private static let call = #"{"name": "f", "parameters": {"b": 1.0, "a": 2}}"#

    private func request(_ members: JSONObject = JSONObject(), content: String = "x") throws -> RequestBody {
        var body: JSONObject = [
            "messages": [["role": "user", "content": .string(content)]],
            "tools": [["type": "function", "function": ["name": "f"]]],
        ]
        for member in members.members { body[member.key] = member.value }
        return try RequestBody.parse(body)
    }

    private func choices(
        _ request: RequestBody, _ texts: String..., tokens: [TokenID] = [1, 2], reason: FinishReason = .stop
    ) -> [JSONValue] {
        let completions = texts.enumerated().map {
            Completion(id: $0, tokens: tokens, text: $1, finishReason: reason)
        }
        var request = request
        request.choicesPerPrompt = texts.count
        request.samplesPerPrompt = texts.count
        return ResponseBody(model: "m", systemFingerprint: "fp", tokens: Tokens())
            .json(for: request, prompts: [[0]], completions: completions)["choices"]?.arrayValue ?? []
    }

    @Test func `an answer that is a call has OpenAI's form`() throws {
        let choice = try #require(choices(try request(), Self.call).first)
        #expect(choice["finish_reason"] == "tool_calls")
        let message = try #require(choice["message"]?.objectValue)
        #expect(message.keys == ["role", "content", "refusal", "tool_calls"] && message["content"] == .null)
        let call = try #require(message["tool_calls"]?.arrayValue?.first)
        #expect(call["type"] == "function")
        #expect(call["function"]?.jsonText == #"{"name":"f","arguments":"{\"b\":1.0,\"a\":2}"}"#)
        #expect(call["id"]?.stringValue?.count == 21 && call["id"]?.stringValue?.hasPrefix("call_") == true)
    }

    @Test func `identifiers are the same every time, and differ between calls, choices and requests`() throws {
        func ids(_ content: String) throws -> [String] {
            choices(try request(content: content), Self.call + ";" + Self.call, Self.call).flatMap { choice in
                choice["message"]?["tool_calls"]?.arrayValue?.compactMap { $0["id"]?.stringValue } ?? []
            }
        }
        let first = try ids("x")
        #expect(first == (try ids("x")))
        #expect(Set(first + (try ids("y"))).count == 6)
    }

    @Test func `each choice is a call or words on its own`() throws {
        let found = choices(try request(["n": 2]), Self.call, "It rains.")
        #expect(found.map { $0["finish_reason"] } == ["tool_calls", "stop"])
        #expect(found[1]["message"]?.jsonText == #"{"role":"assistant","content":"It rains.","refusal":null}"#)
    }

    @Test(arguments: [["tools": nil], ["tools": []], ["tool_choice": "none"]] as [JSONObject])
    func `without tools a call is text`(members: JSONObject) throws {
        let choice = try #require(choices(try request(members), Self.call).first)
        #expect(choice["message"]?["content"] == .string(Self.call) && choice["finish_reason"] == "stop")
    }

    @Test func `what was cut off is text`() throws {
        let choice = try #require(choices(try request(), Self.call, reason: .length).first)
        #expect(choice["message"]?["content"] == .string(Self.call) && choice["finish_reason"] == "length")
    }

    @Test func `without parallel calls only the first counts`() throws {
        let choice = try #require(
            choices(try request(["parallel_tool_calls": false]), Self.call + ";" + Self.call).first)
        #expect(choice["message"]?["tool_calls"]?.arrayValue?.count == 1)
    }

    @Test func `a program after the tag is a call of an interpreter that the template offers`() throws {
        let request = try request(["chat_template_kwargs": ["builtin_tools": ["code_interpreter"]]])
        let choice = try #require(choices(request, "print(1)", tokens: [0, 1]).first)
        let function = choice["message"]?["tool_calls"]?.arrayValue?.first?["function"]
        #expect(function == ["name": "code_interpreter", "arguments": #"{"code":"print(1)"}"#])
        #expect(choices(request, "print(1)", tokens: [1]).first?["finish_reason"] == "stop")
    }

    @Test(arguments: ["required", ["type": "function", "function": ["name": "f"]], 7] as [JSONValue])
    func `a call cannot be forced`(choice: JSONValue) {
        let error = #expect(throws: RequestError.self) { try request(["tool_choice": choice]) }
        #expect(error?.parameter == "tool_choice" && error?.code == "unsupported_parameter")
    }
}
