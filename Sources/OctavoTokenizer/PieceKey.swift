/// A piece of up to 16 bytes as two words and a length: equal exactly when the bytes are.
struct PieceKey: Hashable {
    /// The longest piece that has a key.
    static let maximumLength = 16

    /// The bytes, the first one lowest, and zeros behind them.
    private var low: UInt64
    private var high: UInt64
    private var length: UInt32

    /// The key of no piece.
    static let empty = PieceKey(low: 0, high: 0, length: 0)

    private init(low: UInt64, high: UInt64, length: UInt32) {
        self.low = low
        self.high = high
        self.length = length
    }

    /// The key of the 1 to 16 bytes at `start`.
    ///
    /// - Parameter readable: how many bytes can be read there. Sixteen or more, as everywhere but at the end of a text,
    ///   are read without a branch and what is too much of them is masked out.
    @inline(__always)
    init(_ start: UnsafePointer<UInt8>, length count: Int, readable: Int) {
        guard readable >= Self.maximumLength else {
            self.init(byteByByte: start, length: count)
            return
        }
        let bytes = UnsafeRawPointer(start)
        let first = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        let second = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        self.init(
            low: first & (.max &>> UInt64(truncatingIfNeeded: 64 - 8 * min(count, 8))),
            high: count > 8 ? second & (.max &>> UInt64(truncatingIfNeeded: 128 - 8 * count)) : 0,
            length: UInt32(truncatingIfNeeded: count))
    }

    @inline(never)
    private init(byteByByte start: UnsafePointer<UInt8>, length count: Int) {
        self.init(low: 0, high: 0, length: UInt32(truncatingIfNeeded: count))
        for index in 0..<min(count, 8) { low |= UInt64(start[index]) << (8 * index) }
        for index in min(count, 8)..<count { high |= UInt64(start[index]) << (8 * index - 64) }
    }

    /// A hash of good low bits: one multiplication to 128 bits, folded (as in Wang Yi's wyhash). The constants are odd
    /// and random.
    @inline(__always)
    var hash: Int {
        let product = (low ^ 0xA076_1D64_78BD_642F).multipliedFullWidth(
            by: high ^ 0xE703_7ED1_A0B4_28DB ^ UInt64(length) << 56)
        return Int(truncatingIfNeeded: product.low ^ product.high)
    }
}
