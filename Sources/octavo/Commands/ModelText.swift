import ArgumentParser
import Foundation
import OctavoCore
import OctavoTokenizer

struct Tokenize: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Token ids of texts and conversations.",
        discussion: """
            Reads {"text": S} or {"messages": [...], "tools": [...], "options": {...}}, writes {"ids": [...]}. No BOS is
            added to a text unless "add_special_tokens": true; the spelling of a special token in it is text unless
            "parse_special": true.

            Example:
              echo '{"text": "Hello world"}' | octavo model tokenize MODEL
            """)
    @OptionGroup var options: TextModelOptions

    func run() throws {
        let text = try options.open()
        let filter = ChatFilter(text)
        try JSONLines.forEach { _, line in
            if line["messages"] != nil {
                try filter.write(line) { segments in
                    ["ids": .array(text.tokenizer.encode(segments).map { .integer(Int($0)) })]
                }
                return
            }
            guard let string = line["text"]?.stringValue else {
                throw RequestError("missing: give \"text\", a string, or \"messages\"", parameter: "text")
            }
            var ids = text.tokenizer.encode(string, parseSpecial: line["parse_special"]?.boolValue ?? false)
            if line["add_special_tokens"]?.boolValue == true, let bos = text.tokenizer.bosToken, text.tokenizer.addsBOS
            {
                ids.insert(bos, at: 0)
            }
            Console.result(["ids": .array(ids.map { .integer(Int($0)) })])
        }
        try filter.finish()
    }
}

struct Detokenize: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Texts of token ids.",
        discussion: """
            Reads {"ids": [...]}, writes {"text": S}; special tokens are written unless "skip_special_tokens": true.

            Example:
              echo '{"ids": [19556, 905]}' | octavo model detokenize MODEL
            """)
    @OptionGroup var options: TextModelOptions

    func run() throws {
        let tokenizer = try options.open().tokenizer
        try JSONLines.forEach { _, line in
            let ids = try line.tokenIDs("ids", vocabularySize: tokenizer.vocabularySize)
            let skips = line["skip_special_tokens"]?.boolValue ?? false
            Console.result(["text": .string(tokenizer.decode(ids, skipSpecial: skips))])
        }
    }
}

struct Render: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Conversations as the model's chat template writes them.",
        discussion: """
            Reads {"messages": [...], "tools": [...], "options": {...}}, writes {"text": S}. The options are the template's
            variables (add_generation_prompt, date_string, ...). What the template refuses is written as {"error": {...}}.

            Example:
              echo '{"messages": [{"role": "user", "content": "Hi"}], "options": {"add_generation_prompt": true}}' \\
                | octavo model render MODEL
            """)
    @OptionGroup var options: TextModelOptions

    func run() throws {
        let filter = ChatFilter(try options.open())
        try JSONLines.forEach { _, line in try filter.write(line) { ["text": .string($0.text)] } }
        try filter.finish()
    }
}

/// Renders the conversations of a filter's lines; what a template refuses becomes a line of its own.
private final class ChatFilter {
    private let encoder: PromptEncoder
    private var hasFailures = false

    init(_ text: TextModel) { encoder = text.encoder(contextLength: .max) }

    func write(_ line: JSONObject, _ result: ([PromptSegment]) -> JSONValue) throws {
        guard let messages = line["messages"]?.arrayValue else {
            throw RequestError("missing: give an array of messages", parameter: "messages")
        }
        var options = line["options"]?.objectValue ?? JSONObject()
        let now = options["now"]?.stringValue.flatMap(Self.date)
        options["now"] = nil
        let tools = line["tools"].flatMap { $0.isNull ? nil : $0 }
        do {
            let segments = try encoder.render(messages: messages, tools: tools, options: options, now: now)
            Console.result(result(segments))
        } catch {
            hasFailures = true
            Console.result(["error": error.json])
        }
    }

    /// - Throws: status 1 when a template refused a line.
    func finish() throws {
        if hasFailures { throw CommandFailure(.incomplete, "the chat template refused some lines") }
    }

    /// The clock that `strftime_now` reads, written as `2024-07-26T12:00:00`.
    private static func date(_ text: String) -> Date? {
        try? Date(text.hasSuffix("Z") ? text : text + "Z", strategy: .iso8601)
    }
}
