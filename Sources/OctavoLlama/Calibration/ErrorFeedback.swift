package import OctavoWeights

/// Rounding to INT8 in which each weight's error is made good by the weights that are not rounded yet, as far as the
/// inputs of the layer go together.
///
/// For row w, feature by feature in the order of U: q = rint(w_j / s), e = (w_j - q s) / U_jj, and w_k -= e U_jk for all
/// later features k. It minimizes the error of the layer's output over the sample, feature by feature.
///
/// - SeeAlso: Frantar et al., "GPTQ", 2022, arXiv:2210.17323, equations 2 to 4.
package struct ErrorFeedback {
    /// Per block of features, its factor.
    private let factors: [(features: Range<Int>, factor: InverseFactor)]
    /// Rows that are rounded together, one in each lane.
    private typealias Lanes = SIMD16<Float>

    /// - Parameter damping: see `InverseFactor`; a hundredth, as in the paper.
    package init(_ statistics: ActivationStatistics, damping: Float = 0.01, kernels: Kernels, threads: ComputeThreads) {
        factors = zip(statistics.blocks, statistics.products).map { block, products in
            (block, InverseFactor(products, size: block.count, damping: damping, kernels: kernels, threads: threads))
        }
    }

    /// Rounds a matrix.
    ///
    /// - Parameter letGo: called now and then, since a head can be larger than all that is computed at a time.
    package func round(
        _ matrix: any WeightRows, threads: ComputeThreads, letGo: () -> Void = {}
    ) -> QuantizedRows {
        let result = QuantizedRows(rows: matrix.rows, columns: matrix.columns)
        for first in stride(from: 0, to: matrix.rows, by: Self.pieceRows) {
            let rows = first..<min(first + Self.pieceRows, matrix.rows)
            threads.run { [self] index in round(rows, of: matrix, into: result, thread: index, of: threads.count) }
            letGo()
        }
        return result
    }

    /// Rows between two calls of `letGo`; a multiple of the lanes.
    private static let pieceRows = 16_384

    private func round(
        _ rows: Range<Int>, of matrix: any WeightRows, into result: QuantizedRows, thread: Int, of threadCount: Int
    ) {
        let values = AlignedBuffer<Float>(count: Lanes.scalarCount * matrix.columns)
        let lanes = AlignedBuffer<Lanes>(count: matrix.columns)
        let step = Lanes.scalarCount
        for first in stride(from: rows.lowerBound + thread * step, to: rows.upperBound, by: threadCount * step) {
            let group = first..<min(first + step, rows.upperBound)
            matrix.read(
                rows: group,
                into: UnsafeMutableBufferPointer(start: values.base, count: group.count * matrix.columns))
            round(group, values.base, lanes.base, into: result)
        }
    }

    private func round(
        _ rows: Range<Int>, _ values: UnsafePointer<Float>, _ lanes: UnsafeMutablePointer<Lanes>,
        into result: QuantizedRows
    ) {
        var scales = Lanes(repeating: 1)
        for row in 0..<rows.count {
            var largest: Float = 0
            for column in 0..<result.columns { largest = max(largest, abs(values[row * result.columns + column])) }
            if largest != 0 { scales[row] = largest / 127 }
            result.scales[rows.lowerBound + row] = scales[row]
        }
        for (features, factor) in factors {
            for (place, feature) in factor.order.enumerated() {
                for row in 0..<rows.count {
                    lanes[place][row] = values[row * result.columns + features.lowerBound + feature]
                }
            }
            for place in 0..<factor.size {
                let upper = factor.values.base + place * factor.size
                let rounded = (lanes[place] / scales).rounded(.toNearestOrEven)
                let integers = rounded.clamped(
                    lowerBound: Lanes(repeating: -127), upperBound: Lanes(repeating: 127))
                let error = (lanes[place] - integers * scales) / upper[place]
                for later in place + 1..<max(factor.size, place + 1) { lanes[later] -= error * upper[later] }
                let column = features.lowerBound + factor.order[place]
                for row in 0..<rows.count {
                    result.values[(rows.lowerBound + row) * result.columns + column] =
                        integers[row].isNaN ? 0 : Int8(integers[row])
                }
            }
        }
    }
}
