import OctavoCore
import OctavoTokenizer
import Testing

struct EncodingTests {
    @Test(arguments: TokenizerFixtures.tinyNames)
    func `ids are those of Hugging Face tokenizers, for user text and for trusted text`(name: String) throws {
        let tokenizer = try Tokenizer(TokenizerFixtures.definition(name))
        for line in try TokenizerFixtures.cases() {
            let text = try #require(line["text"]?.stringValue)
            let ids = try #require(line["ids"]?[name]).tokenIDs()
            let trusted = try line["trusted_ids"]?[name]?.tokenIDs() ?? ids
            #expect(tokenizer.encode(text) == ids, "\(text.debugDescription)")
            #expect(tokenizer.encode(text, parseSpecial: true) == trusted, "\(text.debugDescription)")
            #expect(tokenizer.encode(Array(text.utf8)) == ids)
            #expect(tokenizer.countTokens(text) == ids.count)
        }
    }

    @Test func `bytes that are not UTF-8 are read as replacement characters`() throws {
        let tokenizer = try Tokenizer(TokenizerFixtures.definition("tiny-tied"))
        #expect(tokenizer.encode([0x61, 0xE2, 0x82, 0x62, 0xFF]) == tokenizer.encode("a\u{FFFD}b\u{FFFD}"))
    }

    @Test func `an empty text has no tokens`() throws {
        let tokenizer = try Tokenizer(TokenizerFixtures.definition("tiny-tied"))
        #expect(tokenizer.encode("").isEmpty)
        #expect(tokenizer.encode([PromptSegment]()).isEmpty)
    }

    /// Quadratic work on these would be 10^12 steps, and the test would not end.
    @Test(arguments: ["a", " ", "\n", "=", "'", "9", "é", "的", "ab", " \n", "<|", "<|im_", "QWxhZGRpbjpvcGVu"])
    func `millions of repeats are no more work than so much text`(unit: String) throws {
        let text = String(repeating: unit, count: 1_000_000 / unit.utf8.count)
        for name in ["tiny-tied", "tiny-smollm"] {
            let tokenizer = try Tokenizer(TokenizerFixtures.definition(name))
            let tokens = tokenizer.encode(text, parseSpecial: true)
            #expect(tokenizer.decode(tokens) == text)
        }
    }

    @Test func `one tokenizer serves many tasks at once`() async throws {
        let tokenizer = try Tokenizer(TokenizerFixtures.definition("tiny-smollm"))
        let texts = (0..<200).map { "the cat number \($0) sat on \(String(repeating: "mat ", count: $0 % 7))" }
        let expected = texts.map { tokenizer.encode($0) }
        await withTaskGroup(of: [[TokenID]].self) { group in
            for _ in 0..<8 { group.addTask { texts.map { tokenizer.encode($0) } } }
            for await found in group { #expect(found == expected) }
        }
    }
}

struct PromptSegmentTests {
    private let tokenizer: Tokenizer
    private let endOfTurn: TokenID

    init() throws {
        tokenizer = try Tokenizer(TokenizerFixtures.definition("tiny-tied"))
        endOfTurn = try #require(tokenizer.token(named: "<|eot_id|>"))
    }

    @Test func `a special token counts only in trusted text`() {
        let spelled = tokenizer.encode("<|eot_id|>")
        #expect(spelled.count > 1)
        let segments = [
            PromptSegment(text: "<|eot_id|>", isTrusted: true), PromptSegment(text: "<|eot_id|>", isTrusted: false),
            PromptSegment(text: "<|eot_id|>", isTrusted: true),
        ]
        #expect(tokenizer.encode(segments) == [endOfTurn] + spelled + [endOfTurn])
    }

    @Test(arguments: [
        ([("<|eot", true), ("_id|>", true)], true),
        ([("<|eot", true), ("_id|>", false)], false),
        ([("<|eot", false), ("_id|>", true)], false),
        ([("<|eot", true), ("_", false), ("id|>", true)], false),
        ([("<|eot_id|>", true), ("", false)], true),
        ([("<|eot_", true), ("", true), ("id|>", true)], true),
    ])
    func `a special token counts only if all of its spelling is trusted`(parts: [(String, Bool)], counts: Bool) {
        let segments = parts.map { PromptSegment(text: $0.0, isTrusted: $0.1) }
        let expected = counts ? [endOfTurn] : tokenizer.encode("<|eot_id|>")
        #expect(tokenizer.encode(segments) == expected)
    }

    @Test func `a word across a border of trust is one word`() {
        let text = "the cat sat on the mat, in 2024"
        for cut in 0...text.count {
            let head = String(text.prefix(cut))
            let tail = String(text.dropFirst(cut))
            for isTrusted in [true, false] {
                let segments = [
                    PromptSegment(text: head, isTrusted: isTrusted), PromptSegment(text: tail, isTrusted: !isTrusted),
                ]
                #expect(tokenizer.encode(segments) == tokenizer.encode(text))
            }
        }
    }
}
