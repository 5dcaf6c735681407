import Foundation
import OctavoCore
import OctavoTokenizer
import Testing

/// Every case of the references, on the real vocabularies. Those are their authors' and must be fetched:
/// `fixtures/tokenizer/README.md` says how to make the folder that `OCTAVO_TOKENIZER_JSON_DIR` names.
@Suite(
    .enabled(
        if: TokenizerFixtures.shared != nil && TokenizerFixtures.realVocabularies != nil,
        "needs the shared fixtures, and $OCTAVO_TOKENIZER_JSON_DIR with llama3 and smollm2.tokenizer.json"))
struct ReferenceVocabularyTests {
    enum Source: String, CaseIterable, Sendable {
        case tokenizerJSON = "tokenizer.json"
        case gguf = "GGUF metadata"
        case written = "tokenizer.json written from GGUF metadata"
    }

    @Test(arguments: ["llama3", "smollm2"], Source.allCases)
    func `every text has the reference's ids`(name: String, source: Source) throws {
        let tokenizer = try Self.tokenizer(name, source)
        for line in try Self.lines("\(name)_cases.jsonl") + Self.lines("unicode_version_cases.jsonl") {
            let text = try #require(line["text"]?.stringValue)
            let ids = try #require(line["ids"] ?? line["ids_\(name)"]).tokenIDs()
            #expect(tokenizer.encode(text) == ids, "\(text.debugDescription.prefix(200))")
            guard let trusted = try line["ids_special"]?.tokenIDs() else { continue }
            #expect(tokenizer.encode(text, parseSpecial: true) == trusted, "\(text.debugDescription.prefix(200))")
        }
    }

    @Test(arguments: ["llama3", "smollm2"], Source.allCases)
    func `every broken byte string has the ids of its repaired text`(name: String, source: Source) throws {
        let tokenizer = try Self.tokenizer(name, source)
        for line in try Self.lines("invalid_utf8_cases.jsonl") {
            let bytes = try Self.bytes(ofHex: #require(line["bytes_hex"]?.stringValue))
            #expect(try tokenizer.encode(bytes) == #require(line["ids_\(name)"]).tokenIDs(), "\(bytes)")
        }
    }

    @Test(arguments: ["llama3", "smollm2"], Source.allCases)
    func `every list of ids is decoded and streamed as the reference does`(name: String, source: Source) throws {
        let tokenizer = try Self.tokenizer(name, source)
        for line in try Self.lines("\(name)_decode.jsonl") {
            let ids = try #require(line["ids"]).tokenIDs()
            let text = try #require(line["text"]?.stringValue)
            let withoutSpecial = try #require(line["text_skip_special"]?.stringValue)
            #expect(
                try ids.flatMap { tokenizer.bytes(of: $0) }
                    == Self.bytes(ofHex: #require(line["bytes_hex"]?.stringValue)))
            #expect(tokenizer.decode(ids).hasSameBytes(as: text))
            #expect(tokenizer.decode(ids, skipSpecial: true).hasSameBytes(as: withoutSpecial))
            var decoder = StreamingDecoder(tokenizer)
            let pieces = ids.map { decoder.append($0) }
            #expect(try pieces.elementsEqual(#require(line["stream"]).strings()) { $0.hasSameBytes(as: $1) })
            #expect(decoder.finish() == line["stream_end"]?.stringValue)
        }
    }

    @Test func `Llama 3's tokenizer.model means what its tokenizer.json does`() throws {
        let folder = try #require(TokenizerFixtures.realVocabularies)
        let file = folder.appending(path: "tokenizer.model")
        guard FileManager.default.fileExists(atPath: file.path) else {
            try Test.cancel("no tokenizer.model in $OCTAVO_TOKENIZER_JSON_DIR")
        }
        let definition = try TokenizerDefinition(tokenizerModel: TokenizerFixtures.bytes(of: file), path: file.path)
        let tokenizer = try Tokenizer(definition)
        let written = try Tokenizer(Self.rewritten(definition))
        for line in try Self.lines("llama3_cases.jsonl") {
            let text = try #require(line["text"]?.stringValue)
            let ids = try #require(line["ids"]).tokenIDs()
            #expect(tokenizer.encode(text) == ids, "\(text.debugDescription.prefix(200))")
            #expect(written.encode(text) == ids, "\(text.debugDescription.prefix(200))")
        }
        let names = try JSONValue.parse(Self.bytes("llama3_special_tokens.json"))["llama3.1"]
        for (place, name) in try #require(names).strings().enumerated() {
            #expect(tokenizer.token(named: name) == TokenID(128_000 + place))
        }
    }
}

extension ReferenceVocabularyTests {
    private static func tokenizer(_ name: String, _ source: Source) throws -> Tokenizer {
        let file = try #require(TokenizerFixtures.realVocabularies).appending(path: "\(name).tokenizer.json")
        let bytes = try TokenizerFixtures.bytes(of: file)
        switch source {
        case .tokenizerJSON:
            return try Tokenizer(TokenizerDefinition(tokenizerJSON: bytes, path: file.path))
        case .gguf:
            return try Tokenizer(TokenizerDefinition(gguf: vocabulary(JSONValue.parse(bytes)), path: file.path))
        case .written:
            return try Tokenizer(
                rewritten(TokenizerDefinition(gguf: vocabulary(JSONValue.parse(bytes)), path: file.path)))
        }
    }

    private static func rewritten(_ definition: TokenizerDefinition) throws -> TokenizerDefinition {
        try TokenizerDefinition(
            tokenizerJSON: Array(JSONValue.object(definition.tokenizerJSON()).jsonText.utf8), path: "written")
    }

    /// The same vocabulary as a GGUF file holds it.
    private static func vocabulary(_ json: JSONValue) throws -> GGUFVocabulary {
        var tokens: [Int: String] = [:]
        for member in try #require(json["model"]?["vocab"]?.objectValue).members {
            tokens[try #require(member.value.integerValue)] = member.key
        }
        var types = [Int32](repeating: 1, count: tokens.count)
        for added in try #require(json["added_tokens"]?.arrayValue) {
            let id = try #require(added["id"]?.integerValue)
            if id >= types.count { types += [Int32](repeating: 5, count: id + 1 - types.count) }
            types[id] = 3
            tokens[id] = added["content"]?.stringValue
        }
        let merges = try #require(json["model"]?["merges"]?.arrayValue).map { try $0.strings().joined(separator: " ") }
        return GGUFVocabulary(
            model: "gpt2", pre: json["model"]?["ignore_merges"] == true ? "llama-bpe" : "smollm",
            tokens: types.indices.map { tokens[$0] ?? "" }, tokenTypes: types, merges: merges)
    }

    private static func bytes(_ name: String) throws -> [UInt8] {
        try TokenizerFixtures.bytes(of: #require(TokenizerFixtures.shared).appending(path: name))
    }

    private static func lines(_ name: String) throws -> [JSONValue] {
        try TokenizerFixtures.lines(of: #require(TokenizerFixtures.shared).appending(path: name))
    }

    private static func bytes(ofHex text: String) throws -> [UInt8] {
        let digits = Array(text.utf8)
        return try stride(from: 0, to: digits.count, by: 2).map {
            try #require(UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16))
        }
    }
}
