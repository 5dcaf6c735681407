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

    private struct Caches: ~Copyable {
        let pieces = PieceCache()
        let pairs = PairCache()
    }

    /// A piece of which the tokens are still to be found.
    private struct Piece {
        /// The key and its hash, if the piece is short enough to have one.
        var key: PieceKey
        var hash: Int
        var offset: Int
        var length: Int
        /// What the table of whole pieces has at the first place to look; -3 if the cache has the piece.
        var guess: TokenID
        /// Not of this piece: the list of those that are no token.
        var unknown: Int
    }

    /// How many pieces are looked up at a time: so many reads of memory can wait for each other's sake.
    private static let batch = 32

    /// Cuts text into pieces and appends their tokens.
    ///
    /// The pieces are first cut, then looked up, then told apart: when the lookups follow each other closely, the
    /// processor waits for many of them at once, where a branch on each one's result would make it wait for each.
    private static func append(
        _ text: UnsafeBufferPointer<UInt8>, _ rule: PreTokenizer, _ wholePieces: PieceTable, _ merger: BytePairMerger,
        _ caches: borrowing Caches, to tokens: inout TokenBuffer
    ) {
        let scanner = PieceScanner(text: text, rule: rule)
        let start = text.baseAddress!
        withUnsafeTemporaryAllocation(of: Piece.self, capacity: batch) { pieces in
            let pieces = pieces.baseAddress!
            var offset = 0
            while offset < text.count {
                var count = 0
                while count < batch, offset < text.count {
                    let end = scanner.pieceEnd(from: offset)
                    let length = end - offset
                    let key = PieceKey(
                        start + offset, length: min(length, PieceKey.maximumLength), readable: text.count - offset)
                    pieces[count] = Piece(
                        key: key, hash: key.hash, offset: offset, length: length, guess: -2, unknown: 0)
                    offset = end
                    count += 1
                }
                var unknown = 0
                for index in 0..<count {
                    pieces[index].guess = wholePieces.firstGuess(pieces[index].key, hash: pieces[index].hash)
                    pieces[unknown].unknown = index
                    unknown += pieces[index].guess == -1 ? 1 : 0
                }
                for place in 0..<unknown {
                    let index = pieces[place].unknown
                    let isKnown = caches.pieces.knows(pieces[index].key, hash: pieces[index].hash)
                    pieces[index].guess = isKnown ? -3 : -1
                }
                tokens.reserve(batch * PieceKey.maximumLength)
                for index in 0..<count { append(pieces[index], of: start, wholePieces, merger, caches, to: &tokens) }
            }
        }
    }

    /// Appends the tokens of one piece: it may be a token, or have been seen before, or must be merged.
    @inline(__always)
    private static func append(
        _ piece: Piece, of text: UnsafePointer<UInt8>, _ wholePieces: PieceTable, _ merger: BytePairMerger,
        _ caches: borrowing Caches, to tokens: inout TokenBuffer
    ) {
        let bytes = UnsafeBufferPointer(start: text + piece.offset, count: piece.length)
        guard piece.length <= PieceKey.maximumLength else {
            let token = wholePieces.token(ofLong: bytes)
            if token >= 0 { tokens.append(token) } else { merger.append(bytes, caches.pairs, to: &tokens) }
            return tokens.reserve(batch * PieceKey.maximumLength)
        }
        let token = piece.guess == -2 ? wholePieces.token(of: piece.key, hash: piece.hash) : piece.guess
        if token >= 0 {
            tokens.append(token)
        } else if !caches.pieces.append(piece.key, hash: piece.hash, to: &tokens) {
            let first = tokens.count
            merger.append(bytes, caches.pairs, to: &tokens)
            caches.pieces.insert(piece.key, hash: piece.hash, tokens: tokens.tokens(from: first))
        }
    }
}
