// ggml's "K" blocks of 256 elements: 16 groups of 16 (Q2_K, Q3_K, Q6_K) or 8 groups of 32 (Q4_K, Q5_K), each group with
// a scale in few bits, which a half-precision scale of the block multiplies. Two bits, four bits or a further bit of an
// element lie in bytes that are shared with elements 32, 64 or 128 places away.
// Source of the layouts: ggml-common.h in ggml's repository, and the Python package gguf, against which this is tested.

// swift-format-ignore: AlwaysUseLowerCamelCase
extension ElementDecoder {
    /// 84 bytes: a byte per group (low half its scale, high half its minimum), 64 bytes of 2-bit elements, d, dmin.
    static func decodeQ2_K(
        from source: UnsafeRawPointer, count: Int, into destination: UnsafeMutablePointer<Float>
    ) {
        for block in 0..<count / 256 {
            let (source, destination) = (source + block &* 84, destination + block &* 256)
            let (d, dmin) = (source.half(at: 80), source.half(at: 82))
            for group in 0..<16 {
                let scales = source.byte(at: group)
                let (scale, minimum) = (d * Float(scales & 15), dmin * Float(scales >> 4))
                let bits = source + (16 &+ twoBitOffset(ofGroup: group))
                let (shift, output) = (twoBitShift(ofGroup: group), destination + group &* 16)
                for index in 0..<16 { output[index] = scale * Float(bits.byte(at: index) &>> shift & 3) - minimum }
            }
        }
    }

    /// 110 bytes: 32 of third bits, 64 of lower bits, 12 of 6-bit scales, d. A third bit of 0 stands for -4.
    static func decodeQ3_K(
        from source: UnsafeRawPointer, count: Int, into destination: UnsafeMutablePointer<Float>
    ) {
        for block in 0..<count / 256 {
            let (source, destination) = (source + block &* 110, destination + block &* 256)
            let d = source.half(at: 108)
            for group in 0..<16 {
                let scale = d * Float(q3Scale(source + 96, group))
                let bits = source + (32 &+ twoBitOffset(ofGroup: group))
                let thirdBits = source + (group & 1) &* 16
                let (shift, thirdBit) = (twoBitShift(ofGroup: group), UInt8(group / 2))
                let output = destination + group &* 16
                for index in 0..<16 {
                    let low = Int32(bits.byte(at: index) &>> shift & 3)
                    let high = Int32(thirdBits.byte(at: index) &>> thirdBit & 1) << 2
                    output[index] = scale * Float(low &+ high &- 4)
                }
            }
        }
    }

    /// The scale of a group in Q3_K, -32...31: four low bits from bytes 0-7 (groups 8-15 in the high halves), two high
    /// bits from bytes 8-11.
    @inline(__always)
    private static func q3Scale(_ scales: UnsafeRawPointer, _ group: Int) -> Int32 {
        let low = scales.byte(at: group & 7) &>> UInt8(group / 8 &* 4) & 15
        let high = scales.byte(at: 8 &+ group & 3) &>> UInt8(group / 4 &* 2) & 3
        return Int32(low | high << 4) &- 32
    }

    /// Where the 16 bytes of 2-bit elements that hold `group` begin: 128 elements share 32 bytes.
    @inline(__always)
    private static func twoBitOffset(ofGroup group: Int) -> Int { group / 8 &* 32 &+ (group & 1) &* 16 }

    /// Where in those bytes the two bits of `group` lie.
    @inline(__always)
    private static func twoBitShift(ofGroup group: Int) -> UInt8 { UInt8(group / 2 & 3) &* 2 }

    /// 144 bytes: d, dmin, 12 bytes of 6-bit scales and minima, 128 bytes of 4-bit elements.
    static func decodeQ4_K(
        from source: UnsafeRawPointer, count: Int, into destination: UnsafeMutablePointer<Float>
    ) {
        for block in 0..<count / 256 {
            let (source, destination) = (source + block &* 144, destination + block &* 256)
            let (d, dmin) = (source.half(at: 0), source.half(at: 2))
            for group in 0..<8 {
                let (scaleBits, minimumBits) = sixBitPair(source + 4, group)
                let (scale, minimum) = (d * Float(scaleBits), dmin * Float(minimumBits))
                let nibbles = source + (16 &+ group / 2 &* 32)
                let (shift, output) = (UInt8(group & 1) &* 4, destination + group &* 32)
                for index in 0..<32 { output[index] = scale * Float(nibbles.byte(at: index) &>> shift & 15) - minimum }
            }
        }
    }

    /// 176 bytes: as Q4_K, with 32 bytes of fifth bits (bit g for group g) before the 4-bit elements.
    static func decodeQ5_K(
        from source: UnsafeRawPointer, count: Int, into destination: UnsafeMutablePointer<Float>
    ) {
        for block in 0..<count / 256 {
            let (source, destination) = (source + block &* 176, destination + block &* 256)
            let (d, dmin) = (source.half(at: 0), source.half(at: 2))
            for group in 0..<8 {
                let (scaleBits, minimumBits) = sixBitPair(source + 4, group)
                let (scale, minimum) = (d * Float(scaleBits), dmin * Float(minimumBits))
                let (fifthBits, nibbles) = (source + 16, source + (48 &+ group / 2 &* 32))
                let (shift, output) = (UInt8(group & 1) &* 4, destination + group &* 32)
                for index in 0..<32 {
                    let low = nibbles.byte(at: index) &>> shift & 15
                    let high = (fifthBits.byte(at: index) &>> UInt8(group) & 1) << 4
                    output[index] = scale * Float(low | high) - minimum
                }
            }
        }
    }

    /// Scale and minimum of a group in Q4_K and Q5_K: groups 0-3 whole in the low six bits of bytes 0-3 and 4-7, groups
    /// 4-7 as halves of bytes 8-11 with their upper two bits atop bytes 0-7.
    @inline(__always)
    private static func sixBitPair(_ scales: UnsafeRawPointer, _ group: Int) -> (scale: UInt8, minimum: UInt8) {
        guard group >= 4 else { return (scales.byte(at: group) & 63, scales.byte(at: group &+ 4) & 63) }
        let halves = scales.byte(at: group &+ 4)
        let (scaleTop, minimumTop) = (scales.byte(at: group &- 4) & 0xC0, scales.byte(at: group) & 0xC0)
        return (halves & 15 | scaleTop >> 2, halves >> 4 | minimumTop >> 2)
    }

    /// 210 bytes: 128 of four lower bits, 64 of two upper bits, 16 signed scales, d; values are -32...31.
    static func decodeQ6_K(
        from source: UnsafeRawPointer, count: Int, into destination: UnsafeMutablePointer<Float>
    ) {
        for block in 0..<count / 256 {
            let (source, destination) = (source + block &* 210, destination + block &* 256)
            let d = source.half(at: 208)
            for group in 0..<16 {
                let scale = d * Float(source.signedByte(at: 192 &+ group))
                let nibbles = source + (group / 8 &* 64 &+ (group & 3) &* 16)
                let upperBits = source + (128 &+ twoBitOffset(ofGroup: group))
                let (nibbleShift, upperShift) = (UInt8(group / 4 & 1) &* 4, twoBitShift(ofGroup: group))
                let output = destination + group &* 16
                for index in 0..<16 {
                    let low = nibbles.byte(at: index) &>> nibbleShift & 15
                    let high = (upperBits.byte(at: index) &>> upperShift & 3) << 4
                    output[index] = scale * Float(Int32(low | high) &- 32)
                }
            }
        }
    }
}
