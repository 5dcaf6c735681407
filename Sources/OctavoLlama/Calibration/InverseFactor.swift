/// The upper triangular U with UᵀU = (H + λI)⁻¹, features in the order in which they are to be rounded.
///
/// Features that vary most come first, while there are still many others to make good for their errors. U is found
/// without H's inverse: with the order reversed, H = L Lᵀ by Cholesky's factorization, and L⁻¹ reversed is U.
struct InverseFactor {
    /// Features.
    let size: Int
    /// The feature at each place in the order.
    let order: [Int]
    /// U, `[size][size]`.
    let values: AlignedBuffer<Float>

    /// Features that are factored together.
    private static let block = 64
    /// Columns of the inverse that are computed together.
    private static let columnBlock = 32

    /// - Parameter products: H, `[size][size]`.
    /// - Parameter damping: λ as a share of the mean of H's diagonal; keeps directions that the sample lacks in check.
    init(_ products: AlignedBuffer<Float>, size: Int, damping: Float, kernels: Kernels, threads: ComputeThreads) {
        self.size = size
        let diagonal = (0..<size).map { products.base[$0 * size + $0] }
        order = (0..<size).sorted { (diagonal[$0], $1) > (diagonal[$1], $0) }
        let mean = diagonal.reduce(0, +) / Float(size)
        let lambda = mean > 0 ? damping * mean : 1
        let lower = AlignedBuffer<Float>(count: size * size)
        for row in 0..<size {
            let source = products.base + order[size - 1 - row] * size
            for column in 0...row { lower.base[row * size + column] = source[order[size - 1 - column]] }
            lower.base[row * size + row] += lambda
        }
        Self.factor(lower.base, size: size, kernels: kernels, threads: threads)
        values = AlignedBuffer(count: size * size)
        Self.invert(lower.base, size: size, into: values.base, threads: threads)
    }

    /// Replaces the lower triangle of a positive definite matrix by its Cholesky factor, block by block.
    private static func factor(
        _ matrix: UnsafeMutablePointer<Float>, size: Int, kernels: Kernels, threads: ComputeThreads
    ) {
        let matrix = SharedFloats(matrix)
        for start in stride(from: 0, to: size, by: block) {
            let end = min(start + block, size)
            factorDiagonal(matrix.base, size: size, start..<end)
            let rest = size - end
            guard rest > 0 else { return }
            // The columns below, solved row by row and copied side by side for the product.
            let panel = FloatMatrix(rows: rest, columns: end - start, precision: .f32)
            threads.run { index in
                for row in threads.share(rest, index: index) {
                    solve(row: end + row, matrix.base, size: size, start..<end)
                    panel.address(ofRow: row).copyMemory(
                        from: matrix.base + (end + row) * size + start, byteCount: (end - start) * 4)
                }
            }
            subtractProduct(of: panel, from: matrix, size: size, first: end, kernels: kernels, threads: threads)
        }
    }

    /// Takes panel · panelᵀ off the lower triangle that begins at `first`.
    private static func subtractProduct(
        of panel: FloatMatrix, from matrix: SharedFloats, size: Int, first: Int, kernels: Kernels,
        threads: ComputeThreads
    ) {
        let strips = (panel.rows + block - 1) / block
        threads.run { index in
            let product = AlignedBuffer<Float>(count: block * panel.rows)
            for strip in stride(from: index, to: strips, by: threads.count) {
                let rows = strip * block..<min((strip + 1) * block, panel.rows)
                kernels.multiply(
                    panel.address(ofRow: rows.lowerBound).assumingMemoryBound(to: Float.self), rows: rows.count,
                    by: panel, columns: 0..<rows.upperBound, into: product.base, stride: panel.rows)
                for row in rows {
                    let target = matrix.base + (first + row) * size + first
                    let source = product.base + (row - rows.lowerBound) * panel.rows
                    for column in 0...row { target[column] -= source[column] }
                }
            }
        }
    }

    private static func factorDiagonal(_ matrix: UnsafeMutablePointer<Float>, size: Int, _ range: Range<Int>) {
        for column in range {
            for row in column..<range.upperBound {
                var sum = Double(matrix[row * size + column])
                for inner in range.lowerBound..<column {
                    sum -= Double(matrix[row * size + inner]) * Double(matrix[column * size + inner])
                }
                // Rounding can leave nothing of a direction that hardly varies.
                matrix[row * size + column] =
                    row == column
                    ? Float(max(sum, 1e-20).squareRoot()) : Float(sum / Double(matrix[column * size + column]))
            }
        }
    }

    private static func solve(row: Int, _ matrix: UnsafeMutablePointer<Float>, size: Int, _ range: Range<Int>) {
        let target = matrix + row * size
        for column in range {
            var sum = target[column]
            for inner in range.lowerBound..<column { sum -= target[inner] * matrix[column * size + inner] }
            target[column] = sum / matrix[column * size + column]
        }
    }

    /// Writes the reversed inverse of a lower triangular matrix: `upper[n-1-i][n-1-j]` = L⁻¹`[i][j]`.
    private static func invert(
        _ lower: UnsafeMutablePointer<Float>, size: Int, into upper: UnsafeMutablePointer<Float>,
        threads: ComputeThreads
    ) {
        let (lower, upper) = (SharedFloats(lower), SharedFloats(upper))
        let blocks = (size + columnBlock - 1) / columnBlock
        threads.run { index in
            let columns = AlignedBuffer<Float>(count: size * columnBlock)
            for block in stride(from: index, to: blocks, by: threads.count) {
                let first = block * columnBlock
                let width = min(columnBlock, size - first)
                for row in first..<size {
                    let target = columns.base + row * columnBlock
                    for column in 0..<columnBlock { target[column] = row - first == column ? 1 : 0 }
                    for inner in first..<row {
                        let factor = lower.base[row * size + inner]
                        let source = columns.base + inner * columnBlock
                        for column in 0..<columnBlock { target[column] -= factor * source[column] }
                    }
                    let divisor = lower.base[row * size + row]
                    let reversed = upper.base + (size - 1 - row) * size + (size - 1 - first)
                    for column in 0..<columnBlock { target[column] /= divisor }
                    for column in 0..<width { reversed[-column] = target[column] }
                }
            }
        }
    }
}

/// Memory of which every thread writes a part of its own.
struct SharedFloats: @unchecked Sendable {
    let base: UnsafeMutablePointer<Float>
    init(_ base: UnsafeMutablePointer<Float>) { self.base = base }
}
