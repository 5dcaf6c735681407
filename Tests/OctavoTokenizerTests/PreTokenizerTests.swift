import OctavoCore
import OctavoTokenizer
import Testing

struct PreTokenizerTests {
    @Test(arguments: [
        ("Hello world!\n\nIt's", ["Hello", " world", "!\n\n", "It", "'s"]),
        // At most three digits; a space before a number stays alone.
        ("1234567 89", ["123", "456", "7", " ", "89"]),
        // One character of any kind but newlines, letters and numbers may begin a word.
        ("\tword  word\u{A0}word🦙word((word", ["\tword", " ", " word", "\u{A0}word", "🦙word", "((", "word"]),
        // A curly apostrophe begins a word and is no contraction; a long s makes one.
        ("don’t don't DON'T oo'ſx", ["don", "’t", " don", "'t", " DON", "'T", " oo", "'ſ", "x"]),
        ("'re'VE'Ll'm'D'x", ["'re", "'VE", "'Ll", "'m", "'D", "'x"]),
        // Whitespace goes up to its last newline; the last space before a word belongs to it.
        ("a \n \n  b", ["a", " \n \n", " ", " b"]),
        ("  \r\n\r\n  ", ["  \r\n\r\n", "  "]),
        ("  5", [" ", " ", "5"]),
        // Punctuation takes newlines along, and one space before it.
        ("x ...\r\n\n  y", ["x", " ...\r\n\n", " ", " y"]),
        // A combining mark is no letter: it ends a word and may begin the next.
        ("e\u{301}aก\u{0E34}ก", ["e", "\u{301}aก", "\u{0E34}ก"]),
        // U+0085 is whitespace, U+200B and U+001C are not.
        ("\u{85} a\u{200B}a\u{1C}\u{200B}5", ["\u{85}", " a", "\u{200B}a", "\u{1C}\u{200B}", "5"]),
    ])
    func `Llama 3's rule cuts text as its regular expression does`(text: String, pieces: [String]) {
        #expect(PreTokenizer.llama3.pieces(of: text).map { Array($0.utf8) } == pieces.map { Array($0.utf8) })
    }

    @Test(arguments: [
        ("Hello world!\n\nIt's", ["Hello", " world", "!", "\n", "\n", "It", "'s"]),
        ("1234567 89", ["1234567", " 89"]),
        // Contractions are lowercase; only a space begins a word.
        ("DON'T\tword\u{A0}word", ["DON", "'", "T", "\t", "word", "\u{A0}", "word"]),
        ("  a  ... \n", [" ", " a", " ", " ...", " \n"]),
        ("   5", ["  ", " 5"]),
    ])
    func `GPT-2's rule cuts text as its regular expression does`(text: String, pieces: [String]) {
        #expect(PreTokenizer.gpt2.pieces(of: text).map { Array($0.utf8) } == pieces.map { Array($0.utf8) })
    }

    @Test(arguments: [
        ("a12b²Ⅷ ٣", ["a", "1", "2", "b", "²", "Ⅷ", " ", "٣"]),
        // The text before a number ends there, so that no space is left for it.
        ("  5  ", ["  ", "5", "  "]),
        ("x \n 7's", ["x", " \n ", "7", "'s"]),
        // A number newer than the other rules' version of Unicode.
        ("a\u{16FF4}\u{16FF5}", ["a", "\u{16FF4}", "\u{16FF5}"]),
    ])
    func `SmolLM2's rule cuts off every number first`(text: String, pieces: [String]) {
        #expect(PreTokenizer.smollm.pieces(of: text).map { Array($0.utf8) } == pieces.map { Array($0.utf8) })
    }

    @Test(arguments: ["llama3", "gpt2", "smollm"])
    func `the pieces are those of Hugging Face tokenizers`(name: String) throws {
        let rule = try #require(["llama3": PreTokenizer.llama3, "gpt2": .gpt2, "smollm": .smollm][name])
        for line in try TokenizerFixtures.cases() {
            let text = try #require(line["text"]?.stringValue)
            let expected = try #require(line["pieces"]?[name]).strings()
            #expect(
                rule.pieces(of: text).elementsEqual(expected) { $0.hasSameBytes(as: $1) }, "\(text.debugDescription)")
        }
    }

    @Test func `a text without characters has no pieces`() {
        #expect(PreTokenizer.llama3.pieces(of: "").isEmpty)
    }
}
