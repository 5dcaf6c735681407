/// Octavo's own weight quantizer: symmetric INT8 with one scale per row (output channel).
public enum Quantizer {
    /// Quantizes one row: `s = absmax / 127`, `q = clamp(rint(w / s), -127, 127)`, halves to even.
    ///
    /// A row of zeros, or one so small that `s` is 0 in `Float`, gets the scale 1 and zeros.
    ///
    /// - Parameters:
    ///   - row: the weights of one output channel.
    ///   - values: receives one INT8 value per weight; at least as long as `row`.
    /// - Returns: `s`, so that `w ≈ Float(q) * s`. It is not finite exactly if a weight is not; the values then mean
    ///   nothing.
    public static func quantize(
        _ row: UnsafeBufferPointer<Float>, into values: UnsafeMutableBufferPointer<Int8>
    ) -> Float {
        precondition(values.count >= row.count, "the buffer for INT8 values is shorter than the row")
        guard let source = row.baseAddress, let destination = values.baseAddress else { return 1 }
        let scale = absoluteMaximum(source, count: row.count) / 127
        guard scale != 0 else {
            values.baseAddress?.update(repeating: 0, count: row.count)
            return 1
        }
        for index in 0..<row.count {
            destination[index] = roundedToInt8(source[index] / scale)
        }
        return scale
    }

    /// The largest magnitude, infinity and NaN counting as larger than any number.
    ///
    /// Magnitudes are compared as the integers of their bit patterns, which have the same order.
    private static func absoluteMaximum(_ source: UnsafePointer<Float>, count: Int) -> Float {
        var maximum: Int32 = 0
        for index in 0..<count {
            maximum = max(maximum, Int32(bitPattern: source[index].bitPattern & 0x7FFF_FFFF))
        }
        return Float(bitPattern: UInt32(maximum))
    }

    /// `rint(x)` clamped to -127...127.
    ///
    /// Adding 1.5 · 2²³ leaves no bits for a fraction, so the addition rounds (halves to even) and the sum's lowest
    /// byte is the integer in two's complement. Unlike a conversion, this vectorizes and cannot trap.
    @inline(__always)
    private static func roundedToInt8(_ x: Float) -> Int8 {
        let clamped = min(max(x, -127), 127)
        return Int8(truncatingIfNeeded: Int32(bitPattern: (clamped + 0x1.8p23).bitPattern))
    }
}
