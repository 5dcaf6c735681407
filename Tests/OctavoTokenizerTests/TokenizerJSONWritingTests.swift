import Foundation
import OctavoCore
import OctavoTokenizer
import Testing

struct TokenizerJSONWritingTests {
    /// A definition written and read again.
    private static func rewritten(_ definition: TokenizerDefinition) throws -> TokenizerDefinition {
        try TokenizerDefinition(
            tokenizerJSON: Array(JSONValue.object(definition.tokenizerJSON()).jsonText.utf8), path: "written")
    }

    @Test(arguments: TokenizerFixtures.tinyNames)
    func `a tokenizer json written again means the same`(name: String) throws {
        var definition = try TokenizerFixtures.definition(name)
        var again = try Self.rewritten(definition)
        (definition.path, again.path) = ("", "")
        #expect(again.tokens == definition.tokens)
        #expect(again.merges == definition.merges)
        #expect(again.preTokenizer == definition.preTokenizer && again.ignoresMerges == definition.ignoresMerges)
        #expect(again.bosToken == definition.bosToken && again.addsBOS == definition.addsBOS)
        #expect(again.endTokens == definition.endTokens)
    }

    @Test func `a tokenizer model becomes a tokenizer json that gives the same ids`() throws {
        // a, b, c, ab, bc, abc, in base64; abc can be split in two ways.
        let lines = ["YQ==", "Yg==", "Yw==", "YWI=", "YmM=", "YWJj"].enumerated().map { "\($0.element) \($0.offset)\n" }
        let definition = try TokenizerDefinition(tokenizerModel: Array(lines.joined().utf8), path: "tokenizer.model")
        let again = try Self.rewritten(definition)
        #expect(again.tokens == definition.tokens)
        // a+bc comes before ab+c: the parts' ranks decide.
        #expect(
            again.merges.map { [$0.left, $0.right, $0.result] } == [[0, 1, 3], [1, 2, 4], [0, 4, 5], [3, 2, 5]])
        #expect(again.bosToken == 6 && again.addsBOS && again.endTokens == definition.endTokens)
        let (expected, found) = (try Tokenizer(definition), try Tokenizer(again))
        for text in ["abc", "abcabc", "aabbcc", "cab", "<|eot_id|>a"] {
            #expect(found.encode(text, parseSpecial: true) == expected.encode(text, parseSpecial: true))
        }
    }

    @Test func `tokens among the text and gaps keep their ids`() throws {
        let definition = try TokenizerDefinition(
            gguf: GGUFVocabulary(
                model: "gpt2", pre: "smollm", tokens: ["<|im_end|>", "a", "Ġ", "Ġa", "[PAD]", "<think>", "Ġ"],
                tokenTypes: [3, 1, 1, 1, 5, 4, 1], merges: ["Ġ a"], bosID: 0, eosID: 0), path: "m.gguf")
        let json = definition.tokenizerJSON()
        let vocabulary = try #require(json["model"]?["vocab"]?.objectValue)
        // The unused token would become text, and the second space is another id of the same spelling.
        #expect(vocabulary == ["<|im_end|>": 0, "a": 1, "Ġ": 2, "Ġa": 3, "<think>": 5])
        let added = try #require(json["added_tokens"]?.arrayValue)
        #expect(added.map { $0["id"] } == [0, 5] && added.map { $0["special"] } == [true, false])
        let again = try Tokenizer(Self.rewritten(definition))
        #expect(again.encode(" a<think>[PAD]<|im_end|>", parseSpecial: true).starts(with: [3, 5]))
        #expect(again.endTokens == [0])
    }
}
