import Foundation
import OctavoCore
import OctavoTokenizer
import Testing

/// The templates of models, against what Hugging Face's `apply_chat_template` renders.
@Suite(.enabled(if: ChatFixtures.areShared, "the models' templates are third-party files: set OCTAVO_SHARED_FIXTURES"))
struct ModelTemplateTests {
    @Test(arguments: ["smollm2.jsonl", "llama3.jsonl", "llama3.1.jsonl", "more_templates.jsonl"])
    func `every prompt is that of the reference`(file: String) throws {
        var templates: [String: ChatTemplate] = [:]
        let cases = try ChatFixtures.sharedLines(file)
        #expect(!cases.isEmpty)
        for (index, testCase) in cases.enumerated() {
            let name = try #require(testCase["template"]?.stringValue)
            let template = try templates[name] ?? ChatTemplate(source: ChatFixtures.templateSource(name), name: name)
            templates[name] = template
            try expectReference(
                of: testCase, template, messages: testCase["messages"]?.arrayValue ?? [], "\(file):\(index + 1)")
        }
    }

    @Test func `messages of OpenAI clients are normalized as the reference does`() throws {
        let cases = try ChatFixtures.sharedLines("openai_messages.jsonl")
        #expect(!cases.isEmpty)
        for (index, testCase) in cases.enumerated() {
            let name = try #require(testCase["template"]?.stringValue)
            let template = try ChatTemplate(source: ChatFixtures.templateSource(name), name: name)
            let messages = try ChatMessages.normalized(
                testCase["messages"]?.arrayValue ?? [], contentFormat: template.contentFormat)
            try expectReference(of: testCase, template, messages: messages, "openai_messages.jsonl:\(index + 1)")
        }
    }

    private func expectReference(
        of testCase: JSONValue, _ template: ChatTemplate, messages: [JSONValue], _ place: String
    ) throws {
        let render = {
            var options = testCase["options"]?.objectValue ?? JSONObject()
            let now = options["now"]?.stringValue ?? "2024-07-26T12:00:00"
            options["now"] = nil
            let (bos, eos) = Self.tokens(of: template.name)
            return try template.render(
                messages: messages, tools: testCase["tools"], options: options, bosToken: bos, eosToken: eos,
                now: ChatFixtures.date(now))
        }
        if let error = testCase["error"]?.stringValue {
            let found = #expect(throws: ChatTemplateError.self, "\(place)") { try render() }
            if error.hasPrefix("TemplateError: ") {
                #expect(found == .refused(message: String(error.dropFirst("TemplateError: ".count))), "\(place)")
            }
            return
        }
        do {
            let segments = try render()
            let expected = try #require(testCase["text"]?.stringValue)
            #expect(segments.text.utf8.elementsEqual(expected.utf8), "\(place): \(segments.text)")
        } catch {
            Issue.record("\(place) failed: \(error)")
        }
    }

    /// The special tokens that a template sees.
    private static func tokens(of template: String) -> (bos: String, eos: String) {
        switch template {
        case "llama2-chat", "vicuna", "solar-instruct", "zephyr", "codellama-70b", "mistral-nemo": ("<s>", "</s>")
        case "smollm2": ("<|im_start|>", "<|im_end|>")
        case "smollm3", "hermes-2-pro-llama3-tools": ("<|begin_of_text|>", "<|im_end|>")
        case "deepseek-r1-distill-llama": ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>")
        default: ("<|begin_of_text|>", "<|eot_id|>")
        }
    }
}
