/// Arithmetic over rows of logits with one fixed order and our own exp and log, so that it gives the same bits on every
/// machine: sixteen lanes, lane i % 16 taking element i, folded pairwise.
package enum SamplingMath {
    package typealias Lanes = SIMD16<Float>

    /// exp(x), by range reduction and the Taylor series to the seventh power; 0 below -87.
    package static func exp(_ x: Lanes) -> Lanes {
        let clamped = x.replacing(with: -87, where: x .< -87).replacing(with: 88, where: x .> 88)
        // Adding 1.5 * 2^23 rounds to an integer, half to even, and leaves it in the low bits: SSE2 cannot round otherwise.
        let shifted = clamped * 1.442695 + Self.rounder
        let n = shifted - Self.rounder
        let r = (clamped - n * 0x1.62e4p-1) - n * 0x1.7f7d1cp-20
        var p = r * (1 / 5040) + (1 / 720)
        p = p * r + (1 / 120)
        p = p * r + (1 / 24)
        p = p * r + (1 / 6)
        p = p * r + 0.5
        p = p * r + 1
        p = p * r + 1
        let integer = unsafeBitCast(shifted, to: SIMD16<Int32>.self) &- Int32(bitPattern: Self.rounder.bitPattern)
        let power = unsafeBitCast((integer &+ 127) &<< 23, to: Lanes.self)
        return (p * power).replacing(with: 0, where: x .< -87)
    }

    private static let rounder: Float = 0x1.8p23

    /// The natural logarithm of a positive, finite, normal number.
    ///
    /// x = m 2^k with m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh((m-1)/(m+1)), whose series converges by a factor of 34 a
    /// term.
    package static func log(_ x: Double) -> Double {
        var mantissa = x.significand
        var exponent = Double(x.exponent)
        if mantissa > 1.4142135623730951 {
            mantissa /= 2
            exponent += 1
        }
        let z = (mantissa - 1) / (mantissa + 1)
        let square = z * z
        var series = 0.0
        for denominator in stride(from: 23.0, through: 1.0, by: -2.0) { series = series * square + 1 / denominator }
        return exponent * 0.6931471805599453 + 2 * z * series
    }

    /// The largest element and its index (the lowest, of several); `nil` if any element is NaN or infinite.
    package static func maximum(_ row: UnsafeBufferPointer<Float>) -> (value: Float, index: Int)? {
        var largest = Lanes(repeating: -.infinity)
        var check = Lanes(repeating: 0)
        forEachLanes(row, padding: -.greatestFiniteMagnitude) { _, lanes in
            largest = largest.replacing(with: lanes, where: lanes .> largest)
            check += lanes * 0
        }
        guard check == Lanes(repeating: 0) else { return nil }
        let value = largest.max()
        return row.firstIndex(of: value).map { (value, $0) }
    }

    /// The index of the largest element of each of `rows` rows side by side, -1 where any is NaN or infinite.
    package static func largest(_ values: UnsafeBufferPointer<Float>, rows: Int) -> [Int32] {
        let width = rows > 0 ? values.count / rows : 0
        return (0..<rows).map { row in
            maximum(UnsafeBufferPointer(rebasing: values[row * width..<(row + 1) * width])).map { Int32($0.index) }
                ?? -1
        }
    }

    /// The sum of exp((x - maximum) / temperature) over a row.
    package static func exponentialSum(
        _ row: UnsafeBufferPointer<Float>, maximum: Float, temperature: Float = 1
    ) -> Double {
        var low = SIMD8<Double>(repeating: 0)
        var high = SIMD8<Double>(repeating: 0)
        forEachLanes(row, padding: -.greatestFiniteMagnitude) { _, lanes in
            let difference = lanes - maximum
            let p = exp(temperature == 1 ? difference : difference / temperature)
            low += SIMD8<Double>(p.lowHalf)
            high += SIMD8<Double>(p.highHalf)
        }
        return fold(low + high)
    }

    /// ln of the sum of exp over a row whose largest element is `maximum`.
    package static func logSumExp(_ row: UnsafeBufferPointer<Float>, maximum: Float) -> Double {
        Double(maximum) + log(exponentialSum(row, maximum: maximum))
    }

    /// ln of the sum of exp((x - maximum) / temperature) over a row whose largest element is `maximum`.
    package static func relativeLogSumExp(
        _ row: UnsafeBufferPointer<Float>, maximum: Float, temperature: Float
    ) -> Float {
        Float(log(exponentialSum(row, maximum: maximum, temperature: temperature)))
    }

    /// How many elements are larger than that at `index`, or as large and before it, and 1.
    package static func rank(of index: Int, in row: UnsafeBufferPointer<Float>) -> Int {
        let value = row[index]
        var larger = SIMD16<Int32>.zero
        forEachLanes(UnsafeBufferPointer(rebasing: row[..<index]), padding: -.infinity) { _, lanes in
            larger &+= SIMD16<Int32>.zero.replacing(with: 1, where: lanes .>= value)
        }
        forEachLanes(UnsafeBufferPointer(rebasing: row[index...]), padding: -.infinity) { _, lanes in
            larger &+= SIMD16<Int32>.zero.replacing(with: 1, where: lanes .> value)
        }
        return Int(larger.wrappedSum()) + 1
    }

    private static func fold(_ lanes: SIMD8<Double>) -> Double {
        let four = lanes.lowHalf + lanes.highHalf
        let two = four.lowHalf + four.highHalf
        return two[0] + two[1]
    }

    /// Visits a row sixteen elements at a time, the last filled up with `padding`.
    package static func forEachLanes(
        _ row: UnsafeBufferPointer<Float>, padding: Float, _ body: (Int, Lanes) -> Void
    ) {
        guard let base = row.baseAddress else { return }
        let raw = UnsafeRawPointer(base)
        var index = 0
        while index + 16 <= row.count {
            body(index, raw.loadUnaligned(fromByteOffset: index * 4, as: Lanes.self))
            index += 16
        }
        guard index < row.count else { return }
        var tail = Lanes(repeating: padding)
        for lane in 0..<row.count - index { tail[lane] = base[index + lane] }
        body(index, tail)
    }
}
