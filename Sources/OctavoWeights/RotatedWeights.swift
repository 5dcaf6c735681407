/// The weights of a model whose residual stream and values are turned, so that no element of an activation stands out:
/// another Llama model that computes the same.
///
/// RMSNorm's weights are folded into the layers that read it. What reads the residual stream is multiplied by R, what
/// writes it by R's transpose, and RMSNorm itself does not notice, as R keeps lengths. A head's values are turned by the
/// value projection and turned back by the attention output. The result costs nothing to run, but the head is no longer
/// the embedding.
///
/// - SeeAlso: QuaRot, 2024, arXiv:2404.00456 (its stages 1a and 1c); SpinQuant, 2024, arXiv:2405.16406 (R1 and R2).
package struct RotatedWeights: ModelWeights {
    /// The source's, but never tied.
    package let configuration: ModelConfiguration
    package var path: String { source.path }
    private let source: any ModelWeights
    private let residual: HadamardTransform
    private let head: HadamardTransform
    private let parallel: Parallel

    /// - Parameter parallel: what large matrices are computed with.
    package init(_ source: any ModelWeights, parallel: @escaping Parallel) {
        self.source = source
        self.parallel = parallel
        var configuration = source.configuration
        configuration.tiesEmbeddings = false
        self.configuration = configuration
        residual = HadamardTransform(size: configuration.hiddenSize, seed: 1)
        head = HadamardTransform(size: configuration.headDimension, seed: 2)
    }
}

// MARK: - Tensors

extension RotatedWeights {
    package func vector(_ role: TensorRole) throws(WeightsError) -> [Float] {
        [Float](repeating: 1, count: try source.vector(role).count)
    }

    package func releasePages() { source.releasePages() }

    package func matrix(_ role: TensorRole) throws(WeightsError) -> any WeightRows {
        let matrix = try source.matrix(role)
        switch role {
        case .tokenEmbedding: return TurnedRows(matrix, by: residual)
        case .outputHead: return TurnedRows(matrix, by: residual, scaledBy: try source.vector(.outputNorm))
        case .query(let layer), .key(let layer):
            return TurnedRows(matrix, by: residual, scaledBy: try source.vector(.attentionNorm(layer)))
        case .gate(let layer), .up(let layer):
            return TurnedRows(matrix, by: residual, scaledBy: try source.vector(.feedForwardNorm(layer)))
        case .value(let layer):
            let turned = TurnedRows(matrix, by: residual, scaledBy: try source.vector(.attentionNorm(layer)))
            return DenseRows(turned, parallel: parallel).turnOutputs(by: head, parallel: parallel)
        case .attentionOutput:
            let turned = TurnedRows(matrix, by: head)
            return DenseRows(turned, parallel: parallel).turnOutputs(by: residual, parallel: parallel)
        case .down: return DenseRows(matrix, parallel: parallel).turnOutputs(by: residual, parallel: parallel)
        case .outputNorm, .attentionNorm, .feedForwardNorm:
            preconditionFailure("the source gave a matrix for a vector's role")
        }
    }
}

/// The rows of a matrix, each multiplied by a vector, if there is one, and then by R, piece by piece of R's size.
private struct TurnedRows: WeightRows {
    var rows: Int { source.rows }
    var columns: Int { source.columns }
    /// Turned elements lie near each other in magnitude, where f16 has more digits than bf16.
    var elementType: ElementType { source.elementType == .f32 ? .f32 : .f16 }
    private let source: any WeightRows
    private let transform: HadamardTransform
    private let factors: [Float]?

    init(_ source: any WeightRows, by transform: HadamardTransform, scaledBy factors: [Float]? = nil) {
        precondition(source.columns % transform.size == 0, "rows are no whole number of pieces")
        self.source = source
        self.transform = transform
        self.factors = factors
    }

    func read(rows range: Range<Int>, into buffer: UnsafeMutableBufferPointer<Float>) {
        source.read(rows: range, into: buffer)
        guard let base = buffer.baseAddress else { return }
        for row in 0..<range.count {
            let values = base + row * columns
            if let factors { for column in 0..<columns { values[column] *= factors[column] } }
            for start in stride(from: 0, to: columns, by: transform.size) {
                transform.apply(to: values + start, width: 1)
            }
        }
    }
}

/// A matrix in memory, as f32.
///
/// Written while it is made only, and then shared: hence the unchecked conformance.
private final class DenseRows: WeightRows, @unchecked Sendable {
    let rows: Int
    let columns: Int
    let elementType: ElementType
    private let values: UnsafeMutableBufferPointer<Float>
    /// Columns that are turned at a time: few enough to stay in the cache.
    private static let columnBlock = 32

    /// Reads all rows of `source`.
    init(_ source: any WeightRows, parallel: Parallel) {
        rows = source.rows
        columns = source.columns
        elementType = source.elementType == .f32 ? .f32 : .f16
        values = .allocate(capacity: source.rows * source.columns)
        let (values, columns) = (UncheckedBuffer(values), columns)
        parallel(rows) { row in
            source.read(
                rows: row..<row + 1,
                into: UnsafeMutableBufferPointer(rebasing: values.buffer[row * columns..<(row + 1) * columns]))
        }
    }

    deinit { values.deallocate() }

    func read(rows range: Range<Int>, into buffer: UnsafeMutableBufferPointer<Float>) {
        _ = buffer.update(fromContentsOf: values[range.lowerBound * columns..<range.upperBound * columns])
    }

    /// Multiplies by R's transpose from the left, piece by piece of R's size.
    func turnOutputs(by transform: HadamardTransform, parallel: Parallel) -> DenseRows {
        precondition(rows % transform.size == 0, "columns are no whole number of pieces")
        let blocks = (columns + Self.columnBlock - 1) / Self.columnBlock
        parallel(blocks * (rows / transform.size)) { item in
            let (piece, block) = item.quotientAndRemainder(dividingBy: blocks)
            let firstColumn = block * Self.columnBlock
            turn(
                firstRow: piece * transform.size,
                firstColumn..<min(firstColumn + Self.columnBlock, columns), by: transform)
        }
        return self
    }

    private func turn(firstRow: Int, _ range: Range<Int>, by transform: HadamardTransform) {
        let width = range.count
        withUnsafeTemporaryAllocation(of: Float.self, capacity: transform.size * width) { block in
            guard let base = block.baseAddress, let values = values.baseAddress else { return }
            for row in 0..<transform.size {
                let source = values + (firstRow + row) * columns + range.lowerBound
                (base + row * width).update(from: source, count: width)
            }
            transform.apply(to: base, width: width)
            for row in 0..<transform.size {
                let target = values + (firstRow + row) * columns + range.lowerBound
                target.update(from: base + row * width, count: width)
            }
        }
    }
}

/// Memory of which every thread writes a part of its own.
private struct UncheckedBuffer: @unchecked Sendable {
    let buffer: UnsafeMutableBufferPointer<Float>
    init(_ buffer: UnsafeMutableBufferPointer<Float>) { self.buffer = buffer }
}
