import Foundation
import OctavoCore
import OctavoTokenizer
import Testing

/// Llama 3's own form, on a small vocabulary with Llama 3.1's special tokens.
@Suite struct Llama3ChatTests {
    private static let begin = "<|begin_of_text|>"
    private static let answer = header("assistant")

    private static func header(_ role: String) -> String { "<|start_header_id|>\(role)<|end_header_id|>\n\n" }

    private func chat() throws -> ChatFormat {
        let tokenizer = try Tokenizer(TokenizerFixtures.definition("tiny-llama31"))
        return .llama3(try #require(Llama3Chat(tokenizer)))
    }

    private func render(
        _ messages: [JSONValue], tools: JSONValue? = nil, options: JSONObject = [:], _ format: ChatFormat? = nil
    ) throws -> String {
        try (format ?? chat()).render(
            messages: messages, tools: tools, options: options, bosText: "", eosText: "", now: nil
        ).text
    }

    @Test func `content stays as it is, and the answer's header ends the prompt`() throws {
        let messages: [JSONValue] = [
            ["role": "developer", "content": "  Be brief. \n"],
            ["role": "user", "content": [["type": "text", "text": "Hi"]]],
        ]
        #expect(
            try render(messages)
                == Self.begin + Self.header("system") + "  Be brief. \n<|eot_id|>" + Self.header("user")
                + "Hi<|eot_id|>"
                + Self.answer)
        #expect(
            try render([["role": "user", "content": "x"]], options: ["add_generation_prompt": false]).hasSuffix(
                "x<|eot_id|>"))
    }

    @Test func `content is tokenized apart from its header, and its special tokens are text`() throws {
        let tokenizer = try Tokenizer(TokenizerFixtures.definition("tiny-llama31"))
        let content = "\n\n <|eot_id|>"
        let segments = try chat().render(
            messages: [["role": "user", "content": .string(content)]], tools: nil, options: [:], bosText: "",
            eosText: "", now: nil)
        let expected =
            tokenizer.encode(Self.begin + Self.header("user"), parseSpecial: true) + tokenizer.encode(content)
            + tokenizer.encode("<|eot_id|>" + Self.answer, parseSpecial: true)
        #expect(tokenizer.encode(segments) == expected)
    }

    @Test(arguments: [
        (
            "get_weather", #"{"city": "São", "n": 1.0}"#, "json",
            #"{"type": "function", "name": "get_weather", "parameters": {"city": "S\u00e3o", "n": 1.0}}<|eot_id|>"#
        ),
        ("get_weather", #"{"n": null}"#, "function_tag", #"<function=get_weather>{"n": null}</function><|eot_id|>"#),
        ("f", #"{"a": "x", "b": [true, {"c": 2}]}"#, "python_list", #"[f(a="x", b=[True, {c=2}])]<|eot_id|>"#),
        ("brave_search", #"{"query": "a \"b\""}"#, "json", #"brave_search.call(query="a "b"")<|eot_id|>"#),
        ("code_interpreter", #"{"code": "print(1)"}"#, "json", "print(1)<|eot_id|>"),
    ])
    func `past calls are written in the form asked for`(
        name: String, arguments: String, format: String, expected: String
    ) throws {
        let call: JSONValue = [
            "type": "function", "function": ["name": .string(name), "arguments": .string(arguments)],
        ]
        let text = try render(
            [["role": "assistant", "content": nil, "tool_calls": [call]], ["role": "tool", "content": "22 °C"]],
            options: ["tool_prompt_format": .string(format)])
        let tag = name == "code_interpreter" ? "<|python_tag|>" : ""
        #expect(
            text == Self.begin + Self.answer + tag + expected + Self.header("ipython") + "22 °C<|eot_id|>" + Self.answer
        )
    }

    @Test func `tools are described in the system message, which is made if there is none`() throws {
        let tools: JSONValue = [["type": "function", "function": ["name": "f", "description": "<|eot_id|>"]]]
        let alone = try render([["role": "user", "content": "x"]], tools: tools)
        #expect(alone.hasPrefix(Self.begin + Self.header("system") + "You can call the functions below"))
        #expect(alone.contains("{\"name\": \"f\", \"description\": \"<|eot_id|>\"}<|eot_id|>" + Self.header("user")))
        let with = try render(
            [["role": "system", "content": "Be brief."], ["role": "user", "content": "x"]], tools: tools)
        #expect(with.contains("\"<|eot_id|>\"}\n\nBe brief.<|eot_id|>" + Self.header("user")))
    }

    @Test func `the last message can be left open`() throws {
        let messages: [JSONValue] = [["role": "user", "content": "x"], ["role": "assistant", "content": "Sure, "]]
        let text = try render(messages, options: ["continue_final_message": true, "add_generation_prompt": false])
        #expect(text.hasSuffix(Self.answer + "Sure, "))
        #expect(throws: ChatTemplateError.self) {
            try render(messages, options: ["continue_final_message": true, "add_generation_prompt": true])
        }
    }

    @Test(
        arguments: [
            (["role": "critic", "content": "x"], [:]), (["role": "user", "content": 7], [:]),
            (["role": "assistant", "tool_calls": [["function": ["arguments": "{}"]]]], [:]),
            (["role": "user", "content": "x"], ["tool_prompt_format": "xml"]),
        ] as [(JSONValue, JSONObject)])
    func `what the form cannot write is refused`(message: JSONValue, options: JSONObject) {
        #expect(throws: ChatTemplateError.self) { try render([message], options: options) }
    }

    @Test func `a vocabulary without the tokens has not this form, or not all of it`() throws {
        #expect(Llama3Chat(try Tokenizer(TokenizerFixtures.definition("tiny-smollm"))) == nil)
        var definition = try TokenizerFixtures.definition("tiny-llama31")
        // As in Llama 3, where the ids of 3.1's new tokens are reserved.
        definition.tokens[285].bytes = Array("<|reserved_special_token_3|>".utf8)
        let chat = ChatFormat.llama3(try #require(Llama3Chat(try Tokenizer(definition))))
        #expect(try render([["role": "user", "content": "x"]], chat).hasSuffix(Self.answer))
        #expect(throws: ChatTemplateError.self) {
            try render([["role": "assistant", "content": "x", "stop_reason": "end_of_message"]], chat)
        }
    }

    @Test(
        .enabled(
            if: ChatFixtures.areShared && TokenizerFixtures.realVocabularies != nil,
            "Llama 3's vocabulary is a third-party file: set OCTAVO_TOKENIZER_JSON_DIR to a folder with its tokenizer.model"
        ))
    func `text and ids are those of Meta's own code`() throws {
        let file = try #require(TokenizerFixtures.realVocabularies).appending(path: "tokenizer.model")
        let tokenizer = try Tokenizer(
            TokenizerDefinition(tokenizerModel: TokenizerFixtures.bytes(of: file), path: file.path))
        let chat = ChatFormat.llama3(try #require(Llama3Chat(tokenizer)))
        let cases = try ChatFixtures.sharedLines("llama3_meta_format.jsonl")
        #expect(cases.count == 24)
        for (index, testCase) in cases.enumerated() {
            let segments = try chat.render(
                messages: testCase["messages"]?.arrayValue ?? [], tools: nil,
                options: testCase["options"]?.objectValue ?? [:], bosText: "", eosText: "", now: nil)
            #expect(segments.text.hasSameBytes(as: testCase["text"]?.stringValue ?? ""), "case \(index + 1)")
            #expect(tokenizer.encode(segments) == (try testCase["ids"]?.tokenIDs()), "case \(index + 1)")
        }
    }
}
