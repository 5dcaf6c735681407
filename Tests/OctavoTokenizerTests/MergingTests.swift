import OctavoCore
import OctavoTokenizer
import Testing

/// Small vocabularies made by hand.
struct MergingTests {
    /// Single letters a to d and further tokens of them; every token but those in `unreachable` is one merge, ranked in
    /// order, of the first two tokens it can be cut into.
    private static func definition(
        _ tokens: [String], unreachable: Set<String> = [], ignoresMerges: Bool = false
    ) -> TokenizerDefinition {
        let spellings = ["a", "b", "c", "d"] + tokens
        func id(_ spelling: some StringProtocol) -> TokenID? {
            spellings.firstIndex { $0 == spelling }.map { TokenID($0) }
        }
        var merges: [TokenizerDefinition.Merge] = []
        for token in tokens where !unreachable.contains(token) {
            for cut in 1..<token.count {
                guard let left = id(token.prefix(cut)), let right = id(token.dropFirst(cut)), let result = id(token)
                else { continue }
                merges.append(.init(left: left, right: right, result: result, rank: Int32(merges.count)))
                break
            }
        }
        return TokenizerDefinition(
            path: "handmade", tokens: spellings.map { .init(bytes: Array($0.utf8), kind: .text) }, merges: merges,
            preTokenizer: .llama3, ignoresMerges: ignoresMerges)
    }

    @Test(arguments: [
        ("aaa", ["aa", "a"]), ("aaaa", ["aaaa"]), ("aaaaaaa", ["aaaa", "aa", "a"]),
        // bc has the lower rank, although ab stands left of it.
        ("abc", ["a", "bc"]), ("ab", ["ab"]), ("dabcd", ["d", "a", "bc", "d"]),
    ])
    func `the lowest rank is merged first, then the leftmost pair`(text: String, expected: [String]) throws {
        let tokenizer = try Tokenizer(Self.definition(["aa", "bc", "ab", "aaaa"]))
        #expect(tokenizer.encode(text).map { tokenizer.decode([$0]) } == expected)
    }

    @Test func `a whole piece is looked up where the vocabulary ignores merges, and only a whole one`() throws {
        let looking = try Tokenizer(Self.definition(["ab", "abc"], unreachable: ["abc"], ignoresMerges: true))
        #expect(looking.encode("abc") == [5])
        #expect(looking.encode("abcd") == [4, 2, 3])
        let merging = try Tokenizer(Self.definition(["ab", "abc"], unreachable: ["abc"]))
        #expect(merging.encode("abc") == [4, 2])
    }

    @Test func `a byte without a token is dropped before merging, or is the unknown token`() throws {
        var definition = Self.definition(["ab", "abc"])
        #expect(try Tokenizer(definition).encode("aXbXc") == [5])
        definition.unknownToken = 3
        #expect(try Tokenizer(definition).encode("aXb") == [0, 3, 1])
    }

    @Test func `pieces of every length are merged as the plain algorithm merges them`() throws {
        let definition = Self.definition(["ab", "ba", "aa", "abab", "bab", "aab", "cab", "abc", "ababab"])
        let tokenizer = try Tokenizer(definition)
        var random = SystemRandomNumberGenerator()
        for length in 1...150 {
            for _ in 0..<20 {
                let letters = (0..<length).map { _ in TokenID(Int.random(in: 0..<3, using: &random)) }
                let text = tokenizer.decode(letters)
                #expect(tokenizer.encode(text) == Self.plainMerge(letters, definition.merges), "\(text)")
            }
        }
    }

    /// Byte-pair encoding as it is defined, without any haste.
    private static func plainMerge(_ letters: [TokenID], _ merges: [TokenizerDefinition.Merge]) -> [TokenID] {
        var tokens = letters
        while true {
            let candidates = tokens.indices.dropLast().compactMap { index in
                merges.first { $0.left == tokens[index] && $0.right == tokens[index + 1] }.map { (index, $0) }
            }
            guard let (index, merge) = candidates.min(by: { $0.1.rank < $1.1.rank }) else { return tokens }
            tokens.replaceSubrange(index...index + 1, with: [merge.result])
        }
    }

    @Test func `added tokens are found leftmost and longest, special ones only in trusted text`() throws {
        var definition = Self.definition(["ab"])
        for (spelling, kind) in [
            ("<a>", TokenizerDefinition.TokenKind.special), ("<a><b>", .special), ("{x}", .added), ("{x}{y}", .special),
        ] { definition.tokens.append(.init(bytes: Array(spelling.utf8), kind: kind)) }
        let tokenizer = try Tokenizer(definition)
        #expect(tokenizer.encode("ab<a><b>c<a>{x}{y}", parseSpecial: true) == [4, 6, 2, 5, 8])
        #expect(tokenizer.encode("ab{x}{x}{y}c") == [4, 7, 7, 2])
        #expect(tokenizer.token(named: "{x}") == 7)
        #expect(tokenizer.token(named: "ab") == nil)
    }

    @Test(arguments: [
        (TokenizerDefinition.Merge(left: 0, right: 1, result: 99, rank: 0), "merge 0"),
        (TokenizerDefinition.Merge(left: -1, right: 1, result: 4, rank: 0), "merge 0"),
        (TokenizerDefinition.Merge(left: 0, right: 1, result: 4, rank: -1), "merge 0"),
        (TokenizerDefinition.Merge(left: 0, right: 2, result: 4, rank: 0), "merge 0"),
        (TokenizerDefinition.Merge(left: 1, right: 0, result: 4, rank: 0), "merge 0"),
    ])
    func `a merge of tokens that are not there, or not of its parts, is refused`(
        merge: TokenizerDefinition.Merge, key: String
    ) throws {
        var definition = Self.definition(["ab"])
        definition.merges = [merge]
        let error = try #require(throws: TokenizerError.self) { try Tokenizer(definition) }
        #expect(error.key == key)
        #expect(error.path == "handmade")
    }

    @Test func `two merges of one rank must make one token`() throws {
        var definition = Self.definition(["ab", "bc"])
        definition.merges[1].rank = definition.merges[0].rank
        #expect(try #require(throws: TokenizerError.self) { try Tokenizer(definition) }.key == "merge 1")
    }

    @Test func `an id outside the vocabulary is refused as BOS or end token`() throws {
        var definition = Self.definition([])
        definition.bosToken = 4
        #expect(try #require(throws: TokenizerError.self) { try Tokenizer(definition) }.key == "BOS token")
        definition.bosToken = 0
        definition.endTokens = [1, -7]
        #expect(try #require(throws: TokenizerError.self) { try Tokenizer(definition) }.key == "end token")
    }
}
