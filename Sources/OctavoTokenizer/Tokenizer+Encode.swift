public import OctavoCore
import Synchronization

extension Tokenizer {
    /// The tokens of `text`, without BOS.
    ///
    /// - Parameter parseSpecial: whether the spelling of a special token stands for it; if not, it is plain text.
    /// - Complexity: O(n log n) at worst, in the bytes of the longest word.
    public func encode(_ text: String, parseSpecial: Bool = false) -> [TokenID] {
        var text = text
        return text.withUTF8 { bytes in
            withTokens(of: bytes, trusted: parseSpecial ? [0..<bytes.count] : []) { Array($0) }
        }
    }

    /// The tokens of bytes that should be UTF-8; each maximal ill-formed part is read as U+FFFD.
    public func encode(_ bytes: some Collection<UInt8>, parseSpecial: Bool = false) -> [TokenID] {
        encode(String(decoding: bytes, as: UTF8.self), parseSpecial: parseSpecial)
    }

    /// The tokens of a prompt, without any BOS but that which the segments spell.
    ///
    /// A special token counts only if all of its spelling is trusted. Apart from that the segments are one text, but for
    /// those that say they are apart: a word that spans two of them is one word.
    public func encode(_ segments: [PromptSegment]) -> [TokenID] {
        Self.texts(of: segments).flatMap { withTokens(of: $0) { Array($0) } }
    }

    /// The number of tokens of `text` as `encode` gives them, special-token spellings being plain text.
    public func countTokens(_ text: String) -> Int {
        var text = text
        return text.withUTF8 { withTokens(of: $0, trusted: []) { $0.count } }
    }

    /// The number of tokens of a prompt as `encode` gives them.
    public func countTokens(_ segments: [PromptSegment]) -> Int {
        Self.texts(of: segments).reduce(0) { $0 + withTokens(of: $1) { $0.count } }
    }

    /// The segments parted where one is apart from those before it.
    private static func texts(of segments: [PromptSegment]) -> [ArraySlice<PromptSegment>] {
        var texts: [ArraySlice<PromptSegment>] = []
        var rest = segments[...]
        while !rest.isEmpty {
            let end = rest.dropFirst().firstIndex(where: \.isApart) ?? rest.endIndex
            texts.append(rest[..<end])
            rest = rest[end...]
        }
        return texts
    }

    /// Forgets what earlier texts have left behind to make later ones faster, for measurements of texts never seen.
    package func forgetTexts() { idleEncoders.withLock { $0.removeAll() } }

    private func withTokens<Result>(
        of segments: ArraySlice<PromptSegment>, _ body: (UnsafeBufferPointer<TokenID>) -> Result
    ) -> Result {
        var bytes: [UInt8] = []
        var trusted: [Range<Int>] = []
        for segment in segments {
            let start = bytes.count
            bytes.append(contentsOf: segment.text.utf8)
            guard segment.isTrusted else { continue }
            if let last = trusted.last, last.upperBound == start {
                trusted[trusted.count - 1] = last.lowerBound..<bytes.count
            } else {
                trusted.append(start..<bytes.count)
            }
        }
        return bytes.withUnsafeBufferPointer { withTokens(of: $0, trusted: trusted, body) }
    }

    /// Calls `body` with the tokens of `text`, which are gone when it returns.
    ///
    /// - Parameter text: valid UTF-8.
    /// - Parameter trusted: where special tokens count, in order and apart.
    private func withTokens<Result>(
        of text: UnsafeBufferPointer<UInt8>, trusted: [Range<Int>], _ body: (UnsafeBufferPointer<TokenID>) -> Result
    ) -> Result {
        let encoder = idleEncoders.withLock { $0.popLast() } ?? Encoder()
        defer { idleEncoders.withLock { $0.append(encoder) } }
        var trusted = trusted[...]
        var start = 0
        while let match = addedTokens.firstMatch(in: text, from: start, trusted: &trusted) {
            encoder.append(UnsafeBufferPointer(rebasing: text[start..<match.range.lowerBound]), by: self)
            encoder.append(match.token)
            start = match.range.upperBound
        }
        encoder.append(UnsafeBufferPointer(rebasing: text[start...]), by: self)
        return encoder.takeTokens(body)
    }
}
