import OctavoCore

/// What encoding a text needs for itself: the tokens found so far, and those of the pieces merged lately.
///
/// A tokenizer keeps its encoders for the next texts; while one is in use, nobody else has it, which makes it safe to
/// send it to where it is wanted.
final class Encoder: @unchecked Sendable {
    private var tokens = TokenBuffer()
    private let cache = PieceCache()

    /// Appends a token that stands in the text itself.
    func append(_ token: TokenID) {
        tokens.reserve(1)
        tokens.append(token)
    }

    /// Appends the tokens of valid UTF-8 in which nothing stands for an added token.
    func append(_ text: UnsafeBufferPointer<UInt8>, by tokenizer: Tokenizer) {
        guard !text.isEmpty else { return }
        Self.append(text, tokenizer.preTokenizer, tokenizer.wholePieces, tokenizer.merger, cache, to: &tokens)
    }

    /// Calls `body` with the tokens appended, and forgets them.
    func takeTokens<Result>(_ body: (UnsafeBufferPointer<TokenID>) -> Result) -> Result {
        defer { tokens.removeAll() }
        return body(tokens.tokens(from: 0))
    }

    /// Cuts text into pieces and appends their tokens: a piece may be a token, or have been seen before, or must be
    /// merged.
    private static func append(
        _ text: UnsafeBufferPointer<UInt8>, _ rule: PreTokenizer, _ wholePieces: PieceTable, _ merger: BytePairMerger,
        _ cache: borrowing PieceCache, to tokens: inout TokenBuffer
    ) {
        let scanner = PieceScanner(text: text, rule: rule)
        let start = text.baseAddress!
        var offset = 0
        while offset < text.count {
            let end = scanner.pieceEnd(from: offset)
            let length = end - offset
            tokens.reserve(PieceCache.maximumCount)
            if length <= PieceKey.maximumLength {
                let key = PieceKey(start + offset, length: length, readable: text.count - offset)
                let hash = key.hash
                let token = wholePieces.token(of: key, hash: hash)
                if token >= 0 {
                    tokens.append(token)
                } else if !cache.append(key, hash: hash, to: &tokens) {
                    let first = tokens.count
                    merger.append(UnsafeBufferPointer(start: start + offset, count: length), to: &tokens)
                    cache.insert(key, hash: hash, tokens: tokens.tokens(from: first))
                }
            } else {
                let piece = UnsafeBufferPointer(start: start + offset, count: length)
                let token = wholePieces.token(ofLong: piece)
                if token >= 0 { tokens.append(token) } else { merger.append(piece, to: &tokens) }
            }
            offset = end
        }
    }
}
