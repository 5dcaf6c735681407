/// The bytes of a short piece and their number, as words: equal exactly when the pieces are.
protocol PieceKeying: Equatable, BitwiseCopyable {
    /// The key of no piece.
    static var empty: Self { get }
}

/// A piece of up to 15 bytes as two words: equal exactly when the bytes are.
struct PieceKey: PieceKeying {
    /// The longest piece that has a key.
    static let maximumLength = 15

    /// The bytes, the first one lowest, and zeros behind them; the highest byte of `high` is the length.
    private let low: UInt64
    private let high: UInt64

    /// The key of no piece.
    static let empty = PieceKey(low: 0, high: 0)

    private init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// The key of the 1 to 15 bytes at `start`.
    ///
    /// - Parameter readable: how many bytes can be read there. Sixteen or more, as everywhere but at the end of a text,
    ///   are read without a branch and what is too much of them is masked out.
    @inline(__always)
    init(_ start: UnsafePointer<UInt8>, length count: Int, readable: Int) {
        let bytes = UnsafeRawPointer(start)
        if readable >= 16 {
            self.init(
                low: bytes.word(at: 0, ofFirst: count), high: bytes.word(at: 8, ofFirst: count) | UInt64(count) << 56)
        } else {
            self.init(
                low: bytes.wordByteByByte(at: 0, ofFirst: count),
                high: bytes.wordByteByByte(at: 8, ofFirst: count) | UInt64(count) << 56)
        }
    }

    /// A hash of good low bits: one multiplication to 128 bits, folded (as in Wang Yi's wyhash). The constants are odd
    /// and random.
    @inline(__always)
    var hash: Int {
        let product = (low ^ 0xA076_1D64_78BD_642F).multipliedFullWidth(by: high ^ 0xE703_7ED1_A0B4_28DB)
        return Int(truncatingIfNeeded: product.low ^ product.high)
    }
}

/// A piece of up to 31 bytes as four words: equal exactly when the bytes are.
struct WidePieceKey: PieceKeying {
    /// The longest piece that has a key.
    static let maximumLength = 31

    /// The bytes, the first one lowest, and zeros behind them; the highest byte of the last word is the length.
    private let words: SIMD4<UInt64>

    /// The key of no piece.
    static let empty = WidePieceKey(words: .zero)

    private init(words: SIMD4<UInt64>) { self.words = words }

    /// The key of the 1 to 31 bytes at `start`.
    ///
    /// - Parameter readable: how many bytes can be read there; 32 or more are read without a branch.
    @inline(__always)
    init(_ start: UnsafePointer<UInt8>, length count: Int, readable: Int) {
        let bytes = UnsafeRawPointer(start)
        var words = SIMD4<UInt64>.zero
        for index in 0..<4 {
            words[index] =
                readable >= 32
                ? bytes.word(at: 8 * index, ofFirst: count) : bytes.wordByteByByte(at: 8 * index, ofFirst: count)
        }
        words[3] |= UInt64(count) << 56
        self.init(words: words)
    }

    /// A hash of good low bits, made as `PieceKey`'s of each half.
    @inline(__always)
    var hash: Int {
        let first = (words[0] ^ 0xA076_1D64_78BD_642F).multipliedFullWidth(by: words[1] ^ 0xE703_7ED1_A0B4_28DB)
        let second = (words[2] ^ 0x8EBC_6AF0_9C88_C6E3).multipliedFullWidth(by: words[3] ^ 0x5899_65CC_7537_4CC3)
        return Int(truncatingIfNeeded: first.low ^ first.high ^ second.low &* 0x9E37_79B9_7F4A_7C15 ^ second.high)
    }
}

extension UnsafeRawPointer {
    /// Eight bytes from `offset` on, the first one lowest, with zeros in place of those at `count` and beyond.
    @inline(__always)
    fileprivate func word(at offset: Int, ofFirst count: Int) -> UInt64 {
        let word = UInt64(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        let excess = UInt64(truncatingIfNeeded: 64 - 8 * min(max(count - offset, 0), 8))
        return count > offset ? word & (.max &>> excess) : 0
    }

    /// The same, for where eight bytes cannot be read.
    @inline(never)
    fileprivate func wordByteByByte(at offset: Int, ofFirst count: Int) -> UInt64 {
        var word: UInt64 = 0
        for index in offset..<max(min(count, offset + 8), offset) {
            word |= UInt64(load(fromByteOffset: index, as: UInt8.self)) << (8 * (index - offset))
        }
        return word
    }
}
