import OctavoCore
import OctavoTokenizer
import Testing

struct DecodingTests {
    @Test(arguments: TokenizerFixtures.tinyNames)
    func `decoding gives the text back`(name: String) throws {
        let definition = try TokenizerFixtures.definition(name)
        let tokenizer = try Tokenizer(definition)
        let hasEveryByte = Set(definition.tokens.filter { $0.bytes.count == 1 }).count == 256
        for line in try TokenizerFixtures.cases() {
            let text = try #require(line["text"]?.stringValue)
            guard hasEveryByte || text.utf8.allSatisfy({ $0 >= 0x20 }) else { continue }
            #expect(tokenizer.decode(tokenizer.encode(text)).hasSameBytes(as: text))
            let trusted = tokenizer.encode(text, parseSpecial: true)
            #expect(tokenizer.decode(trusted).hasSameBytes(as: text))
            #expect(trusted.flatMap { tokenizer.bytes(of: $0) } == Array(text.utf8))
        }
    }

    @Test func `special tokens are spelled or skipped`() throws {
        let tokenizer = try Tokenizer(TokenizerFixtures.definition("tiny-smollm"))
        let tokens = tokenizer.encode("<|im_start|>user\n<|im_end|>", parseSpecial: true)
        #expect(tokenizer.decode(tokens) == "<|im_start|>user\n<|im_end|>")
        #expect(tokenizer.decode(tokens, skipSpecial: true) == "user\n")
        #expect(tokens.filter(tokenizer.isSpecial) == [1, 2])
    }

    @Test(arguments: [-1, 100_000, .min, .max] as [TokenID])
    func `an id outside the vocabulary stands for nothing`(id: TokenID) throws {
        let tokenizer = try Tokenizer(TokenizerFixtures.definition("tiny-tied"))
        #expect(tokenizer.bytes(of: id).isEmpty)
        #expect(!tokenizer.isSpecial(id))
        #expect(tokenizer.decode([id]).isEmpty)
    }
}

struct StreamingDecoderTests {
    /// A vocabulary of the 256 bytes, of which 0x24 is special.
    private struct ByteTokens: TokenDecoding {
        func bytes(of token: TokenID) -> [UInt8] { [UInt8(truncatingIfNeeded: token)] }
        func isSpecial(_ token: TokenID) -> Bool { token == 0x24 }
    }

    /// A byte of every kind that UTF-8 tells apart, and the borders between them.
    private static let telling: [UInt8] = [
        0x41, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xF0, 0xF1, 0xF4,
        0xF5,
    ]

    @Test func `pieces and end together are the text, whatever the bytes`() {
        let radix = Self.telling.count
        for number in 0..<radix * radix * radix * radix {
            var digits = number
            let bytes = (0..<4).map { _ in
                defer { digits /= radix }
                return Self.telling[digits % radix]
            }
            var decoder = StreamingDecoder(ByteTokens())
            var text = ""
            for byte in bytes { text += decoder.append(TokenID(byte)) }
            text += decoder.finish()
            guard text.hasSameBytes(as: String(decoding: bytes, as: UTF8.self)) else {
                Issue.record("\(bytes) came out as \(text.debugDescription)")
                return
            }
        }
    }

    @Test func `half a character is kept back until it is whole or cannot be`() {
        var decoder = StreamingDecoder(ByteTokens())
        #expect([0xF0, 0x9F, 0xA6, 0x99].map { decoder.append($0) } == ["", "", "", "🦙"])
        #expect([0xE2, 0x82, 0x41].map { decoder.append($0) } == ["", "", "\u{FFFD}A"])
        // No character begins E0 80: neither byte can become part of one.
        #expect([0xE0, 0x80].map { decoder.append($0) } == ["", "\u{FFFD}\u{FFFD}"])
        #expect(decoder.append(0xC3) == "")
        #expect(decoder.finish() == "\u{FFFD}")
        #expect(decoder.finish() == "")
        #expect(decoder.append(0x41) == "A")
    }

    @Test func `skipped special tokens leave no trace`() {
        var decoder = StreamingDecoder(ByteTokens(), skipSpecial: true)
        #expect([0xC3, 0x24, 0xA9, 0x24].map { decoder.append($0) } == ["", "", "é", ""])
    }
}
