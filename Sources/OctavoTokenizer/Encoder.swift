import OctavoCore

/// What encoding a text needs for itself: the tokens found so far, and those of the pieces merged lately.
///
/// A tokenizer keeps its encoders for the next texts; while one is in use, nobody else has it, which makes it safe to
/// send it to where it is wanted.
final class Encoder: @unchecked Sendable {
    private var tokens = TokenBuffer()
    private let caches = Caches()

    /// Appends a token that stands in the text itself.
    func append(_ token: TokenID) {
        tokens.reserve(1)
        tokens.append(token)
    }

    /// Appends the tokens of valid UTF-8 in which nothing stands for an added token.
    func append(_ text: UnsafeBufferPointer<UInt8>, by tokenizer: Tokenizer) {
        guard !text.isEmpty else { return }
        Self.append(text, tokenizer.preTokenizer, tokenizer.wholePieces, tokenizer.merger, caches, to: &tokens)
    }

    /// Calls `body` with the tokens appended, and forgets them.
    func takeTokens<Result>(_ body: (UnsafeBufferPointer<TokenID>) -> Result) -> Result {
        defer { tokens.removeAll() }
        return body(tokens.tokens(from: 0))
    }

    /// What is remembered from one text to the next.
    private struct Caches: ~Copyable {
        /// What most of every text consists of, in a table small enough for a core's own cache: 512 KiB, two slots to a
        /// cache line.
        let frequent = RecentPieces<PieceKey, SIMD4<TokenID>>(slotCount: 1 << 14)
        /// Pieces that are no token, and long ones: 4 MiB, a slot to a cache line.
        let composed = RecentPieces<WidePieceKey, SIMD8<TokenID>>(slotCount: 1 << 16)
        let pairs = PairCache()
    }

    /// Cuts text into pieces and appends their tokens.
    private static func append(
        _ text: UnsafeBufferPointer<UInt8>, _ rule: PreTokenizer, _ wholePieces: PieceTable, _ merger: BytePairMerger,
        _ caches: borrowing Caches, to tokens: inout TokenBuffer
    ) {
        let scanner = PieceScanner(text: text, rule: rule)
        var start = text.baseAddress!
        var readable = text.count
        while readable > 0 {
            let length = scanner.pieceEnd(from: text.count - readable) - (text.count - readable)
            tokens.reserve(SIMD8<TokenID>.scalarCount)
            if length <= PieceKey.maximumLength {
                let key = PieceKey(start, length: length, readable: readable)
                let hash = key.hash
                if !caches.frequent.append(key, hash: hash, to: &tokens) {
                    let first = tokens.count
                    let token = wholePieces.token(of: key, hash: hash)
                    if token >= 0 {
                        tokens.append(token)
                    } else {
                        appendMerged(start, length, readable: readable, merger, caches, to: &tokens)
                    }
                    caches.frequent.insert(key, hash: hash, tokens: tokens.tokens(from: first))
                }
            } else {
                appendLong(start, length, readable: readable, wholePieces, merger, caches, to: &tokens)
            }
            start += length
            readable -= length
        }
    }

    /// Appends the tokens of a piece that is no token and has a wide key: it may have been merged before.
    @inline(never)
    private static func appendMerged(
        _ start: UnsafePointer<UInt8>, _ length: Int, readable: Int, _ merger: BytePairMerger,
        _ caches: borrowing Caches, to tokens: inout TokenBuffer
    ) {
        let key = WidePieceKey(start, length: length, readable: readable)
        let hash = key.hash
        if caches.composed.append(key, hash: hash, to: &tokens) { return }
        let first = tokens.count
        merger.append(UnsafeBufferPointer(start: start, count: length), caches.pairs, to: &tokens)
        caches.composed.insert(key, hash: hash, tokens: tokens.tokens(from: first))
    }

    /// Appends the tokens of a piece that is too long for a short key.
    @inline(never)
    private static func appendLong(
        _ start: UnsafePointer<UInt8>, _ length: Int, readable: Int, _ wholePieces: PieceTable,
        _ merger: BytePairMerger, _ caches: borrowing Caches, to tokens: inout TokenBuffer
    ) {
        let piece = UnsafeBufferPointer(start: start, count: length)
        if length <= WidePieceKey.maximumLength {
            let key = WidePieceKey(start, length: length, readable: readable)
            let hash = key.hash
            if caches.composed.append(key, hash: hash, to: &tokens) { return }
            let first = tokens.count
            let token = wholePieces.token(ofLong: piece)
            if token >= 0 { tokens.append(token) } else { merger.append(piece, caches.pairs, to: &tokens) }
            caches.composed.insert(key, hash: hash, tokens: tokens.tokens(from: first))
        } else {
            let token = wholePieces.token(ofLong: piece)
            if token >= 0 { tokens.append(token) } else { merger.append(piece, caches.pairs, to: &tokens) }
        }
    }
}
