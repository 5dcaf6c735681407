import OctavoWeights

/// How a linear layer's inputs go together over a sample of text: H = sum over tokens of x xᵀ.
///
/// Wide inputs are divided into blocks of features, and products across blocks are left out: memory stays bounded, and
/// what rounding errors of different blocks do to each other is small.
package final class ActivationStatistics {
    /// The widest block.
    static let maximumBlock = 4096

    /// The features of each block.
    let blocks: [Range<Int>]
    /// Per block, `[width][width]`.
    let products: [AlignedBuffer<Float>]

    package init(features: Int) {
        let count = (features + Self.maximumBlock - 1) / Self.maximumBlock
        blocks = (0..<count).map { features * $0 / count..<features * ($0 + 1) / count }
        products = blocks.map { AlignedBuffer(count: $0.count * $0.count) }
    }

    /// Adds the rows of a window.
    package func add(_ rows: FloatRows, kernels: Kernels, threads: ComputeThreads) {
        for (block, product) in zip(blocks, products) {
            // Features as rows, so that the product of two features is a product of two rows.
            let transposed = FloatMatrix(rows: block.count, columns: rows.count, precision: .f32)
            let sum = AlignedBuffer<Float>(count: block.count * block.count)
            threads.run { index in
                for feature in threads.share(block.count, index: index) {
                    let target = transposed.address(ofRow: feature).assumingMemoryBound(to: Float.self)
                    for row in 0..<rows.count { target[row] = rows[row][block.lowerBound + feature] }
                }
            }
            threads.run { index in
                let columns = threads.share(block.count, index: index, unit: 4)
                kernels.multiply(
                    transposed.address(ofRow: 0).assumingMemoryBound(to: Float.self), rows: block.count,
                    by: transposed, columns: columns, into: sum.base, stride: block.count)
                for feature in 0..<block.count {
                    let offset = feature * block.count
                    for column in columns { product.base[offset + column] += sum.base[offset + column] }
                }
            }
        }
    }
}
