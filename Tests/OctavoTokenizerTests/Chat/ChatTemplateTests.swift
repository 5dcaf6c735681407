import OctavoCore
import OctavoTokenizer
import Testing

@Suite struct ChatTemplateTests {
    /// A small template in the manner of the models' own.
    private static let source = """
        {{- bos_token }}
        {%- for message in messages %}
            {{- '<|' + message['role'] + '|>' + message['content'] | trim + eos_token }}
        {%- endfor %}
        {%- if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}
        """

    private func render(
        _ messages: [JSONValue], _ options: JSONValue = [:], source: String = source
    ) throws -> [PromptSegment] {
        try ChatTemplate(source: source).render(
            messages: messages, options: options.objectValue ?? JSONObject(), bosToken: "<s>", eosToken: "</s>")
    }

    @Test func `a prompt is rendered from messages and options`() throws {
        let prompt = try render([["role": "user", "content": " hi "]], ["add_generation_prompt": true])
        #expect(prompt.text == "<s><|user|>hi</s><|assistant|>")
        #expect(try render([["role": "user", "content": "hi"]]).text == "<s><|user|>hi</s>")
    }

    @Test func `options are variables, and cannot replace the fixed ones`() throws {
        let source = "{{ date_string }} {{ bos_token }} {{ tools is none }} {{ documents is none }}"
        #expect(
            try render([], ["date_string": "now", "bos_token": "forged"], source: source).text == "now <s> True True")
    }

    @Test func `the final message is left open to be continued`() throws {
        let messages: [JSONValue] = [["role": "user", "content": "x"], ["role": "assistant", "content": "Sure, "]]
        #expect(try render(messages, ["continue_final_message": true]).text == "<s><|user|>x</s><|assistant|>Sure,")
        let untrimmed = "{% for m in messages %}[{{ m.content }}]{% endfor %}"
        #expect(try render(messages, ["continue_final_message": true], source: untrimmed).text == "[x][Sure, ")
    }

    @Test(
        arguments: [
            ["continue_final_message": true, "add_generation_prompt": true], ["continue_final_message": "yes"],
        ] as [JSONValue])
    func `a final message cannot be continued against the other options`(options: JSONValue) {
        #expect(throws: ChatTemplateError.self) { try render([["role": "assistant", "content": "x"]], options) }
    }

    @Test func `a refusal carries the template's own words`() {
        #expect(throws: ChatTemplateError.refused(message: "no x")) {
            try render([], source: "{{ raise_exception('no ' ~ 'x') }}")
        }
    }

    @Test func `a syntax error names the template, the line and the construct`() throws {
        let error = #expect(throws: ChatTemplateError.self) {
            try ChatTemplate(source: "a\n{% if x %}\n{% frob %}", name: "my.jinja")
        }
        #expect(error?.description.hasPrefix("my.jinja, line 3: the tag 'frob'") == true)
    }

    @Test func `an evaluation error names the line and keeps the request's text out`() throws {
        let error = #expect(throws: ChatTemplateError.self) {
            try render([["role": "secret", "content": "secret"]], source: "a\n{{ messages[0].content + 1 }}")
        }
        #expect(error?.description.contains("line 2") == true)
        #expect(error?.description.contains("secret") == false)
    }
}
