// ggml's blocks of 32 elements. A block begins with its scale d (half precision) and, in the _1 types, its minimum m.
// Element i of the first 16 is the low four bits of byte i, element i + 16 its high four bits; a fifth bit comes from
// a 32-bit mask, bit i for element i.
// Source of the layouts: ggml-common.h in ggml's repository, and the Python package gguf, against which this is tested.

// swift-format-ignore: AlwaysUseLowerCamelCase
extension ElementDecoder {
    /// `d * (q - 8)`.
    static func decodeQ4_0(
        from source: UnsafeRawPointer, count: Int, into destination: UnsafeMutablePointer<Float>
    ) {
        for block in 0..<count / 32 {
            let (source, destination) = (source + block &* 18, destination + block &* 32)
            let d = source.half(at: 0)
            for index in 0..<16 {
                let pair = source.byte(at: 2 &+ index)
                destination[index] = Float(Int32(pair & 15) &- 8) * d
                destination[index &+ 16] = Float(Int32(pair >> 4) &- 8) * d
            }
        }
    }

    /// `d * q + m`.
    static func decodeQ4_1(
        from source: UnsafeRawPointer, count: Int, into destination: UnsafeMutablePointer<Float>
    ) {
        for block in 0..<count / 32 {
            let (source, destination) = (source + block &* 20, destination + block &* 32)
            let (d, m) = (source.half(at: 0), source.half(at: 2))
            for index in 0..<16 {
                let pair = source.byte(at: 4 &+ index)
                destination[index] = Float(Int32(pair & 15)) * d + m
                destination[index &+ 16] = Float(Int32(pair >> 4)) * d + m
            }
        }
    }

    /// `d * (q - 16)`.
    static func decodeQ5_0(
        from source: UnsafeRawPointer, count: Int, into destination: UnsafeMutablePointer<Float>
    ) {
        for block in 0..<count / 32 {
            let (source, destination) = (source + block &* 22, destination + block &* 32)
            let d = source.half(at: 0)
            let fifthBits = UInt32(littleEndian: source.loadUnaligned(fromByteOffset: 2, as: UInt32.self))
            for index in 0..<16 {
                let (low, high) = fiveBits(source.byte(at: 6 &+ index), fifthBits, index)
                destination[index] = Float(low &- 16) * d
                destination[index &+ 16] = Float(high &- 16) * d
            }
        }
    }

    /// `d * q + m`.
    static func decodeQ5_1(
        from source: UnsafeRawPointer, count: Int, into destination: UnsafeMutablePointer<Float>
    ) {
        for block in 0..<count / 32 {
            let (source, destination) = (source + block &* 24, destination + block &* 32)
            let (d, m) = (source.half(at: 0), source.half(at: 2))
            let fifthBits = UInt32(littleEndian: source.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            for index in 0..<16 {
                let (low, high) = fiveBits(source.byte(at: 8 &+ index), fifthBits, index)
                destination[index] = Float(low) * d + m
                destination[index &+ 16] = Float(high) * d + m
            }
        }
    }

    /// Elements `index` and `index + 16` of a 5-bit block, 0...31 each.
    @inline(__always)
    private static func fiveBits(_ pair: UInt8, _ fifthBits: UInt32, _ index: Int) -> (low: Int32, high: Int32) {
        let low = UInt32(pair & 15) | (fifthBits &>> UInt32(index) & 1) << 4
        let high = UInt32(pair >> 4) | (fifthBits &>> UInt32(index &+ 16) & 1) << 4
        return (Int32(low), Int32(high))
    }

    /// `d * q`.
    static func decodeQ8_0(
        from source: UnsafeRawPointer, count: Int, into destination: UnsafeMutablePointer<Float>
    ) {
        for block in 0..<count / 32 {
            let (source, destination) = (source + block &* 34, destination + block &* 32)
            let d = source.half(at: 0)
            for index in 0..<32 { destination[index] = Float(source.signedByte(at: 2 &+ index)) * d }
        }
    }
}
