package import OctavoWeights

/// A float matrix: the embedding, the output head, or a linear layer that is not quantized.
///
/// f16 and bf16 stay as the checkpoint has them; f32 and block-quantized types are kept as f32.
package final class FloatMatrix: Sendable {
    /// How elements are stored.
    package enum Precision: Sendable {
        case f32, f16, bf16

        package var byteCount: Int { self == .f32 ? 4 : 2 }

        /// The precision that keeps elements of a type as they are.
        init(keeping type: ElementType) {
            self =
                switch type {
                case .f16: .f16
                case .bf16: .bf16
                default: .f32
                }
        }
    }

    /// Rows: tokens of the vocabulary.
    package let rows: Int
    /// Elements in a row, with padding.
    package let depth: Int
    /// How elements are stored.
    package let precision: Precision
    private let storage: AlignedBuffer<UInt8>

    /// A matrix of zeros.
    package init(rows: Int, columns: Int, precision: Precision) {
        self.rows = rows
        self.precision = precision
        depth = Kernels.padded(columns)
        storage = AlignedBuffer(count: rows * depth * precision.byteCount)
    }

    /// Copies matrices of equal column counts, one above the other, on all threads.
    ///
    /// With more than one, each begins at a whole panel, as in `QuantizedMatrix`.
    package convenience init(stacking matrices: [any WeightRows], kernels: Kernels = .best, threads: ComputeThreads) {
        let precision = Precision(keeping: matrices[0].elementType)
        var firstRows: [Int] = []
        var rows = 0
        for matrix in matrices {
            precondition(matrix.columns == matrices[0].columns, "stacked matrices must have the same input")
            firstRows.append(rows)
            rows += matrices.count == 1 ? matrix.rows : Kernels.padded(matrix.rows)
        }
        self.init(rows: rows, columns: matrices[0].columns, precision: precision)
        for (matrix, firstRow) in zip(matrices, firstRows) {
            copy(matrix, to: firstRow, kernels: kernels, threads: threads)
        }
    }

    private func copy(_ matrix: any WeightRows, to firstRow: Int, kernels: Kernels, threads: ComputeThreads) {
        threads.run { [self] index in
            let values = AlignedBuffer<Float>(count: depth)
            for row in threads.share(matrix.rows, index: index) {
                matrix.read(
                    rows: row..<row + 1, into: UnsafeMutableBufferPointer(start: values.base, count: matrix.columns))
                store(values.base, row: firstRow + row, kernels: kernels)
            }
        }
    }

    /// Stores a padded row, rounded to the precision.
    private func store(_ values: UnsafePointer<Float>, row: Int, kernels: Kernels) {
        let target = address(ofRow: row)
        switch precision {
        case .f32: target.copyMemory(from: values, byteCount: depth * 4)
        case .f16: kernels.convert(values, count: depth, toF16: target.bindMemory(to: UInt16.self, capacity: depth))
        case .bf16:
            // Exact: only what a file stores as bf16 is kept as bf16.
            let bits = target.bindMemory(to: UInt16.self, capacity: depth)
            for column in 0..<depth { bits[column] = UInt16(truncatingIfNeeded: values[column].bitPattern >> 16) }
        }
    }

    /// Where a row begins.
    package func address(ofRow row: Int) -> UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(storage.base + row * depth * precision.byteCount)
    }
}
