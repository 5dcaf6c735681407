import Foundation
import OctavoTestSupport
import OctavoTokenizer
import Testing

/// Whatever is in a tokenizer's file, it ends in a tokenizer that encodes and decodes, or in an error.
@Suite struct TokenizerFuzzTests {
    private static func tries(_ definition: () throws -> TokenizerDefinition) throws {
        do {
            let tokenizer = try Tokenizer(definition())
            let ids = tokenizer.encode("Hi 12 日本 <|eot_id|>\n", parseSpecial: true)
            for id in ids { _ = tokenizer.bytes(of: id) }
        } catch let error as TokenizerError {
            #expect(!error.reason.isEmpty)
        }
    }

    @Test(arguments: TokenizerFixtures.tinyNames)
    func `damaged tokenizer json files are refused or read`(name: String) throws {
        let original = try TokenizerFixtures.bytes(
            of: TokenizerFixtures.folder.appending(path: "\(name).tokenizer.json"))
        try FuzzCampaign.current.run("tokenizer.json") { generator in
            var bytes = original
            ByteMutator.damage(&bytes, using: &generator)
            try Self.tries { try TokenizerDefinition(tokenizerJSON: bytes, path: "tokenizer.json") }
        }
    }

    @Test func `damaged tokenizer model files are refused or read`() throws {
        let file = TestPaths.fixtures.appending(path: "Models/tiny-untied/meta/tokenizer.model")
        let original = try TokenizerFixtures.bytes(of: file)
        try FuzzCampaign.current.run("tokenizer.model") { generator in
            var bytes = original
            ByteMutator.damage(&bytes, using: &generator)
            try Self.tries {
                try TokenizerDefinition(
                    tokenizerModel: bytes, path: "tokenizer.model",
                    vocabularySize: Bool.random(using: &generator) ? 288 : nil)
            }
        }
    }

    @Test func `damaged vocabularies of GGUF files are refused or read`() throws {
        let tokens = (0..<40).map { "\($0 % 7)\($0)" } + ["Ġ", "a", "Ġa", "<|end|>"]
        try FuzzCampaign.current.run("GGUF vocabulary") { generator in
            func number() -> Int { [-1, 0, 3, 43, 44, .max, .min].randomElement(using: &generator) ?? 0 }
            let merges = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                ["Ġ a", "a", "", " ", "a  a", "日 本", "<|end|> a", "1 2"].randomElement(using: &generator) ?? ""
            }
            let types = tokens.map { _ in Int32([1, 1, 1, 2, 3, 4, 5, 6, -1].randomElement(using: &generator) ?? 1) }
            let vocabulary = GGUFVocabulary(
                model: "gpt2", pre: ["llama-bpe", "smollm", "gpt-2", "x"].randomElement(using: &generator),
                tokens: tokens,
                tokenTypes: Array(types.dropLast(Int.random(in: 0...1, using: &generator))), merges: merges,
                bosID: number(), eosID: number(), eotID: number(), addBOS: Bool.random(using: &generator))
            try Self.tries { try TokenizerDefinition(gguf: vocabulary, path: "m.gguf") }
        }
    }
}
