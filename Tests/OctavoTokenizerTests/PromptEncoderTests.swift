import OctavoCore
import OctavoTokenizer
import Testing

/// What a request may say of how its prompt becomes tokens.
@Suite struct PromptEncoderTests {
    private let encoder: PromptEncoder
    private let bos: TokenID

    init() throws {
        let tokenizer = try Tokenizer(TokenizerFixtures.definition("tiny-llama31"))
        let template = try ChatTemplate(source: "{% for message in messages %}<{{ message.content }}>{% endfor %}")
        encoder = PromptEncoder(
            tokenizer: tokenizer, chatFormat: .template(template), bosText: "", eosText: "", contextLength: 100)
        bos = try #require(tokenizer.addsBOS ? tokenizer.bosToken : nil)
    }

    @Test func `a text begins with the token that begins texts unless the request declines it`() throws {
        let text = encoder.tokens(of: "Hello")
        #expect(try encode(["prompt": "Hello"]) == [[bos] + text])
        #expect(try encode(["prompt": "Hello", "add_special_tokens": false]) == [text])
        #expect(try encode(["prompt": [[7, 8], [9]]]) == [[7, 8], [9]])
    }

    @Test func `a chat does so only if the request asks for it`() throws {
        let chat: JSONObject = ["messages": [["role": "user", "content": "Hi"]]]
        #expect(try encode(chat) == [encoder.tokens(of: "<Hi>")])
        var asking = chat
        asking["add_special_tokens"] = true
        #expect(try encode(asking) == [[bos] + encoder.tokens(of: "<Hi>")])
    }

    @Test func `a request's own template renders it, with its documents`() throws {
        var chat: JSONObject = [
            "messages": [["role": "user", "content": "Hi"]], "documents": [["text": "one"], ["text": "two"]],
            "chat_template": "{% for d in documents %}[{{ d.text }}]{% endfor %}{{ messages[0].content }}",
        ]
        for _ in 0..<2 { #expect(try encode(chat) == [encoder.tokens(of: "[one][two]Hi")]) }
        chat["chat_template"] = "{{ other }}{{ messages[0].content }}"
        #expect(try encode(chat) == [encoder.tokens(of: "Hi")])
        chat["chat_template"] = "{% if %}"
        let error = #expect(throws: RequestError.self) { try encode(chat) }
        #expect(error?.parameter == "chat_template" && error?.code == "chat_template_error")
    }

    private func encode(_ body: JSONObject) throws -> [[TokenID]] {
        try encoder.encode(try RequestBody.parse(body))
    }
}
