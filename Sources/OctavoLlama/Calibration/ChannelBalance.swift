import OctavoWeights

/// Factors that make the inputs of a block's down projection more alike in magnitude: the up projection's output channels
/// are divided by them, the down projection's input channels multiplied. The block computes the same.
///
/// What enters the down projection is a product of two activations, and no rotation can be folded through a product. But
/// a few of its channels stand out on every text, and those can be made smaller at the weights' expense:
/// factor = sqrt(largest input / largest weight), with an exponent of one half as in the paper.
///
/// - SeeAlso: Xiao et al., "SmoothQuant", 2022, arXiv:2211.10438, equation 4.
struct ChannelBalance {
    /// `[intermediateSize]`.
    let factors: [Float]
    private let block: Int

    /// - Parameter inputs: what the down projection reads in a sample.
    /// - Throws: `WeightsError` when its weights cannot be read.
    init(block: Int, of weights: any ModelWeights, inputs: ActivationStatistics?) throws(WeightsError) {
        self.block = block
        let down = try weights.matrix(.down(block))
        var largest = [Float](repeating: 0, count: down.columns)
        var row = largest
        for index in 0..<down.rows {
            row.withUnsafeMutableBufferPointer { down.read(rows: index..<index + 1, into: $0) }
            for column in row.indices { largest[column] = max(largest[column], abs(row[column])) }
        }
        let magnitudes = inputs?.magnitudes ?? largest
        factors = zip(magnitudes, largest).map { input, weight in
            // A channel that is silent in the sample, or unused, is left alone.
            input > 0 && weight > 0 ? (input / weight).squareRoot() : 1
        }
    }

    /// A matrix of the block with the factors in it.
    func matrix(_ role: TensorRole, of weights: any ModelWeights) throws(WeightsError) -> any WeightRows {
        let matrix = try weights.matrix(role)
        switch role {
        case .up(block): return ScaledRows(matrix, rowFactors: factors.map { 1 / $0 }, columnFactors: nil)
        case .down(block): return ScaledRows(matrix, rowFactors: nil, columnFactors: factors)
        default: return matrix
        }
    }
}

/// A matrix whose rows or columns are multiplied by factors.
private struct ScaledRows: WeightRows {
    var rows: Int { source.rows }
    var columns: Int { source.columns }
    var elementType: ElementType { source.elementType }
    private let source: any WeightRows
    private let rowFactors: [Float]?
    private let columnFactors: [Float]?

    init(_ source: any WeightRows, rowFactors: [Float]?, columnFactors: [Float]?) {
        self.source = source
        self.rowFactors = rowFactors
        self.columnFactors = columnFactors
    }

    func read(rows range: Range<Int>, into buffer: UnsafeMutableBufferPointer<Float>) {
        source.read(rows: range, into: buffer)
        for (index, row) in range.enumerated() {
            let factor = rowFactors?[row] ?? 1
            for column in 0..<columns {
                buffer[index * columns + column] *= factor * (columnFactors?[column] ?? 1)
            }
        }
    }
}
