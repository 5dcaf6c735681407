import Foundation
import OctavoLlama
import OctavoTestSupport
import Testing

@Suite struct VectorKernelTests {
    static let lengths = Array(1...70) + [100, 255, 576, 1536]

    @Test func `RMSNorm has the specification's bits, keeps the padding zero, and is right`() {
        var generator = SeededGenerator(seed: 1)
        for count in Self.lengths {
            let x = [Float].random(count, in: -10...10, using: &generator)
            let weight = [Float].random(count, in: -2...2, using: &generator)
            let expected = normalize(x, weight, count, .specification)
            #expect(expected[count...].allSatisfy { $0 == 0 })
            for kernels in Kernels.others {
                #expect(normalize(x, weight, count, kernels).bits == expected.bits, "\(kernels.name), \(count)")
            }
            let mean = x.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(count)
            for index in 0..<count {
                let exact = Double(weight[index]) * Double(x[index]) / (mean + 1e-5).squareRoot()
                #expect(abs(Double(expected[index]) - exact) <= 1e-6 * max(abs(exact), 1e-6))
            }
        }
    }

    private func normalize(_ x: [Float], _ weight: [Float], _ count: Int, _ kernels: Kernels) -> [Float] {
        let output = GuardedBuffer(x.count, canary: floatCanary)
        kernels.normalize(x, weight: weight, epsilon: 1e-5, count: count, into: output.base)
        #expect(output.isIntact)
        return output.contents
    }

    @Test func `SiLU has the specification's bits, even in place, and is right`() {
        var generator = SeededGenerator(seed: 2)
        let tiny: [Float] = [0, -0.0, 0x1p-133, -0x1p-133]
        let extremes = tiny + [87, -87, 88, -88, 89, -89, 1000, -1000, 3e38, -3e38, 1, -1]
        for gate in [extremes] + (0..<40).map({ [Float].random(16 * ($0 % 5 + 1), in: -90...90, using: &generator) }) {
            let up = [Float].random(gate.count, in: -2...2, using: &generator)
            let expected = silu(gate, up, .specification)
            for kernels in Kernels.others { #expect(silu(gate, up, kernels).bits == expected.bits, "\(kernels.name)") }
            for index in gate.indices where abs(gate[index]) < 85 {
                let exact = Double(gate[index]) / (1 + exp(-Double(gate[index]))) * Double(up[index])
                #expect(abs(Double(expected[index]) - exact) <= 1e-6 * max(abs(exact), 1e-30))
            }
            for kernels in Kernels.available {
                var inPlace = gate
                inPlace.withUnsafeMutableBufferPointer {
                    kernels.siluMultiply(gate: $0.baseAddress!, up: up, count: gate.count, into: $0.baseAddress!)
                }
                #expect(inPlace.bits == expected.bits)
            }
        }
    }

    private func silu(_ gate: [Float], _ up: [Float], _ kernels: Kernels) -> [Float] {
        let output = GuardedBuffer(gate.count, canary: floatCanary)
        kernels.siluMultiply(gate: gate, up: up, count: gate.count, into: output.base)
        #expect(output.isIntact)
        return output.contents
    }
}

// MARK: - Quantization

extension VectorKernelTests {
    @Test func `activations are quantized by the formula, to the bit`() {
        var generator = SeededGenerator(seed: 3)
        for count in Self.lengths {
            for magnitude in [0, 0x1p-140, 1e-30, 1e-6, 1.27e-3, 1, 300, 1e38] as [Float] {
                check((0..<count).map { _ in Float.random(in: -magnitude...magnitude, using: &generator) })
            }
        }
    }

    @Test func `halves are rounded to even, and the largest is 127`() {
        // The largest magnitude is 127, so the scale is 1.
        var x: [Float] = [127, -127]
        for half in stride(from: Float(-126.5), through: 126.5, by: 1) { x += [half, half.nextUp, half.nextDown] }
        check(x)
        let (values, scale, _) = quantize(x, .best)
        #expect(scale == 1 && values[0] == 127 && values[1] == -127)
        #expect(Set(values.prefix(x.count)).contains(126))
    }

    @Test func `zeros, single outliers and signed zeros are quantized by the formula`() {
        check([Float](repeating: 0, count: 33))
        check([Float](repeating: -0.0, count: 64))
        check([0, 0, 0, 5e8, 0, -1])
        check([Float.leastNonzeroMagnitude, -Float.leastNormalMagnitude, 0])
        check([1e-5 * 127, 1e-5 * 126.5, -1e-5])
        check([.greatestFiniteMagnitude, -.greatestFiniteMagnitude, 1])
    }

    private func check(_ x: [Float]) {
        let expected = reference(x)
        for kernels in Kernels.available {
            let (values, scale, sum) = quantize(x, kernels)
            #expect(scale.bitPattern == expected.scale.bitPattern, "\(kernels.name), \(x.count)")
            #expect(values == expected.values, "\(kernels.name), \(x.count)")
            #expect(sum == expected.values.reduce(Int32(0)) { $0 + Int32($1) }, "\(kernels.name), \(x.count)")
        }
    }

    @Test(arguments: [16, 48, 64, 128])
    func `keys and values are quantized as activations are`(count: Int) {
        var generator = SeededGenerator(seed: UInt64(count))
        for magnitude in [0, 1e-6, 1, 300, 1e38] as [Float] {
            let x = (0..<count).map { _ in Float.random(in: -magnitude...magnitude, using: &generator) }
            let expected = reference(x)
            for kernels in Kernels.available {
                let values = GuardedBuffer(count, canary: Int8(-128))
                let scale = kernels.quantizeCached(x, count: count, into: values.base)
                #expect(scale.bitPattern == expected.scale.bitPattern, "\(kernels.name), \(magnitude)")
                #expect(values.contents == Array(expected.values.prefix(count)) && values.isIntact)
            }
        }
    }

    @Test(arguments: [Float.nan, -.nan, .infinity, -.infinity])
    func `a key or value with an element that is no finite number has no scale`(bad: Float) {
        for kernels in Kernels.available {
            for place in [0, 17, 63] {
                var x = [Float](repeating: 1, count: 64)
                x[place] = bad
                let values = GuardedBuffer(64, canary: Int8(0))
                #expect(kernels.quantizeCached(x, count: 64, into: values.base).isNaN, "\(kernels.name), \(place)")
                #expect(values.isIntact)
            }
        }
    }

    @Test(arguments: [1, 16, 63, 64, 576])
    func `two planes hold a vector to a part in 32,512 of its largest element`(count: Int) {
        var generator = SeededGenerator(seed: UInt64(count))
        let x = [Float].random(count, in: -20...20, using: &generator)
        let depth = Kernels.paddedDepth(count)
        for kernels in Kernels.available {
            let values = GuardedBuffer(2 * depth, canary: Int8(-128))
            let scales = GuardedBuffer(2, canary: floatCanary)
            let sums = GuardedBuffer(2, canary: Int32.min)
            let activations = Kernels.Activations(
                values: values.base, scales: scales.base, sums: sums.base, depth: depth, planes: 2)
            kernels.quantizePlanes(x, count: count, into: activations, row: 0)
            #expect(values.isIntact && scales.isIntact && sums.isIntact)
            let (high, low) = (Array(values.contents[..<depth]), Array(values.contents[depth...]))
            let largest = x.map(\.magnitude).max() ?? 0
            for index in 0..<count {
                let value = Float(high[index]) * scales.contents[0] + Float(low[index]) * scales.contents[1]
                #expect(abs(value - x[index]) <= largest / 32_512 * 1.001, "\(kernels.name), \(index)")
            }
            #expect((high + low).allSatisfy { $0 != -128 } && high[count...].allSatisfy { $0 == 0 })
            for (plane, sum) in zip([high, low], sums.contents) {
                #expect(sum == plane.reduce(Int32(0)) { $0 + Int32($1) })
            }
        }
    }

    @Test(arguments: [Float.nan, -.nan, .infinity, -.infinity])
    func `a vector with an element that is no finite number has planes without a scale`(bad: Float) {
        for kernels in Kernels.available {
            for place in [0, 17, 63] {
                var x = [Float](repeating: 1, count: 64)
                x[place] = bad
                let values = GuardedBuffer(128, canary: Int8(0))
                let scales = GuardedBuffer(2, canary: floatCanary)
                let sums = GuardedBuffer(2, canary: Int32(0))
                let activations = Kernels.Activations(
                    values: values.base, scales: scales.base, sums: sums.base, depth: 64, planes: 2)
                kernels.quantizePlanes(x, count: 64, into: activations, row: 0)
                #expect(scales.contents.allSatisfy { $0.isNaN }, "\(kernels.name), \(place)")
                #expect(values.isIntact && scales.isIntact && sums.isIntact)
            }
        }
    }

    @Test func `the largest element is found where it is first, and no row that is not finite has one`() {
        var generator = SeededGenerator(seed: 3)
        for kernels in Kernels.available {
            #expect(kernels.largest(UnsafeBufferPointer(start: nil, count: 0)) == nil)
            for count in [1, 5, 16, 17, 1024, 1025, 3000] {
                var row = (0..<count).map { _ in Float.random(in: -9...3, using: &generator) }
                let places = [Int.random(in: 0..<count, using: &generator), count - 1].sorted()
                for place in places { row[place] = 5 }
                #expect(row.withUnsafeBufferPointer(kernels.largest) == places[0], "\(kernels.name), \(count)")
                for bad in [Float.nan, .infinity, -.infinity] {
                    var broken = row
                    broken[Int.random(in: 0..<count, using: &generator)] = bad
                    #expect(broken.withUnsafeBufferPointer(kernels.largest) == nil, "\(kernels.name), \(count)")
                }
            }
        }
    }

    @Test(arguments: [2, 3, 12])
    func `each group of features is quantized as if it were a row of its own`(groups: Int) {
        var generator = SeededGenerator(seed: UInt64(groups))
        let width = 128
        let x = (0..<groups).flatMap { _ in
            let range = Float.random(in: 0.1...50, using: &generator)
            return (0..<width).map { _ in Float.random(in: -range...range, using: &generator) }
        }
        let values = GuardedBuffer(x.count, canary: Int8(-128))
        let scales = GuardedBuffer(groups, canary: floatCanary)
        let sums = GuardedBuffer(groups, canary: Int32.min)
        for kernels in Kernels.available {
            let activations = Kernels.Activations(
                values: values.base, scales: scales.base, sums: sums.base, depth: x.count, groups: groups)
            kernels.quantize(x, count: x.count, into: activations, row: 0)
            #expect(values.isIntact && scales.isIntact && sums.isIntact)
            for group in 0..<groups {
                let expected = reference(Array(x[group * width..<(group + 1) * width]))
                #expect(Array(values.contents[group * width..<(group + 1) * width]) == expected.values)
                #expect(scales.contents[group] == expected.scale)
                #expect(sums.contents[group] == expected.values.reduce(Int32(0)) { $0 + Int32($1) })
            }
        }
    }

    /// s = max(absmax / 127, 1e-5); q = clamp(rint(x * (1 / s)), -127, 127), halves to even; zeros up to the depth.
    private func reference(_ x: [Float]) -> (values: [Int8], scale: Float) {
        let scale = max((x.map(\.magnitude).max() ?? 0) / 127, 1e-5)
        let inverse = 1 / scale
        let values = x.map { Int8(min(max(($0 * inverse).rounded(.toNearestOrEven), -127), 127)) }
        return (values + [Int8](repeating: 0, count: Kernels.paddedDepth(x.count) - x.count), scale)
    }

    private func quantize(_ x: [Float], _ kernels: Kernels) -> (values: [Int8], scale: Float, sum: Int32) {
        let depth = Kernels.paddedDepth(x.count)
        let values = GuardedBuffer(2 * depth, canary: Int8(-128))
        var scales: [Float] = [0, 0]
        var sums: [Int32] = [0, 0]
        scales.withUnsafeMutableBufferPointer { scales in
            sums.withUnsafeMutableBufferPointer { sums in
                let activations = Kernels.Activations(
                    values: values.base, scales: scales.baseAddress!, sums: sums.baseAddress!, depth: depth)
                let padded = x + [Float](repeating: 0, count: Kernels.padded(x.count) - x.count)
                kernels.quantize(padded, count: x.count, into: activations, row: 1)
            }
        }
        #expect(
            values.isIntact && values.contents[..<depth].allSatisfy { $0 == -128 } && scales[0] == 0 && sums[0] == 0)
        return (Array(values.contents[depth...]), scales[1], sums[1])
    }
}

// MARK: - Conversions

extension VectorKernelTests {
    @Test func `every pattern of f16 becomes the float that it is`() {
        let patterns = (0...UInt16.max).map { $0 }
        for kernels in Kernels.available {
            let floats = convert(patterns, .f16, kernels)
            for (pattern, float) in zip(patterns, floats) {
                let expected = Float(Float16(bitPattern: pattern))
                if expected.isNaN {
                    #expect(float.isNaN && float.sign == Float16(bitPattern: pattern).sign)
                } else if float.bitPattern != expected.bitPattern {
                    Issue.record("\(kernels.name): \(pattern) became \(float), not \(expected)")
                }
            }
            #expect(floats.bits == convert(patterns, .f16, .specification).bits, "\(kernels.name), NaNs included")
        }
    }

    @Test func `every pattern of bf16 becomes the float whose upper half it is`() {
        let patterns = (0...UInt16.max).map { $0 }
        for kernels in Kernels.available {
            #expect(convert(patterns, .bf16, kernels).bits == patterns.map { UInt32($0) << 16 }, "\(kernels.name)")
        }
    }

    private func convert(_ patterns: [UInt16], _ precision: FloatMatrix.Precision, _ kernels: Kernels) -> [Float] {
        let output = GuardedBuffer(patterns.count, canary: floatCanary)
        kernels.convert(patterns, precision: precision, count: patterns.count, into: output.base)
        #expect(output.isIntact)
        return output.contents
    }

    /// Every f16, what lies halfway to the next, and the floats beside both.
    @Test func `floats are rounded to the nearest f16, halves to even`() {
        var x: [Float] = []
        for pattern in stride(from: 0, to: UInt16(0x7C00), by: 1) {
            let value = Float(Float16(bitPattern: pattern))
            let next = pattern == 0x7BFF ? 65_536 : Float(Float16(bitPattern: pattern + 1))
            let half = (value + next) / 2
            x += [value, value.nextUp, half.nextDown, half, half.nextUp]
        }
        x += [
            .infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude, .leastNormalMagnitude, 65_519.996, 65_520,
            1e10,
        ]
        x += x.map { -$0 }
        x += [.nan, -.nan] + [0x7FC0_1234, 0x7FA0_0001, 0xFF80_0001].map { Float(bitPattern: $0) }
        x += [Float](repeating: 0, count: Kernels.padded(x.count) - x.count)
        let expected = convert(x, .specification)
        for (float, pattern) in zip(x, expected) where !float.isNaN {
            if pattern != Float16(float).bitPattern { Issue.record("\(float) became \(pattern)") }
        }
        for (float, pattern) in zip(x, expected) where float.isNaN { #expect(Float16(bitPattern: pattern).isNaN) }
        for kernels in Kernels.others { #expect(convert(x, kernels) == expected, "\(kernels.name)") }
    }

    private func convert(_ x: [Float], _ kernels: Kernels) -> [UInt16] {
        let output = GuardedBuffer(x.count, canary: UInt16(0xBEEF))
        kernels.convert(x, count: x.count, toF16: output.base)
        #expect(output.isIntact)
        return output.contents
    }
}
