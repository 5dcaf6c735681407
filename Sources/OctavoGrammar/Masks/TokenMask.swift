public import OctavoCore

/// A set of tokens: those that may come next.
public struct TokenMask: Sendable, Hashable {
    /// A bit for every token, 64 to a word.
    package private(set) var words: [UInt64]
    /// How many tokens are in it.
    public private(set) var count = 0

    private init(words: [UInt64]) { self.words = words }

    init(vocabularySize: Int) { words = [UInt64](repeating: 0, count: (vocabularySize + 63) / 64) }

    /// Whether a token is in it.
    public func contains(_ token: TokenID) -> Bool {
        let word = Int(token) >> 6
        return words.indices.contains(word) && words[word] >> UInt64(token & 63) & 1 == 1
    }

    /// Adds a token, if it is one of the vocabulary.
    package mutating func insert(_ token: TokenID) {
        let word = Int(token) >> 6
        if words.indices.contains(word) { words[word] |= 1 << UInt64(token & 63) }
    }

    /// Takes a token out.
    package mutating func remove(_ token: TokenID) {
        let word = Int(token) >> 6
        if words.indices.contains(word) { words[word] &= ~(1 << UInt64(token & 63)) }
    }

    /// Takes out all tokens but some.
    package mutating func formIntersection(_ tokens: [TokenID]) {
        var kept = TokenMask(words: [UInt64](repeating: 0, count: words.count))
        for token in tokens where contains(token) { kept.insert(token) }
        kept.countTokens()
        self = kept
    }

    mutating func formUnion(_ other: TokenMask) {
        for index in words.indices { words[index] |= other.words[index] }
    }

    /// To be called after the last insertion.
    mutating func countTokens() { count = words.reduce(0) { $0 + $1.nonzeroBitCount } }
}

// MARK: - Logits

extension TokenMask {
    private typealias Lanes = SIMD16<Float>
    private static let laneBits = SIMD16<UInt32>((0..<16).map { 1 << $0 })
    /// Logits of which the largest is looked for at once.
    private static let block = 1024

    /// Gives the logits of tokens that are not in it the value `banned`.
    package func apply(to logits: UnsafeMutableBufferPointer<Float>, banned: Float) {
        for start in stride(from: 0, to: logits.count, by: 64) {
            let word = word(at: start)
            let end = min(start + 64, logits.count)
            // Most words have nearly all tokens of theirs, or nearly none.
            if word == 0 {
                for index in start..<end { logits[index] = banned }
                continue
            }
            var others = ~word
            while others != 0 {
                let index = start + others.trailingZeroBitCount
                if index < end { logits[index] = banned }
                others &= others - 1
            }
        }
    }

    /// The token in it whose logit is the largest, the lowest of several; all logits are finite.
    package func largest(in logits: UnsafeBufferPointer<Float>) -> TokenID? {
        var best = (value: -Float.infinity, start: 0)
        for start in stride(from: 0, to: logits.count, by: Self.block) {
            let end = min(start + Self.block, logits.count)
            let value = largestValue(in: logits, start..<end)
            if value > best.value { best = (value, start) }
        }
        let place = (best.start..<min(best.start + Self.block, logits.count)).first {
            logits[$0] == best.value && contains(TokenID($0))
        }
        return place.map { TokenID($0) }
    }

    private func largestValue(in logits: UnsafeBufferPointer<Float>, _ range: Range<Int>) -> Float {
        var largest = Lanes(repeating: -.infinity)
        for start in stride(from: range.lowerBound, to: range.upperBound, by: 16) {
            let word = word(at: start) >> UInt64(start & 63) & 0xFFFF
            guard word != 0 else { continue }
            let lanes = Self.lanes(of: logits, at: start)
            let bits = SIMD16<UInt32>(repeating: UInt32(word)) & Self.laneBits
            largest = pointwiseMax(
                largest, word == 0xFFFF ? lanes : lanes.replacing(with: -.infinity, where: bits .== 0))
        }
        return largest.max()
    }

    /// The bits of the 64 tokens among which one is.
    private func word(at place: Int) -> UInt64 { place >> 6 < words.count ? words[place >> 6] : 0 }

    private static func lanes(of logits: UnsafeBufferPointer<Float>, at start: Int) -> Lanes {
        if start + 16 <= logits.count {
            return UnsafeRawBufferPointer(logits).loadUnaligned(fromByteOffset: 4 * start, as: Lanes.self)
        }
        var lanes = Lanes(repeating: -.infinity)
        for lane in 0..<logits.count - start { lanes[lane] = logits[start + lane] }
        return lanes
    }
}
