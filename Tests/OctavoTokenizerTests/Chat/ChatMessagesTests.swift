import OctavoCore
import OctavoTokenizer
import Testing

@Suite struct ChatMessagesTests {
    private func normalized(
        _ message: JSONValue, _ format: ChatMessages.ContentFormat = .string
    ) throws -> JSONValue? {
        try ChatMessages.normalized([message], contentFormat: format).first
    }

    @Test func `text parts become one text`() throws {
        let message: JSONValue = [
            "role": "user", "content": [["type": "text", "text": "a"], ["type": "text", "text": "b"]],
        ]
        #expect(try normalized(message) == ["role": "user", "content": "a\nb"])
        #expect(try normalized(message, .stringOrParts) == message)
    }

    @Test func `null and missing content beside tool calls is empty text, and left to the template elsewhere`() throws {
        let call: JSONValue = ["type": "function", "function": ["name": "f", "arguments": "{}"]]
        let parsed: JSONValue = ["type": "function", "function": ["name": "f", "arguments": [:]]]
        let expected: JSONValue = ["role": "assistant", "content": "", "tool_calls": [parsed]]
        #expect(try normalized(["role": "assistant", "content": nil, "tool_calls": [call]]) == expected)
        let absent = try normalized(["role": "assistant", "tool_calls": [call]])
        #expect(absent?["content"] == "" && absent?["tool_calls"] == [parsed])
        #expect(try normalized(["role": "user", "content": nil]) == ["role": "user", "content": nil])
        #expect(try normalized(["role": "user"]) == ["role": "user"])
    }

    @Test func `messages with a role that OpenAI does not know are in the template's own form`() throws {
        let messages: [JSONValue] = [["role": "developer", "content": "x"], ["role": "ipython", "content": "y"]]
        #expect(try ChatMessages.normalized(messages, contentFormat: .string) == messages)
    }

    @Test(arguments: [22, 1.5, true, ["ok": true]] as [JSONValue])
    func `a tool's result may be a value`(result: JSONValue) throws {
        let message: JSONValue = ["role": "tool", "content": result]
        #expect(try normalized(message) == message)
    }

    @Test func `a developer is a system`() throws {
        #expect(try normalized(["role": "developer", "content": "x"]) == ["role": "system", "content": "x"])
    }

    @Test func `a string becomes a part where the template knows only parts`() throws {
        let part: JSONValue = ["role": "user", "content": [["type": "text", "text": "x"]]]
        #expect(try normalized(["role": "user", "content": "x"], .parts) == part)
    }

    @Test func `arguments of tool calls are parsed, and no calls are none`() throws {
        let calls: JSONValue = [["function": ["name": "f", "arguments": "{\"z\": 1.0, \"a\": 1}"]]]
        let message = try normalized(["role": "assistant", "content": "", "tool_calls": calls])
        #expect(
            message?["tool_calls"]?.jsonText == "[{\"function\":{\"name\":\"f\",\"arguments\":{\"z\":1.0,\"a\":1}}}]")
        #expect(try normalized(["role": "assistant", "content": "", "tool_calls": []])?["tool_calls"] == nil)
    }

    @Test(
        arguments: [
            "x", ["content": "x"], ["role": 1], ["role": "user", "content": 1],
            ["role": "user", "content": [["type": "image_url", "image_url": "x"]]],
            ["role": "assistant", "tool_calls": [["function": ["name": "f", "arguments": "{"]]]],
            ["role": "assistant", "tool_calls": [1]],
        ] as [JSONValue])
    func `what cannot be normalized is an error that names the message`(message: JSONValue) {
        let error = #expect(throws: ChatTemplateError.self) {
            try ChatMessages.normalized([["role": "user", "content": "x"], message], contentFormat: .string)
        }
        #expect(error?.description.hasPrefix("messages[1]: ") == true)
    }

    @Test(arguments: [
        ("{% for m in messages %}{{ m.content }}{% endfor %}", ChatMessages.ContentFormat.string),
        ("{% for m in messages %}{% for p in m['content'] %}{{ p.text }}{% endfor %}{% endfor %}", .parts),
        (
            """
            {% for m in messages[1:] %}{% if m.content is string %}{{ m.content }}{% else %}
            {% for p in m.content %}{{ p.text }}{% endfor %}{% endif %}{% endfor %}
            """, .stringOrParts
        ),
    ])
    func `the content format is read off the template`(source: String, expected: ChatMessages.ContentFormat) throws {
        #expect(try ChatTemplate(source: source).contentFormat == expected)
    }
}
