/// Multiplication by an orthogonal matrix whose entries all have the same magnitude, in O(n log n).
///
/// The matrix is R = D H: D a diagonal of random signs, H a normalized Hadamard matrix. H is the Kronecker product of
/// Hadamard matrices of order 2 (Sylvester's), 12 and 20 (Paley's). Sizes that are no such product get blocks of H
/// along the diagonal. Turning a vector so spreads what stands out in a few elements over all of them, which is what
/// INT8 with one scale needs.
///
/// - SeeAlso: Ashkboos et al., "QuaRot", 2024, arXiv:2404.00456; Paley, "On Orthogonal Matrices", 1933.
package struct HadamardTransform: Sendable {
    /// n, the number of elements that are turned together.
    package let size: Int
    /// The orders of the Hadamard matrices whose Kronecker product is a block, the last one innermost.
    private let orders: [Int]
    /// D, divided by the square root of a block's size.
    private let signs: [Float]

    /// - Parameter seed: makes the signs; the same ones for the same seed everywhere.
    package init(size: Int, seed: UInt64) {
        precondition(size > 0, "a transform of no elements")
        self.size = size
        orders = Self.orders(of: size)
        let magnitude = 1 / Float(orders.reduce(1, *)).squareRoot()
        var generator = SplitMix64(state: seed)
        signs = (0..<size).map { _ in generator.next() >> 63 == 0 ? magnitude : -magnitude }
    }

    /// x R for vectors that lie side by side.
    ///
    /// - Parameter vectors: `[size][width]`, replaced by the result: element `i` of vector `j` is at `[i][j]`. A single
    ///   vector has width 1.
    package func apply(to vectors: UnsafeMutablePointer<Float>, width: Int) {
        for element in 0..<size {
            let (sign, row) = (signs[element], vectors + element * width)
            for column in 0..<width { row[column] *= sign }
        }
        var inner = width
        for order in orders.reversed() {
            if order == 2 {
                addAndSubtract(vectors, count: size * width, inner: inner)
            } else {
                multiply(vectors, count: size * width, inner: inner, order: order)
            }
            inner *= order
        }
    }

    /// The factors 2, 12 and 20 of `size`, or of its largest divisor that is a product of them.
    private static func orders(of size: Int) -> [Int] {
        var orders: [Int] = []
        var rest = size
        for order in [20, 12] {
            while rest % order == 0 {
                orders.append(order)
                rest /= order
            }
        }
        while rest % 2 == 0 {
            orders.append(2)
            rest /= 2
        }
        return orders
    }

    /// (a, b) → (a + b, a - b) for elements `inner` floats apart.
    private func addAndSubtract(_ values: UnsafeMutablePointer<Float>, count: Int, inner: Int) {
        for start in stride(from: 0, to: count, by: 2 * inner) {
            let (first, second) = (values + start, values + start + inner)
            for index in 0..<inner {
                let (a, b) = (first[index], second[index])
                first[index] = a + b
                second[index] = a - b
            }
        }
    }

    /// Groups of `order` elements, `inner` floats apart, times Paley's matrix.
    private func multiply(_ values: UnsafeMutablePointer<Float>, count: Int, inner: Int, order: Int) {
        let matrix = Self.paley(order: order)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: order) { group in
            for start in stride(from: 0, to: count, by: order * inner) {
                for offset in start..<start + inner {
                    for element in 0..<order { group[element] = values[offset + element * inner] }
                    for output in 0..<order {
                        var sum: Float = 0
                        for element in 0..<order { sum += group[element] * matrix[output * order + element] }
                        values[offset + output * inner] = sum
                    }
                }
            }
        }
    }

    /// Paley's first construction for a prime `order - 1` of the form 4k + 3: `[output][input]`, entries 1 and -1.
    static func paley(order: Int) -> [Float] {
        let prime = order - 1
        let squares = Set((1..<prime).map { $0 * $0 % prime })
        return (0..<order * order).map { index in
            let (output, input) = index.quotientAndRemainder(dividingBy: order)
            if output == input { return 1 }
            if input == 0 { return 1 }
            if output == 0 { return -1 }
            return squares.contains((input - output + prime) % prime) ? 1 : -1
        }
    }
}
