/// A piece of up to 16 bytes as two words and a length: equal exactly when the bytes are.
struct PieceKey: Hashable {
    /// The longest piece that has a key.
    static let maximumLength = 16

    private var low: UInt64
    private var high: UInt64
    private var length: UInt8

    /// The key of no piece.
    static let empty = PieceKey(low: 0, high: 0, length: 0)

    private init(low: UInt64, high: UInt64, length: UInt8) {
        self.low = low
        self.high = high
        self.length = length
    }

    /// The key of a piece of 1 to 16 bytes, read by at most two loads that overlap instead of reaching beyond it.
    @inline(__always)
    init(_ piece: UnsafeBufferPointer<UInt8>) {
        let start = UnsafeRawPointer(piece.baseAddress!)
        let count = piece.count
        length = UInt8(truncatingIfNeeded: count)
        if count >= 8 {
            low = start.loadUnaligned(as: UInt64.self)
            high = start.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
        } else if count >= 4 {
            low =
                UInt64(start.loadUnaligned(as: UInt32.self))
                | UInt64(start.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)) << 32
            high = 0
        } else {
            low = UInt64(piece[0]) | UInt64(piece[count >> 1]) << 8 | UInt64(piece[count - 1]) << 16
            high = 0
        }
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
