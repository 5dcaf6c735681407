import OctavoCore

/// The characters that merging always makes tokens of before anything else happens to them, and that may therefore be
/// taken for those tokens from the start. It saves most of the work on scripts of two and three bytes a character.
///
/// A character is made of its bytes by merges of which the latest has rank M. Taking its token at once changes nothing
/// if
///
/// 1. no token that holds a part of the character and something beside it ("bites" it) has a rank of at most M: until
///    the character is whole, one of its own merges is always due before such a bite;
/// 2. no merge of the whole character with a neighbor has a rank of at most M: none is then possible sooner than it
///    would have been.
///
/// Then the merges outside of the character are the same and in the same order, since each of them, when it is its turn,
/// ranks below every merge that waits for the character. Whether a token can bite depends on the neighboring byte; the
/// first condition is therefore kept per character and neighbor.
struct WholeCharacters: Sendable {
    /// The symbol of each code point up to U+FFFF, or -1.
    private let symbols: FrozenArray<TokenID>
    /// Bit `hash(scalar, byte)` is set if the character may be bitten together with the byte before it.
    private let bitesBefore: FrozenArray<UInt64>
    /// The same for the byte behind it.
    private let bitesAfter: FrozenArray<UInt64>

    /// No characters at all: merging starts from bytes.
    static let none = WholeCharacters(symbols: [-1], bitesBefore: [0], bitesAfter: [0])

    private init(symbols: [TokenID], bitesBefore: [UInt64], bitesAfter: [UInt64]) {
        self.symbols = FrozenArray(symbols)
        self.bitesBefore = FrozenArray(bitesBefore)
        self.bitesAfter = FrozenArray(bitesAfter)
    }

    /// The symbol of the character of two or three bytes at `offset` of valid UTF-8, and its length in bytes; `nil` if
    /// there is none, or it might be bitten by its neighbors in `piece`.
    ///
    /// - Parameter byteSymbols: where a neighboring byte is dropped or another's symbol, the true neighbor is not known.
    @inline(__always)
    func symbol(
        at offset: Int, of piece: UnsafeBufferPointer<UInt8>, _ byteSymbols: FrozenArray<TokenID>
    ) -> (symbol: TokenID, length: Int)? {
        let lead = UInt32(piece[offset])
        if lead >= 0xF0 { return nil }
        let length = lead < 0xE0 ? 2 : 3
        var scalar = (lead & (lead < 0xE0 ? 0x1F : 0x0F)) << 6 | UInt32(piece[offset + 1] & 0x3F)
        if length == 3 { scalar = scalar << 6 | UInt32(piece[offset + 2] & 0x3F) }
        guard Int(scalar) < symbols.count else { return nil }
        let symbol = symbols[Int(scalar)]
        guard symbol >= 0 else { return nil }
        func isBitten(_ bites: FrozenArray<UInt64>, _ neighbor: UInt8) -> Bool {
            byteSymbols[Int(neighbor)] != TokenID(neighbor) || Self.contains(bites, scalar, neighbor)
        }
        if offset > 0, isBitten(bitesBefore, piece[offset - 1]) { return nil }
        let end = offset + length
        if end < piece.count, isBitten(bitesAfter, piece[end]) { return nil }
        return (symbol, length)
    }

    private static let filterBits = 1 << 16

    @inline(__always)
    private static func hash(_ scalar: UInt32, _ neighbor: UInt8) -> Int {
        Int(((scalar << 8 | UInt32(neighbor)) &* 0x9E37_79B1) >> 16)
    }

    @inline(__always)
    private static func contains(_ filter: FrozenArray<UInt64>, _ scalar: UInt32, _ neighbor: UInt8) -> Bool {
        let hash = hash(scalar, neighbor)
        return filter[hash >> 6] >> UInt64(hash & 63) & 1 != 0
    }
}

// MARK: - Finding them

extension WholeCharacters {
    /// The characters of a vocabulary for which both conditions hold.
    ///
    /// - Parameter bytes: of all tokens.
    /// - Parameter merges: the merge that makes each token, where merging reaches it.
    init(_ bytes: TokenBytes, merges: LastMerges) {
        var tails: [[UInt8]: [UInt8: Int32]] = [:]
        var heads: [[UInt8]: [UInt8: Int32]] = [:]
        var lowestUse = [Int32](repeating: .max, count: bytes.count)
        for (id, merge) in merges.ofTokens.enumerated() {
            guard let merge else { continue }
            lowestUse[Int(merge.left)] = min(lowestUse[Int(merge.left)], merge.rank)
            lowestUse[Int(merge.right)] = min(lowestUse[Int(merge.right)], merge.rank)
            let token = Array(bytes[id])
            if let (part, neighbor) = Self.partialHead(of: token) {
                heads[part, default: [:]][neighbor, default: .max].lower(to: merge.rank)
            }
            if let (part, neighbor) = Self.partialTail(of: token) {
                tails[part, default: [:]][neighbor, default: .max].lower(to: merge.rank)
            }
        }
        var symbols = [TokenID](repeating: -1, count: 1 << 16)
        var bitesBefore = [UInt64](repeating: 0, count: Self.filterBits / 64)
        var bitesAfter = bitesBefore
        for id in merges.ofTokens.indices {
            guard let scalar = Self.soleCharacter(of: bytes[id]), let last = merges.latestRank(of: id),
                lowestUse[id] > last
            else { continue }
            symbols[Int(scalar)] = merges.symbols[id]
            let character = Array(bytes[id])
            for cut in 1..<character.count {
                for (neighbor, rank) in tails[Array(character[..<cut]), default: [:]] where rank <= last {
                    let hash = Self.hash(scalar, neighbor)
                    bitesBefore[hash >> 6] |= 1 << UInt64(hash & 63)
                }
                for (neighbor, rank) in heads[Array(character[cut...]), default: [:]] where rank <= last {
                    let hash = Self.hash(scalar, neighbor)
                    bitesAfter[hash >> 6] |= 1 << UInt64(hash & 63)
                }
            }
        }
        self.init(symbols: symbols, bitesBefore: bitesBefore, bitesAfter: bitesAfter)
    }

    /// The code point of a token that is one character of two or three bytes.
    private static func soleCharacter(of token: ArraySlice<UInt8>) -> UInt32? {
        guard (2...3).contains(token.count), let text = String(validating: token, as: UTF8.self),
            text.unicodeScalars.count == 1, let scalar = text.unicodeScalars.first
        else { return nil }
        return scalar.value
    }

    /// The end of a character with which `token` begins, and the byte behind it.
    private static func partialHead(of token: [UInt8]) -> (part: [UInt8], neighbor: UInt8)? {
        guard token[0] & 0xC0 == 0x80, let end = token.firstIndex(where: { $0 & 0xC0 != 0x80 }) else { return nil }
        return (Array(token[..<end]), token[end])
    }

    /// The beginning of a character with which `token` ends, and the byte before it.
    private static func partialTail(of token: [UInt8]) -> (part: [UInt8], neighbor: UInt8)? {
        guard let start = token.lastIndex(where: { $0 & 0xC0 != 0x80 }), start > 0 else { return nil }
        let length = token[start] < 0xC0 ? 1 : token[start] < 0xE0 ? 2 : token[start] < 0xF0 ? 3 : 4
        return token.count - start < length ? (Array(token[start...]), token[start - 1]) : nil
    }
}

extension Int32 {
    fileprivate mutating func lower(to value: Int32) { self = Swift.min(self, value) }
}
