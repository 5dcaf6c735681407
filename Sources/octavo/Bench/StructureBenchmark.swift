import OctavoCore
import OctavoGrammar
import OctavoTokenizer

/// Measures what structures cost: how long they take to make, and their masks in texts drawn at random, the first time that
/// they are needed and when they are known.
struct StructureBenchmark {
    private static let texts = 16
    private static let tokensPerText = 128

    let tokenizer: Tokenizer
    let runs: Int
    let report: BenchReport

    /// What a run took, in seconds; the masks for each token.
    private struct Times {
        var tree = 0.0
        var compile = 0.0
        var first = 0.0
        var again = 0.0
    }

    /// Measures one structure in a library that has no other.
    func measure(_ name: String, _ language: OutputStructure.Language) throws(StructureError) {
        var samples: [Times] = []
        for _ in 0..<runs { samples.append(try run(OutputStructure(language, parameter: name))) }
        let which = [("structure", name), ("vocabulary", "\(tokenizer.vocabularySize)")]
        func line(_ what: String, _ unit: String, _ scale: Double, _ times: (Times) -> Double) {
            report.line("structure, \(what)", which, samples: samples.map { scale * times($0) }, unit: unit)
        }
        line("tree of the vocabulary", "ms", 1e3, \.tree)
        line("compile", "ms", 1e3, \.compile)
        line("first masks", "us/token", 1e6, \.first)
        line("known masks", "us/token", 1e6, \.again)
    }

    private func run(_ structure: OutputStructure) throws(StructureError) -> Times {
        var times = Times()
        let library = StructureLibrary(vocabularySize: tokenizer.vocabularySize, decoding: tokenizer)
        let start = ContinuousClock.now
        _ = try library.matcher(for: OutputStructure(.choice(["x"]), parameter: ""))
        times.tree = (ContinuousClock.now - start) / .seconds(1)
        let compileStart = ContinuousClock.now
        let matcher = try library.matcher(for: structure)
        times.compile = (ContinuousClock.now - compileStart) / .seconds(1)
        times.first = try maskTime(from: matcher)
        times.again = try maskTime(from: matcher)
        return times
    }

    /// The seconds that a token takes: its mask, and the step over it. The texts are the same every time.
    private func maskTime(from beginning: StructureMatcher) throws(StructureError) -> Double {
        let quotes = tokenizer.encode("\"")
        var duration = Duration.zero
        var tokens = 0
        for text in 0..<Self.texts {
            var matcher = beginning
            for place in 0..<Self.tokensPerText where !matcher.isFinished {
                let start = ContinuousClock.now
                let mask = try matcher.mask()
                duration += ContinuousClock.now - start
                // A word now and then, so that strings end.
                let isEnd = place % 8 == 7 && quotes.first.map(mask.contains) == true
                guard let token = isEnd ? quotes.first : pick(from: mask, text * 1009 + place) else { break }
                let bytes = tokenizer.bytes(of: token)
                let step = ContinuousClock.now
                _ = try matcher.advance(over: bytes)
                duration += ContinuousClock.now - step
                tokens += 1
            }
        }
        return duration / .seconds(1) / Double(max(tokens, 1))
    }

    /// The first token of a mask from some id on.
    private func pick(from mask: TokenMask, _ number: Int) -> TokenID? {
        let count = tokenizer.vocabularySize
        let start = number * 7919 % count
        return (0..<count).lazy.map { TokenID((start + $0) % count) }.first(where: mask.contains)
    }
}
