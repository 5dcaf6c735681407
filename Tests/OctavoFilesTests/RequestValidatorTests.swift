import OctavoCore
import OctavoFiles
import Testing

@Suite struct RequestValidatorTests {
    private func validate(
        _ text: String, by validator: RequestValidator = RequestValidator()
    ) async throws -> ValidatedRequest {
        try await validate(Array(text.utf8), by: validator)
    }

    private func validate(
        _ bytes: [UInt8], by validator: RequestValidator = RequestValidator(), maximumLineLength: Int = 2000
    ) async throws -> ValidatedRequest {
        try await TestFiles.with { files in
            let path = try files.write("in.jsonl", Array("\n\n".utf8) + bytes)
            var reader = BatchFileReader([try InputFile(path: path)], maximumLineLength: maximumLineLength)
            _ = try reader.next()
            _ = try reader.next()
            return try validator.validate(try #require(try reader.next()))
        }
    }

    private func refusal(_ bytes: [UInt8], by validator: RequestValidator = RequestValidator()) async -> BatchFileError?
    {
        await #expect(throws: BatchFileError.self) { _ = try await validate(bytes, by: validator) }
    }

    private static let chat = #""messages":[{"role":"user","content":"Hi"}]"#

    @Test func `a batch line gives its body`() async throws {
        let request = try await validate(
            #"""
            {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "extra": 1,
            """#.filter { $0 != "\n" } + " \"body\": { \(Self.chat), \"max_tokens\": 5.0, \"x\": \"\\u00e9\" }}\r")
        #expect(request.customID == "a")
        #expect(request.line == 3)
        #expect(request.request.endpoint == .chatCompletions)
        #expect(request.request.sampling.maxTokens == 5)
        #expect(String(decoding: request.body, as: UTF8.self) == "{\(Self.chat),\"max_tokens\":5.0,\"x\":\"é\"}")
    }

    @Test func `a structure that cannot be honored is refused at its place`() async throws {
        let schema = #"{"type":"object","properties":{"a":{"type":"string","pattern":"("}}}"#
        let format = #""response_format":{"type":"json_schema","json_schema":{"name":"n","schema":\#(schema)}}"#
        let error = await refusal(Array("{\(Self.chat),\(format)}".utf8))
        #expect(error?.field == "response_format.json_schema.schema.properties.a.pattern")
        #expect(error?.reason.contains("regular expression") == true)
        #expect(error?.remedy == "docs/structured-output.md says what is supported.")
        let request = try await validate(#"{"prompt":"x","response_format":{"type":"json_object"}}"#)
        #expect(request.request.sampling.structure?.language == .jsonObject)
    }

    @Test func `a row is its own body`() async throws {
        let request = try await validate("{\"id\":7,\(Self.chat),\"temperature\":0,\"url\":\"https://example.org\"}")
        #expect(request.customID == "7")
        #expect(
            String(decoding: request.body, as: UTF8.self)
                == "{\(Self.chat),\"temperature\":0,\"url\":\"https://example.org\"}")
    }

    @Test(arguments: [
        (#"{"prompt":"x"}"#, "request-3"), (#"{"prompt":"x","id":null}"#, "request-3"),
        (#"{"prompt":"x","id":"i"}"#, "i"), (#"{"prompt":"x","id":-12}"#, "-12"),
        (#"{"prompt":"x","id":123456789012345678901234567890}"#, "123456789012345678901234567890"),
        (#"{"prompt":"x","id":"i","custom_id":"c"}"#, "c"), (#"{"prompt":"x","custom_id":"é☕"}"#, "é☕"),
    ])
    func `a row is called by its custom id, its id or its line`(text: String, name: String) async throws {
        let request = try await validate(text)
        #expect(request.customID == name)
        #expect(request.body == Array(#"{"prompt":"x"}"#.utf8))
    }

    @Test func `the settings apply to the request but stay out of the body`() async throws {
        let validator = RequestValidator(settings: ["max_tokens": 9, "temperature": 0])
        let request = try await validate(#"{"prompt":"x","temperature":1}"#, by: validator)
        #expect(request.request.sampling.maxTokens == 9)
        #expect(request.request.sampling.temperature == 1)
        #expect(request.body == Array(#"{"prompt":"x","temperature":1}"#.utf8))
    }

    @Test func `a line may name the batch's model or an alias`() async throws {
        let validator = RequestValidator(model: "m", modelAliases: ["gpt"])
        #expect(try await validate(#"{"prompt":"x","model":"m"}"#, by: validator).request.model == "m")
        #expect(try await validate(#"{"prompt":"x","model":"gpt"}"#, by: validator).request.model == "gpt")
        let error = await refusal(Array(#"{"prompt":"x","model":"other"}"#.utf8), by: validator)
        #expect(error?.field == "model")
        #expect(error?.reason == "is \"other\", but the batch is for \"m\"")
    }

    private static func batchLine(_ changes: String...) -> String {
        let members = [
            "custom_id": "\"a\"", "method": "\"POST\"", "url": "\"/v1/chat/completions\"", "body": "{\(chat)}",
        ]
        var result = members
        for change in changes {
            let key = String(change.prefix { $0 != "=" })
            let value = String(change.dropFirst(key.count + 1))
            result[key] = value.isEmpty ? nil : value
        }
        return "{" + result.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
    }

    /// A line and what is said of it, after the file and the line.
    static let refusals: [(String, String)] = [
        ("{\"prompt\": \"x\"", "invalid JSON: expected ',' or '}' at column 15"),
        ("{\"prompt\": \"x\"} {\"prompt\": \"y\"}", "invalid JSON: unexpected text after the JSON value at column 17"),
        ("[{\"prompt\": \"x\"}]", "must be an object, found array"),
        ("{}", "neither prompt nor messages nor body"), ("{\"text\": \"x\"}", "neither prompt nor messages nor body"),
        ("{\"prompt\": 5}", "prompt: must be a string, an array of strings, or token ids, found number"),
        ("{\"prompt\": \"x\", \"id\": 1.5}", "id: must be a string or an integer, found number"),
        ("{\"prompt\": \"x\", \"id\": \"\"}", "id: must not be empty"),
        ("{\"prompt\": \"x\", \"custom_id\": []}", "custom_id: must be a string or an integer, found array"),
        ("{\"prompt\": \"a\\u0000b\"}", "prompt: contains U+0000"),
        ("{\"prompt\": \"x\", \"id\": \"\\u0000\"}", "id: contains U+0000"),
        ("{\"messages\": [{\"role\": \"user\", \"content\": \"\\u0000\"}]}", "messages[0].content: contains U+0000"),
        ("{\"messages\": [{\"content\": \"x\"}]}", "messages[0].role: missing"),
        ("{\"messages\": [], \"id\": 1}", "messages: must not be empty"),
        ("{\"prompt\": \"x\", \"temperature\": \"hot\"}", "temperature: must be a number, found string"),
        (
            "{\"prompt\": \"x\", \"max_tokens\": 0}",
            "max_tokens: must be at least 1, unless with echo or prompt_logprobs"
        ),
        ("{\"prompt\": \"x\", \"stream\": true}", "stream: is not supported"),
        ("{\"prompt\": \"x\", \"messages\": []}", "prompt: give either messages or prompt, not both"),
        (batchLine("custom_id="), "custom_id: missing"),
        (batchLine("custom_id=3"), "custom_id: must be a string, found number"),
        (batchLine("custom_id=\"\""), "custom_id: must not be empty"),
        (batchLine("custom_id=\"\(String(repeating: "i", count: 1025))\""), "custom_id: has 1025 bytes"),
        (batchLine("method="), "method: missing"),
        (batchLine("method=\"GET\""), "method: must be \"POST\", found \"GET\""),
        (batchLine("url="), "url: missing"),
        (
            batchLine("url=\"/v1/embeddings\""),
            "url: must be \"/v1/chat/completions\" or \"/v1/completions\", found \"/v1/embeddings\""
        ),
        (batchLine("url=7"), "url: must be a string, found number"),
        (batchLine("body="), "body: missing"),
        (batchLine("body=\"x\""), "body: must be an object, found string"),
        (batchLine("body={}"), "body.messages: missing"),
        (
            batchLine("url=\"/v1/completions\""),
            "url: is \"/v1/completions\", which takes prompt, but body has messages"
        ),
        (batchLine("body={\"messages\":[{\"role\":\"user\"}]}"), "body.messages[0].content: missing"),
        (batchLine("body={\(chat),\"n\":0}"), "body.n: must be between 1 and 128, found 0"),
        (batchLine("body={\(chat),\"x\":{\"\\u0000\":1}}"), "body.x.\\u0000: contains U+0000"),
    ]

    @Test(arguments: refusals)
    func `a wrong line is refused with file, line, field and remedy`(text: String, message: String) async {
        let error = await refusal(Array(text.utf8))
        let description = error?.description ?? ""
        #expect(description.contains("/in.jsonl:3: \(message). "), "\(description)")
        #expect(error?.remedy.last == ".")
        #expect(error?.kind == .invalidInput)
    }

    @Test func `bytes that are not UTF-8 are refused with their place`() async {
        let error = await refusal(Array("{\"prompt\": \"".utf8) + [0xC3, 0x28] + Array("\"}".utf8))
        #expect(error?.reason == "invalid UTF-8 at byte 13 of the line")
        #expect(error?.line == 3)
    }

    @Test func `a line that is too long is refused`() async {
        let error = await refusal(Array("{\"prompt\": \"\(String(repeating: "x", count: 2000))\"}".utf8))
        #expect(error?.reason == "a line of 2014 bytes, but 2000 is the most")
    }
}
