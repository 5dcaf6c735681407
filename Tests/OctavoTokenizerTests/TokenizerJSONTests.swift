import OctavoCore
import OctavoTokenizer
import Testing

struct TokenizerJSONTests {
    /// A small file of the kind that is understood, with one value replaced.
    private static func file(_ path: [String] = [], _ value: JSONValue = nil) throws -> [UInt8] {
        let json = try JSONValue.parse(
            #"""
            {"added_tokens": [{"id": 5, "content": "<|eot_id|>", "special": true}],
             "normalizer": null,
             "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
             "post_processor": null,
             "decoder": {"type": "ByteLevel"},
             "model": {"type": "BPE", "vocab": {"a": 0, "Ġ": 1, "Ġa": 2, "Ċ": 3}, "merges": ["Ġ a"]}}
            """#)
        return Array(replacing(path[...], in: json, by: value).jsonText.utf8)
    }

    private static func replacing(_ path: ArraySlice<String>, in json: JSONValue, by value: JSONValue) -> JSONValue {
        guard let key = path.first, case .object(var object) = json else { return path.isEmpty ? value : json }
        object[key] = .some(replacing(path.dropFirst(), in: object[key] ?? [:], by: value))
        return .object(object)
    }

    @Test func `a vocabulary is read with its spelling undone`() throws {
        let definition = try TokenizerDefinition(tokenizerJSON: Self.file(["unknown"], true), path: "t.json")
        #expect(
            definition.tokens.map(\.bytes) == [[0x61], [0x20], [0x20, 0x61], [0x0A], [], Array("<|eot_id|>".utf8)])
        #expect(definition.tokens.map(\.kind) == [.text, .text, .text, .text, .unused, .special])
        #expect(definition.merges == [.init(left: 1, right: 0, result: 2, rank: 0)])
        #expect(definition.preTokenizer == .gpt2)
        #expect(definition.endTokens == [5])
        #expect(definition.bosToken == nil && !definition.addsBOS && !definition.ignoresMerges)
    }

    @Test func `merges are read as strings and as pairs`() throws {
        let pairs = try TokenizerDefinition(
            tokenizerJSON: Self.file(["model", "merges"], [["Ġ", "a"]]), path: "t.json")
        #expect(pairs.merges == [.init(left: 1, right: 0, result: 2, rank: 0)])
    }

    @Test(
        arguments: [
            ("tiny-tied", .llama3, true, 312), ("tiny-smollm", .smollm, false, nil), ("tiny-gpt2", .gpt2, false, nil),
        ] as [(String, PreTokenizer, Bool, TokenID?)])
    func `the kind, the merging and the BOS are found in the file`(
        name: String, rule: PreTokenizer, ignoresMerges: Bool, bosToken: TokenID?
    ) throws {
        let definition = try TokenizerFixtures.definition(name)
        #expect(definition.preTokenizer == rule)
        #expect(definition.ignoresMerges == ignoresMerges)
        #expect(definition.bosToken == bosToken)
        #expect(definition.addsBOS == (bosToken != nil))
    }

    @Test(
        arguments: [
            (["normalizer"], ["type": "NFC"], "normalizer", "NFC"),
            (["decoder"], nil, "decoder", "missing"),
            (["decoder"], ["type": "Metaspace"], "decoder", "Metaspace"),
            (["pre_tokenizer"], nil, "pre_tokenizer", "missing"),
            (["pre_tokenizer", "type"], "Whitespace", "pre_tokenizer", "Whitespace"),
            (["pre_tokenizer", "add_prefix_space"], true, "pre_tokenizer", "add_prefix_space"),
            (["pre_tokenizer", "use_regex"], false, "pre_tokenizer", "pattern"),
            (
                ["pre_tokenizer"],
                [
                    "type": "Sequence",
                    "pretokenizers": [
                        ["type": "Split", "pattern": ["Regex": "\\d"], "behavior": "Isolated", "invert": false],
                        ["type": "ByteLevel", "add_prefix_space": false, "use_regex": false],
                    ],
                ], "pre_tokenizer", "Regex"
            ),
            (["post_processor"], ["type": "BertProcessing"], "post_processor", "BertProcessing"),
            (
                ["post_processor"],
                ["type": "TemplateProcessing", "single": [["Sequence": ["id": "A"]], ["SpecialToken": ["id": "x"]]]],
                "post_processor", "template"
            ),
            (["model"], nil, "model", "missing"),
            (["model", "type"], "Unigram", "model.type", "BPE"),
            (["model", "dropout"], 0.1, "model.dropout", "random"),
            (["model", "byte_fallback"], true, "model.byte_fallback", "unsupported: a SentencePiece tokenizer"),
            (["model", "end_of_word_suffix"], "</w>", "model.end_of_word_suffix", "unsupported"),
            (["model", "unk_token"], "<unk>", "model.unk_token", "no such token"),
            (["model", "vocab"], [], "model.vocab", "object"),
            (["model", "vocab"], ["a": -1], "model.vocab[\"a\"]", "token id"),
            (["model", "vocab"], ["a": 9_000_000_000], "model.vocab[\"a\"]", "token id"),
            (["model", "vocab"], ["a": "0"], "model.vocab[\"a\"]", "token id"),
            (["model", "merges"], nil, "model.merges", "array"),
            (["model", "merges"], ["Ġ a", "a a"], "model.merges[1]", "vocabulary"),
            (["model", "merges"], ["Ġa"], "model.merges[0]", "vocabulary"),
            (["model", "merges"], [["Ġ", "a", "a"]], "model.merges[0]", "vocabulary"),
            (["model", "merges"], ["  a"], "model.merges[0]", "vocabulary"),
            (["added_tokens"], [["id": 5, "content": ""]], "added_tokens[0].content", "empty"),
            (["added_tokens"], [["content": "<x>"]], "added_tokens[0].id", "token id"),
            (["added_tokens"], [["id": 5, "content": "<x>", "lstrip": true]], "added_tokens[0].lstrip", "unsupported"),
        ] as [([String], JSONValue, String, String)])
    func `what would change the ids is refused by name`(
        path: [String], value: JSONValue, key: String, reason: String
    ) throws {
        let bytes = try Self.file(path, value)
        let error = try #require(throws: TokenizerError.self) {
            try TokenizerDefinition(tokenizerJSON: bytes, path: "dir/tokenizer.json")
        }
        #expect(error.key == key)
        #expect(error.reason.contains(reason), "\(error)")
        #expect(error.description.hasPrefix("dir/tokenizer.json: \(key): "))
    }

    @Test func `a file cut short is an error that says where`() throws {
        let bytes = try Self.file(["unknown"], true)
        for count in stride(from: 0, to: bytes.count, by: 7) {
            let error = try #require(throws: TokenizerError.self) {
                try TokenizerDefinition(tokenizerJSON: Array(bytes[..<count]), path: "t.json")
            }
            #expect(error.description.hasPrefix("t.json: not JSON: "))
        }
    }
}
