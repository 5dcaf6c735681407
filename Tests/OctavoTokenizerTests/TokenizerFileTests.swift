import OctavoCore
import OctavoTokenizer
import Testing

struct GGUFVocabularyTests {
    private static let small = GGUFVocabulary(
        model: "gpt2", pre: "smollm", tokens: ["<|im_end|>", "a", "Ġ", "Ġa", "<pad> ", "<think>"],
        tokenTypes: [3, 1, 1, 1, 5, 4], merges: ["Ġ a"], bosID: 0, eosID: 0)

    @Test func `the metadata's arrays make a vocabulary`() throws {
        let definition = try TokenizerDefinition(gguf: Self.small, path: "m.gguf")
        #expect(definition.tokens.map(\.kind) == [.special, .text, .text, .text, .unused, .added])
        #expect(definition.tokens[3].bytes == Array(" a".utf8))
        #expect(definition.merges == [.init(left: 2, right: 1, result: 3, rank: 0)])
        #expect(definition.preTokenizer == .smollm)
        #expect(definition.bosToken == 0 && definition.endTokens == [0] && !definition.addsBOS)
        let tokenizer = try Tokenizer(definition)
        #expect(tokenizer.encode(" a<think><|im_end|>", parseSpecial: true) == [3, 5, 0])
    }

    @Test(
        arguments: [
            ("llama-bpe", nil, PreTokenizer.llama3, true), ("llama-bpe", false, .llama3, false),
            ("smollm", nil, .smollm, false), ("smollm", true, .smollm, true), ("gpt-2", nil, .gpt2, false),
        ] as [(String, Bool?, PreTokenizer, Bool)])
    func `BOS is added where the file or else the kind says so`(
        pre: String, addBOS: Bool?, rule: PreTokenizer, addsBOS: Bool
    ) throws {
        var vocabulary = Self.small
        vocabulary.pre = pre
        vocabulary.addBOS = addBOS
        let definition = try TokenizerDefinition(gguf: vocabulary, path: "m.gguf")
        #expect(definition.preTokenizer == rule)
        #expect(definition.addsBOS == addsBOS)
        #expect(definition.ignoresMerges == (rule == .llama3))
    }

    private static func spoiled(_ spoil: (inout GGUFVocabulary) -> Void) -> GGUFVocabulary {
        var vocabulary = small
        spoil(&vocabulary)
        return vocabulary
    }

    @Test(arguments: [
        ("model", spoiled { $0.model = "llama" }), ("pre", spoiled { $0.pre = "qwen2" }),
        ("pre", spoiled { $0.pre = nil }), ("token_type", spoiled { $0.tokenTypes = [1] }),
        ("merges[1]", spoiled { $0.merges.append("a a") }), ("bos_token_id", spoiled { $0.bosID = 6 }),
        ("eos_token_id", spoiled { $0.eosID = -1 }), ("eot_token_id", spoiled { $0.eotID = .max }),
    ])
    func `bad metadata is refused by its key`(key: String, vocabulary: GGUFVocabulary) throws {
        let error = try #require(throws: TokenizerError.self) {
            try TokenizerDefinition(gguf: vocabulary, path: "m.gguf")
        }
        #expect(error.description.hasPrefix("m.gguf: tokenizer.ggml.\(key): "))
    }
}

struct SentencePieceTests {
    @Test func `Llama 2's tokenizers are refused as what they are`() throws {
        let gguf = GGUFVocabulary(model: "llama", pre: nil, tokens: ["<s>"], tokenTypes: [3], merges: [])
        let protocolBuffer: [UInt8] = [0x0A, 0x0E, 0x0A, 0x05] + Array("<unk>".utf8)
        let errors = [
            try #require(throws: TokenizerError.self) { try TokenizerDefinition(gguf: gguf, path: "m.gguf") },
            try #require(throws: TokenizerError.self) {
                try TokenizerDefinition(tokenizerModel: protocolBuffer, path: "tokenizer.model")
            },
            try #require(throws: TokenizerError.self) {
                try TokenizerDefinition(
                    tokenizerJSON: Array(#"{"model": {"type": "BPE", "byte_fallback": true}}"#.utf8), path: "t.json")
            },
        ]
        for error in errors {
            #expect(error.reason.hasPrefix("unsupported: a SentencePiece tokenizer, as Llama 2's"), "\(error)")
        }
    }
}

struct TokenizerModelTests {
    /// `a`, `b`, `ab`, `abb`, `日` and its bytes, ranked in this order.
    private static let lines = "YQ== 0\nYg== 1\nYWI= 2\nYWJi 3\n5g== 4\nlw== 5\npQ== 6\n5pel 7\n"

    @Test func `ranks are ids, and what is a token merges`() throws {
        let definition = try TokenizerDefinition(tokenizerModel: Array(Self.lines.utf8), path: "tokenizer.model")
        #expect(definition.tokens[3].bytes == Array("abb".utf8))
        #expect(definition.tokens[7].bytes == Array("日".utf8))
        #expect(
            definition.merges == [
                .init(left: 0, right: 1, result: 2, rank: 2), .init(left: 2, right: 1, result: 3, rank: 3),
            ])
        let tokenizer = try Tokenizer(definition)
        #expect(tokenizer.encode("abab abb日日") == [2, 2, 3, 4, 5, 6, 4, 5, 6])
        #expect(tokenizer.encode("日") == [7])
    }

    @Test func `special tokens beyond the model's vocabulary are left out`() throws {
        for (size, expected) in [(10, 10), (8, 8), (3, 8), (1000, 264)] {
            let definition = try TokenizerDefinition(
                tokenizerModel: Array(Self.lines.utf8), path: "tokenizer.model", vocabularySize: size)
            #expect(definition.tokens.count == expected)
        }
    }

    @Test func `Llama 3.1's special tokens follow the others`() throws {
        let tokenizer = try Tokenizer(
            TokenizerDefinition(tokenizerModel: Array(Self.lines.utf8), path: "tokenizer.model"))
        #expect(tokenizer.vocabularySize == 8 + 256)
        let places = [
            "<|begin_of_text|>": 0, "<|end_of_text|>": 1, "<|finetune_right_pad_id|>": 4,
            "<|reserved_special_token_2|>": 5, "<|start_header_id|>": 6, "<|end_header_id|>": 7, "<|eom_id|>": 8,
            "<|eot_id|>": 9, "<|python_tag|>": 10, "<|reserved_special_token_3|>": 11,
            "<|reserved_special_token_247|>": 255,
        ]
        for (name, place) in places { #expect(tokenizer.token(named: name) == TokenID(8 + place)) }
        #expect(tokenizer.bosToken == 8 && tokenizer.addsBOS)
        #expect(tokenizer.endTokens == [9, 16, 17])
    }

    @Test(arguments: [
        "YQ== 0\nYQ= 1\n", "YQ== 0\nY*== 1\n", "YQ== 0\nYg==\n", "YQ== 0\nYg== -1\n", "YQ== 0\nYg== x\n",
        "YQ== 0\nYg== 99999999999999999999\n", "YQ== 0\nYg== 1 2\n", "YQ== 0\nY=== 1\n", "YQ== 0\nY=Q= 1\n",
        "YQ== 0\n==== 1\n",
    ])
    func `a malformed line is an error with its number`(text: String) throws {
        let error = try #require(throws: TokenizerError.self) {
            try TokenizerDefinition(tokenizerModel: Array(text.utf8), path: "tokenizer.model")
        }
        #expect(error.description.hasPrefix("tokenizer.model: line 2: "))
    }

    @Test func `an empty file is an error`() {
        #expect(throws: TokenizerError(path: "tokenizer.model", key: "", reason: "holds no token")) {
            try TokenizerDefinition(tokenizerModel: [], path: "tokenizer.model")
        }
    }
}
