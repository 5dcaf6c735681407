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
            encode(bytes, trusted: parseSpecial ? [0..<bytes.count] : [])
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
        var tokens: [TokenID] = []
        var rest = segments[...]
        while !rest.isEmpty {
            let end = rest.dropFirst().firstIndex(where: \.isApart) ?? rest.endIndex
            tokens += encode(text: rest[..<end])
            rest = rest[end...]
        }
        return tokens
    }

    /// The tokens of segments that are one text.
    private func encode(text segments: ArraySlice<PromptSegment>) -> [TokenID] {
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
        return bytes.withUnsafeBufferPointer { encode($0, trusted: trusted) }
    }

    /// The number of tokens of `text` as `encode` gives them, special-token spellings being plain text.
    public func countTokens(_ text: String) -> Int { encode(text).count }

    /// - Parameter text: valid UTF-8.
    /// - Parameter trusted: where special tokens count, in order and apart.
    private func encode(_ text: UnsafeBufferPointer<UInt8>, trusted: [Range<Int>]) -> [TokenID] {
        var cache = idleCaches.withLock { $0.popLast() } ?? PieceCache()
        defer { idleCaches.withLock { $0.append(cache) } }
        var tokens: [TokenID] = []
        // Most texts have a token for every three to five bytes.
        tokens.reserveCapacity(text.count / 3 + 1)
        var trusted = trusted[...]
        var start = 0
        while let match = addedTokens.firstMatch(in: text, from: start, trusted: &trusted) {
            appendPlain(UnsafeBufferPointer(rebasing: text[start..<match.range.lowerBound]), to: &tokens, &cache)
            tokens.append(match.token)
            start = match.range.upperBound
        }
        appendPlain(UnsafeBufferPointer(rebasing: text[start...]), to: &tokens, &cache)
        return tokens
    }

    /// Appends the tokens of text in which nothing stands for an added token.
    private func appendPlain(
        _ text: UnsafeBufferPointer<UInt8>, to tokens: inout [TokenID], _ cache: inout PieceCache
    ) {
        let scanner = PieceScanner(text: text, rule: preTokenizer)
        var start = 0
        while start < text.count {
            let end = scanner.pieceEnd(from: start)
            append(UnsafeBufferPointer(rebasing: text[start..<end]), to: &tokens, &cache)
            start = end
        }
    }

    /// Appends the tokens of one piece: it may be a token, or have been seen before, or must be merged.
    @inline(__always)
    private func append(
        _ piece: UnsafeBufferPointer<UInt8>, to tokens: inout [TokenID], _ cache: inout PieceCache
    ) {
        guard piece.count <= PieceKey.maximumLength else { return appendLong(piece, to: &tokens) }
        let key = PieceKey(piece)
        let token = wholePieces.token(of: key)
        if token >= 0 {
            tokens.append(token)
        } else if !cache.append(key, to: &tokens) {
            let first = tokens.count
            merger.append(piece, to: &tokens)
            cache.insert(key, tokens: tokens[first...])
        }
    }

    private func appendLong(_ piece: UnsafeBufferPointer<UInt8>, to tokens: inout [TokenID]) {
        let token = wholePieces.token(ofLong: piece)
        if token >= 0 {
            tokens.append(token)
        } else {
            merger.append(piece, to: &tokens)
        }
    }
}
