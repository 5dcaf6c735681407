public import OctavoCore

/// A set of tokens: those that may come next.
public struct TokenMask: Sendable, Hashable {
    /// A bit for every token, 64 to a word.
    package private(set) var words: [UInt64]
    /// How many tokens are in it.
    public private(set) var count = 0

    init(vocabularySize: Int) { words = [UInt64](repeating: 0, count: (vocabularySize + 63) / 64) }

    /// Whether a token is in it.
    public func contains(_ token: TokenID) -> Bool {
        let word = Int(token) >> 6
        return words.indices.contains(word) && words[word] >> UInt64(token & 63) & 1 == 1
    }

    mutating func insert(_ token: TokenID) { words[Int(token) >> 6] |= 1 << UInt64(token & 63) }

    mutating func formUnion(_ other: TokenMask) {
        for index in words.indices { words[index] |= other.words[index] }
    }

    /// To be called after the last insertion.
    mutating func countTokens() { count = words.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// Gives logits of tokens that are not in it the value `banned`; all logits without a bit, too.
    package func apply(to logits: UnsafeMutableBufferPointer<Float>, banned: Float) {
        for start in stride(from: 0, to: logits.count, by: 64) {
            let word = start >> 6 < words.count ? words[start >> 6] : 0
            if word == .max { continue }
            let end = min(start + 64, logits.count)
            if word == 0 {
                for index in start..<end { logits[index] = banned }
            } else {
                for index in start..<end where word >> UInt64(index - start) & 1 == 0 { logits[index] = banned }
            }
        }
    }
}
