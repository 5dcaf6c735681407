// ggml's 4-bit types whose elements are indices into a table of 16 unevenly spaced values.
// Source of the layouts and the table: ggml-common.h in ggml's repository, and the Python package gguf, against which
// this is tested.

// swift-format-ignore: AlwaysUseLowerCamelCase
extension ElementDecoder {
    private static let levels: [Float] = [
        -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
    ]

    /// 18 bytes: d, then 16 bytes of indices as in Q4_0.
    static func decodeIQ4_NL(
        from source: UnsafeRawPointer, count: Int, into destination: UnsafeMutablePointer<Float>
    ) {
        levels.withUnsafeBufferPointer { levels in
            for block in 0..<count / 32 {
                let source = source + block &* 18
                decodeLevels(source + 2, scale: source.half(at: 0), levels, into: destination + block &* 32)
            }
        }
    }

    /// 136 bytes: d, two bytes and four bytes with the upper two and lower four bits of eight scales (-32...31), then
    /// 16 bytes of indices per group of 32.
    static func decodeIQ4_XS(
        from source: UnsafeRawPointer, count: Int, into destination: UnsafeMutablePointer<Float>
    ) {
        levels.withUnsafeBufferPointer { levels in
            for block in 0..<count / 256 {
                let (source, destination) = (source + block &* 136, destination + block &* 256)
                let d = source.half(at: 0)
                let upperBits = UInt16(littleEndian: source.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
                for group in 0..<8 {
                    let low = source.byte(at: 4 &+ group / 2) &>> UInt8(group & 1 &* 4) & 15
                    let high = UInt8(truncatingIfNeeded: upperBits &>> UInt16(group &* 2) & 3) << 4
                    let scale = d * Float(Int32(low | high) &- 32)
                    decodeLevels(source + (8 &+ group &* 16), scale: scale, levels, into: destination + group &* 32)
                }
            }
        }
    }

    /// 32 elements from 16 bytes of indices: `scale * level`.
    @inline(__always)
    private static func decodeLevels(
        _ indices: UnsafeRawPointer, scale: Float, _ levels: UnsafeBufferPointer<Float>,
        into destination: UnsafeMutablePointer<Float>
    ) {
        for index in 0..<16 {
            let pair = indices.byte(at: index)
            destination[index] = scale * levels[Int(pair & 15)]
            destination[index &+ 16] = scale * levels[Int(pair >> 4)]
        }
    }
}
