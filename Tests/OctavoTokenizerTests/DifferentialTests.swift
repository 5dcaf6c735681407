import Foundation
import OctavoCore
import OctavoTestSupport
import OctavoTokenizer
import Testing

/// Random texts and random vocabularies, against byte-pair encoding as it is defined.
struct DifferentialTests {
    @Test(arguments: TokenizerFixtures.tinyNames)
    func `random texts have the tokens of the plain algorithm`(name: String) throws {
        try compare(TokenizerFixtures.definition(name), texts: 1500)
    }

    @Test(
        .enabled(
            if: TokenizerFixtures.realVocabularies != nil,
            "needs $OCTAVO_TOKENIZER_JSON_DIR with llama3 and smollm2.tokenizer.json"),
        arguments: ["llama3", "smollm2"])
    func `random texts have the tokens of the plain algorithm in real vocabularies`(name: String) throws {
        let file = try #require(TokenizerFixtures.realVocabularies).appending(path: "\(name).tokenizer.json")
        try compare(
            TokenizerDefinition(tokenizerJSON: TokenizerFixtures.bytes(of: file), path: file.path), texts: 4000)
    }

    /// Tokens that hold parts of characters, merges that rank below those of their own parts, tokens never reached: all
    /// that could make taking characters for tokens from the start, or leaving merges out, go wrong.
    @Test func `random vocabularies merge as the plain algorithm does`() throws {
        var random = SeededGenerator.random()
        for _ in 0..<300 {
            let definition = RandomVocabulary.make(&random)
            let tokenizer = try Tokenizer(definition)
            let plain = PlainEncoder(definition)
            for _ in 0..<40 {
                let characters = (0..<Int.random(in: 1...40, using: &random)).map { _ in
                    RandomVocabulary.alphabet.randomElement(using: &random)!
                }
                let text = characters.joined()
                #expect(tokenizer.encode(text) == plain.encode(text), "\(random), \(text)")
            }
        }
    }

    private func compare(_ definition: TokenizerDefinition, texts: Int) throws {
        let tokenizer = try Tokenizer(definition)
        let plain = PlainEncoder(definition)
        var random = SeededGenerator.random()
        let spellings = definition.tokens.filter { $0.kind == .text }.map(\.bytes)
        for _ in 0..<texts {
            let text = RandomText.make(spellings, &random)
            let tokens = tokenizer.encode(text)
            #expect(tokens == plain.encode(text), "\(random), \(text.debugDescription)")
            #expect(tokenizer.countTokens(text) == tokens.count)
        }
    }
}

/// Byte-pair encoding as it is defined, without any haste; special and added tokens are text.
private struct PlainEncoder {
    private struct Pair: Hashable {
        var left: TokenID
        var right: TokenID
    }

    private let definition: TokenizerDefinition
    private var merges: [Pair: (rank: Int32, result: TokenID)] = [:]
    private var tokens: [[UInt8]: TokenID] = [:]
    private var bytes: [UInt8: TokenID] = [:]

    init(_ definition: TokenizerDefinition) {
        self.definition = definition
        for merge in definition.merges {
            merges[Pair(left: merge.left, right: merge.right)] = (merge.rank, merge.result)
        }
        for (id, token) in definition.tokens.enumerated() where token.kind == .text {
            tokens[token.bytes] = tokens[token.bytes] ?? TokenID(id)
            if token.bytes.count == 1 { bytes[token.bytes[0]] = bytes[token.bytes[0]] ?? TokenID(id) }
        }
    }

    func encode(_ text: String) -> [TokenID] {
        definition.preTokenizer.pieces(of: text).flatMap { piece in
            if definition.ignoresMerges, let token = tokens[Array(piece.utf8)] { return [token] }
            return merge(piece.utf8.compactMap { bytes[$0] ?? definition.unknownToken })
        }
    }

    private func merge(_ symbols: [TokenID]) -> [TokenID] {
        var symbols = symbols
        while true {
            var lowest: (index: Int, rank: Int32, result: TokenID)?
            for index in symbols.indices.dropLast() {
                guard let merge = merges[Pair(left: symbols[index], right: symbols[index + 1])] else { continue }
                if merge.rank < lowest?.rank ?? .max { lowest = (index, merge.rank, merge.result) }
            }
            guard let lowest else { return symbols }
            symbols.replaceSubrange(lowest.index...lowest.index + 1, with: [lowest.result])
        }
    }
}

private enum RandomText {
    private static let scripts: [ClosedRange<UInt32>] = [
        0x20...0x7E, 0xA0...0x24F, 0x370...0x52F, 0x5D0...0x6FF, 0x900...0xDFF, 0xE00...0xEFF, 0x1E00...0x1FFF,
        0x2000...0x206F, 0x3000...0x30FF, 0x4E00...0x5500, 0xAC00...0xB200, 0x1F300...0x1F6FF, 0x1...0xD7FF,
        0x10000...0x10FFFF,
    ]

    static func make(_ spellings: [[UInt8]], _ random: inout SeededGenerator) -> String {
        func characters(_ ranges: [ClosedRange<UInt32>], _ count: ClosedRange<Int>) -> String {
            let script = ranges.randomElement(using: &random)!
            let scalars = (0..<Int.random(in: count, using: &random)).map { _ in
                Unicode.Scalar(UInt32.random(in: script, using: &random)) ?? "\u{FFFD}"
            }
            return String(String.UnicodeScalarView(scalars))
        }
        func choice(_ parts: [String], _ count: ClosedRange<Int>) -> String {
            (0..<Int.random(in: count, using: &random)).map { _ in parts.randomElement(using: &random)! }.joined()
        }
        switch Int.random(in: 0..<5, using: &random) {
        case 0: return characters(scripts, 1...30)
        case 1:
            // Tokens may end inside characters; what does not fit together is repaired.
            let glued = (0..<Int.random(in: 1...9, using: &random)).flatMap { _ in
                spellings.randomElement(using: &random)!
            }
            return String(decoding: glued, as: UTF8.self)
        case 2: return choice([" ", "  ", "\n", "\r\n", "\t", "\u{A0}", "\u{3000}", "a", "5", "'s", "."], 1...20)
        case 3:
            let letters = [["a", "b"], ["="], ["н", "е", "т"], ["的", "一"], ["ก", "ิ", "่"], ["é", "a"]]
            return choice(letters.randomElement(using: &random)!, 1...200)
        default:
            return characters(scripts, 1...8) + choice([" ", "'", "ll", "đ", "。"], 1...4) + characters(scripts, 1...8)
        }
    }
}

private enum RandomVocabulary {
    static let alphabet = ["a", "b", " ", "é", "è", "ж", "д", "的", "白", "、"]

    /// All bytes but one or two as tokens, and merges of whatever there is already, in an order of chance.
    static func make(_ random: inout SeededGenerator) -> TokenizerDefinition {
        var tokens = (0...UInt8.max).map { TokenizerDefinition.Token(bytes: [$0], kind: .text) }
        for byte in [UInt8(ascii: "b"), 0xC3] where Bool.random(using: &random) {
            tokens[Int(byte)] = .init(bytes: [], kind: .unused)
        }
        var ids: [[UInt8]: TokenID] = [:]
        for (id, token) in tokens.enumerated() where token.kind == .text { ids[token.bytes] = TokenID(id) }
        var merges: [TokenizerDefinition.Merge] = []
        let text = Array((0..<200).map { _ in alphabet.randomElement(using: &random)! }.joined().utf8)
        for _ in 0..<Int.random(in: 50...2000, using: &random) {
            // Two tokens that stand side by side somewhere in the text.
            let start = Int.random(in: 0..<text.count - 12, using: &random)
            let middle = start + Int.random(in: 1...5, using: &random)
            let end = middle + Int.random(in: 1...5, using: &random)
            guard let left = ids[Array(text[start..<middle])], let right = ids[Array(text[middle..<end])] else {
                continue
            }
            let bytes = Array(text[start..<end])
            let result = ids[bytes] ?? TokenID(tokens.count)
            if ids.updateValue(result, forKey: bytes) == nil { tokens.append(.init(bytes: bytes, kind: .text)) }
            if merges.contains(where: { $0.left == left && $0.right == right }) { continue }
            merges.append(.init(left: left, right: right, result: result, rank: 0))
        }
        merges.shuffle(using: &random)
        for rank in merges.indices { merges[rank].rank = Int32(rank) }
        return TokenizerDefinition(
            path: "random", tokens: tokens, merges: merges, preTokenizer: .llama3,
            ignoresMerges: Bool.random(using: &random))
    }
}
