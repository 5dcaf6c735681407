import Foundation
import OctavoLlama
import OctavoTestSupport
import Testing

@Suite struct MatrixKernelTests {
    @Test(arguments: [64, 128, 192, 576, 1536])
    func `the INT8 product is exact, and every instruction set has the specification's bits`(depth: Int) {
        var generator = SeededGenerator(seed: UInt64(depth))
        for panels in 1...7 {
            for rows in 1...17 where depth < 576 || rows % 4 == 1 {
                let groups = rows % 2 == 0 ? 1 : depth / 64
                let product = IntegerProduct(
                    rows: rows, panels: panels, depth: depth, groups: groups, isExtreme: (rows + panels) % 3 == 0,
                    using: &generator)
                for accumulates in [false, true] {
                    let expected = product.compute(.specification, accumulates: accumulates)
                    #expect(expected.bits == product.reference(accumulates: accumulates).bits)
                    for kernels in Kernels.others {
                        let found = product.compute(kernels, accumulates: accumulates)
                        #expect(found.bits == expected.bits, "\(kernels.name), \(rows) rows, \(panels) panels")
                    }
                }
            }
        }
    }

    @Test(arguments: [64, 576])
    func `a vector in two planes has the product of their sum`(depth: Int) {
        var generator = SeededGenerator(seed: UInt64(depth))
        for vectors in [1, 2, 3, 4, 5, 9] {
            let planes = IntegerProduct(
                rows: 2 * vectors, panels: 4, depth: depth, groups: 1, isExtreme: false, using: &generator)
            let apart = planes.reference(accumulates: false)
            for kernels in Kernels.available {
                for accumulates in [false, true] {
                    let together = planes.compute(kernels, planes: 2, accumulates: accumulates)
                    for vector in 0..<vectors {
                        for channel in 0..<planes.channels {
                            let high = apart[2 * vector * planes.stride + channel]
                            let low = apart[(2 * vector + 1) * planes.stride + channel]
                            let place = vector * planes.stride + channel
                            let expected = accumulates ? (planes.before[place] + high) + low : high + low
                            #expect(together[place].bitPattern == expected.bitPattern, "\(kernels.name)")
                        }
                    }
                }
            }
        }
    }

    @Test func `the INT8 product is exact at its deepest`() {
        var generator = SeededGenerator(seed: 1)
        for rows in 1...3 {
            let product = IntegerProduct(
                rows: rows, panels: 4, depth: 65_536, groups: 1, isExtreme: true, using: &generator)
            let expected = product.reference(accumulates: false)
            for kernels in Kernels.available {
                let found = product.compute(kernels, accumulates: false)
                #expect(found.bits == expected.bits, "\(kernels.name), \(rows) rows")
            }
        }
    }

    @Test(arguments: [FloatMatrix.Precision.f32, .f16, .bf16])
    func `the float product has the specification's bits, and is right`(precision: FloatMatrix.Precision) {
        var generator = SeededGenerator(seed: 2)
        for depth in [1, 16, 24, 64, 100, 576] {
            for columns in [1, 3, 4, 5, 8, 23] {
                for rows in [1, 2, 3, 4, 5, 8, 11] {
                    let product = FloatProduct(
                        rows: rows, columns: columns, depth: depth, precision: precision, using: &generator)
                    let expected = product.compute(.specification)
                    for kernels in Kernels.others {
                        #expect(
                            product.compute(kernels).bits == expected.bits,
                            "\(kernels.name), \(rows)x\(columns)x\(depth)")
                    }
                    let exact = product.reference()
                    for (value, exact) in zip(expected, exact) {
                        #expect(abs(Double(value) - exact.sum) <= 1e-6 * exact.magnitude)
                    }
                }
            }
        }
    }
}

/// An INT8 product with all that it reads.
private struct IntegerProduct {
    let rows: Int
    let depth: Int
    let matrix: QuantizedMatrix
    let weights: [[Int8]]
    let values: [Int8]
    let scales: [Float]
    let before: [Float]
    var channels: Int { matrix.panelCount * Kernels.panel }
    var stride: Int { channels + 5 }

    /// - Parameter isExtreme: all weights are -128 or 127 and all activations -127 or 127.
    init(
        rows: Int, panels: Int, depth: Int, groups: Int, isExtreme: Bool, using generator: inout SeededGenerator
    ) {
        self.rows = rows
        self.depth = depth
        matrix = QuantizedMatrix(depth: depth, panelCount: panels, groupCount: groups)
        let channels = panels * Kernels.panel
        // The last columns are padding, unless all weights are to be extreme, and so is the last channel.
        let columns = isExtreme ? depth : depth - 7
        weights = (0..<channels).map { channel in
            let sign = Bool.random(using: &generator)
            return (0..<(channel == channels - 1 ? 0 : columns)).map { _ in
                isExtreme ? (sign ? -128 : 127) : Int8.random(in: -128...127, using: &generator)
            }
        }
        values = (0..<rows).flatMap { row in
            (0..<depth).map { _ in
                isExtreme ? (row % 2 == 0 ? 127 : -127) : Int8.random(in: -127...127, using: &generator)
            }
        }
        scales = (0..<rows * groups).map { _ in Float.random(in: 1e-5...3, using: &generator) }
        before = [Float].random(rows * (channels + 5), in: -4...4, using: &generator)
        for first in Swift.stride(from: 0, to: channels, by: Kernels.panel) {
            let rows = weights[first..<first + Kernels.panel].filter { !$0.isEmpty }
            Kernels.pack(
                Array(rows.joined()), rows: rows.count, count: columns, depth: depth,
                into: matrix.panels.base + first * depth)
        }
        for channel in 0..<channels { matrix.scales.base[channel] = Float.random(in: 1e-4...1e-1, using: &generator) }
    }

    /// The rows of the output, columns beyond the matrix included.
    func compute(_ kernels: Kernels, planes: Int = 1, accumulates: Bool) -> [Float] {
        let output = GuardedBuffer(rows * stride, canary: floatCanary)
        output.fill(Array(before.prefix(rows * stride)))
        var (values, scales) = (values, scales)
        let width = depth / matrix.groupCount
        var sums = Swift.stride(from: 0, to: values.count, by: width).map { first in
            values[first..<first + width].reduce(Int32(0)) { $0 + Int32($1) }
        }
        values.withUnsafeMutableBufferPointer { values in
            scales.withUnsafeMutableBufferPointer { scales in
                sums.withUnsafeMutableBufferPointer { sums in
                    let activations = Kernels.Activations(
                        values: values.baseAddress!, scales: scales.baseAddress!, sums: sums.baseAddress!,
                        depth: depth, groups: matrix.groupCount, planes: planes)
                    // In two parts, as two threads would.
                    let middle = matrix.panelCount / 2
                    for part in [0..<middle, middle..<matrix.panelCount] {
                        kernels.multiply(
                            activations, rows: rows / planes, by: matrix, panels: part, into: output.base,
                            stride: stride,
                            accumulates: accumulates)
                    }
                }
            }
        }
        #expect(output.isIntact)
        return output.contents
    }

    func reference(accumulates: Bool) -> [Float] {
        var output = Array(before.prefix(rows * stride))
        for row in 0..<rows {
            for (channel, weights) in weights.enumerated() {
                var total: Float = 0
                for group in 0..<matrix.groupCount {
                    let width = depth / matrix.groupCount
                    var sum = 0
                    for index in weights.indices.clamped(to: group * width..<(group + 1) * width) {
                        sum += Int(weights[index]) * Int(values[row * depth + index])
                    }
                    total.addProduct(Float(sum), scales[row * matrix.groupCount + group])
                }
                let value = total * matrix.scales.base[channel]
                output[row * stride + channel] = accumulates ? output[row * stride + channel] + value : value
            }
        }
        return output
    }
}

/// A float product with all that it reads.
private struct FloatProduct {
    let rows: Int
    let matrix: FloatMatrix
    let vectors: [Float]

    init(
        rows: Int, columns: Int, depth: Int, precision: FloatMatrix.Precision, using generator: inout SeededGenerator
    ) {
        self.rows = rows
        matrix = FloatMatrix(rows: columns, columns: depth, precision: precision)
        vectors = (0..<rows).flatMap { _ in [Float].random(depth, in: -2...2, using: &generator) }
        for column in 0..<columns {
            let row = matrix.address(ofRow: column)
            for (index, value) in [Float].random(depth, in: -2...2, using: &generator).enumerated() {
                switch precision {
                case .f32: row.storeBytes(of: value, toByteOffset: index * 4, as: Float.self)
                case .f16: row.storeBytes(of: Float16(value), toByteOffset: index * 2, as: Float16.self)
                case .bf16:
                    row.storeBytes(of: UInt16(value.bitPattern >> 16), toByteOffset: index * 2, as: UInt16.self)
                }
            }
        }
    }

    func compute(_ kernels: Kernels) -> [Float] {
        let stride = matrix.rows + 3
        let output = GuardedBuffer(rows * stride, canary: floatCanary)
        let middle = matrix.rows / 8 * 4
        for part in [0..<middle, middle..<matrix.rows] {
            kernels.multiply(vectors, rows: rows, by: matrix, columns: part, into: output.base, stride: stride)
        }
        let contents = output.contents
        #expect(output.isIntact)
        for row in 0..<rows {
            #expect(contents[row * stride + matrix.rows..<(row + 1) * stride].allSatisfy { $0 == floatCanary })
        }
        return (0..<rows).flatMap { contents[$0 * stride..<$0 * stride + matrix.rows] }
    }

    /// Each element in double precision, and the sum of its terms' magnitudes.
    func reference() -> [(sum: Double, magnitude: Double)] {
        (0..<rows).flatMap { row in
            (0..<matrix.rows).map { column in
                let terms = (0..<matrix.depth).map { Double(vectors[row * matrix.depth + $0]) * weight(column, $0) }
                return (terms.reduce(0, +), terms.reduce(0) { $0 + abs($1) } + 1e-30)
            }
        }
    }

    private func weight(_ row: Int, _ index: Int) -> Double {
        let address = matrix.address(ofRow: row)
        switch matrix.precision {
        case .f32: return Double(address.load(fromByteOffset: index * 4, as: Float.self))
        case .f16: return Double(address.load(fromByteOffset: index * 2, as: Float16.self))
        case .bf16:
            let bits = UInt32(address.load(fromByteOffset: index * 2, as: UInt16.self)) << 16
            return Double(Float(bitPattern: bits))
        }
    }
}
