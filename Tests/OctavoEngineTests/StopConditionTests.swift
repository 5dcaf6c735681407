import OctavoCore
import OctavoEngine
import Testing

@Suite struct StopConditionTests {
    @Test func `text is assembled from tokens until the maximum`() {
        let end = run(["Hello", ",", " world"]) { $0.maxTokens = 3 }
        #expect(end == Ending(reason: .length, tokens: 3, text: "Hello, world", tokensInText: 3))
    }

    @Test func `an end token ends the text without standing in it`() {
        let end = run(["Hi", "<end>", "never"]) { $0.maxTokens = 9 }
        #expect(end == Ending(reason: .stop, tokens: 2, text: "Hi", tokensInText: 1))
    }

    @Test func `an end token that is ignored is an ordinary token`() {
        let end = run(["Hi", "<end>", "!"]) {
            $0.maxTokens = 3
            $0.ignoresEndTokens = true
        }
        #expect(end == Ending(reason: .length, tokens: 3, text: "Hi!", tokensInText: 3))
    }

    @Test func `a stop token of the request ends it even when the model's are ignored`() {
        let end = run(["a", "b", "c"]) {
            $0.stopTokenIDs = [1]
            $0.ignoresEndTokens = true
        }
        #expect(end == Ending(reason: .stop, tokens: 2, text: "a", tokensInText: 1))
    }

    @Test(arguments: [
        // Spanning tokens, within one, at the start, and ending in the middle of one.
        (["one", " tw", "o thr", "ee"], ["two"], "one ", 2, 3), (["one two three"], ["two"], "one ", 1, 1),
        (["STOP", "x"], ["STOP"], "", 0, 1), (["ab", "cd", "ef"], ["bcde"], "a", 1, 3),
        // The last byte of a stop string arrives alone.
        (["a", "b", "c", "d"], ["abcd"], "", 0, 4),
        // A prefix that fails must not hide a match that overlaps it.
        (["aa", "ab"], ["aab"], "a", 1, 2), (["aba", "bac"], ["abac"], "ab", 1, 2),
    ])
    func `a stop string is found wherever its bytes fall`(
        tokens: [String], stops: [String], text: String, tokensInText: Int, count: Int
    ) {
        let end = run(tokens) { $0.stop = stops }
        #expect(end == Ending(reason: .stop, tokens: count, text: text, tokensInText: tokensInText))
    }

    @Test func `the stop string that begins first counts, in whatever order they are given`() {
        for stops in [["world", "lo"], ["lo", "world"], ["lo wor", "world"]] {
            #expect(run(["Hello world!"]) { $0.stop = stops }.text == "Hel")
        }
    }

    @Test func `the stop string stays when it is asked for, what follows it in its token does not`() {
        let end = run(["one", " two three"]) {
            $0.stop = ["two"]
            $0.includesStop = true
        }
        #expect(end == Ending(reason: .stop, tokens: 2, text: "one two", tokensInText: 2))
    }

    @Test func `stop strings of several bytes a character are matched across tokens that split them`() {
        let bytes = Array("Grüße 👋 end".utf8)
        let end = run(bytes.map { [$0] }) { $0.stop = ["👋"] }
        #expect(end.text == "Grüße " && end.reason == .stop)
        #expect(end.tokens == "Grüße 👋".utf8.count)
    }

    @Test func `a character cut in half is repaired`() {
        let end = run([Array("aé".utf8.dropLast()), Array("x".utf8)]) { $0.maxTokens = 2 }
        #expect(end.text == "a\u{FFFD}x")
    }

    @Test func `stop strings do not count before the minimum`() {
        let end = run(["x", ".", "y", ".", "z"]) {
            $0.stop = ["."]
            $0.minTokens = 3
        }
        #expect(end == Ending(reason: .stop, tokens: 4, text: "x.y", tokensInText: 3))
    }

    @Test func `a stop string wins over the maximum that is reached with it`() {
        let end = run(["a", "b"]) {
            $0.stop = ["b"]
            $0.maxTokens = 2
        }
        #expect(end.reason == .stop && end.text == "a")
    }

    @Test func `the token that ends a text stays when stops are kept, unless it is special`() {
        let kept = run(["a", "b"]) {
            $0.stopTokenIDs = [1]
            $0.includesStop = true
        }
        #expect(kept == Ending(reason: .stop, tokens: 2, text: "ab", tokensInText: 2))
        let special = run(["a", "<end>"]) { $0.includesStop = true }
        #expect(special == Ending(reason: .stop, tokens: 2, text: "a", tokensInText: 1))
        let spelled = run(["a", "<end>"]) {
            $0.includesStop = true
            $0.skipsSpecialTokens = false
        }
        #expect(spelled == Ending(reason: .stop, tokens: 2, text: "a<end>", tokensInText: 2))
    }

    @Test func `special tokens are spelled on demand, and stop strings find them`() {
        let end = run(["a", "<special>", "b"]) {
            $0.maxTokens = 3
            $0.skipsSpecialTokens = false
        }
        #expect(end.text == "a<special>b")
        let stopped = run(["a", "<special>", "b"]) {
            $0.stop = ["l>b"]
            $0.skipsSpecialTokens = false
        }
        #expect(stopped.text == "a<specia")
    }

    @Test func `any number of stop strings is watched for`() {
        let stops = (0..<40).map { "never-\($0)" } + ["ne t"]
        #expect(run(["one", " two"]) { $0.stop = stops }.text == "o")
    }

    @Test func `special tokens are left out of the text`() {
        let end = run(["a", "<special>", "b"]) { $0.maxTokens = 3 }
        #expect(end.text == "ab")
    }
}

// MARK: - Helpers

extension StopConditionTests {
    private struct Ending: Equatable {
        var reason: FinishReason?
        var tokens: Int
        var text: String
        var tokensInText: Int
    }

    /// Token i stands for the i-th of some bytes.
    private struct Pieces: TokenDecoding {
        var pieces: [[UInt8]]

        func bytes(of token: TokenID) -> [UInt8] { pieces[Int(token)] }
        func isSpecial(_ token: TokenID) -> Bool { bytes(of: token).first == UInt8(ascii: "<") }
    }

    private func run(_ texts: [String], _ configure: (inout SamplingParameters) -> Void) -> Ending {
        run(texts.map { Array($0.utf8) }, configure)
    }

    private func run(_ pieces: [[UInt8]], _ configure: (inout SamplingParameters) -> Void) -> Ending {
        var parameters = SamplingParameters()
        configure(&parameters)
        let end = pieces.firstIndex(of: Array("<end>".utf8)).map { [TokenID($0)] } ?? []
        var condition = StopCondition(parameters: parameters, endTokens: Set(end))
        var count = 0
        var reason: FinishReason?
        while reason == nil, count < pieces.count {
            reason = condition.append(TokenID(count), decoding: Pieces(pieces: pieces))
            count += 1
        }
        return Ending(
            reason: reason, tokens: count, text: condition.string, tokensInText: condition.tokensInText)
    }
}
