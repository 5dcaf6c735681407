package import OctavoWeights

/// A float matrix as the checkpoint has it: the embedding, or the output head.
///
/// f16 and bf16 stay as they are; f32 and block-quantized types are kept as f32.
package final class FloatMatrix: Sendable {
    /// How elements are stored.
    package enum Precision: Sendable {
        case f32, f16, bf16

        package var byteCount: Int { self == .f32 ? 4 : 2 }
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

    /// Copies a matrix out of a checkpoint, on all threads.
    package convenience init(_ matrix: WeightMatrix, threads: ComputeThreads) {
        let precision: Precision =
            switch matrix.elementType {
            case .f16: .f16
            case .bf16: .bf16
            default: .f32
            }
        self.init(rows: matrix.rows, columns: matrix.columns, precision: precision)
        threads.run { [self] index in
            for row in threads.share(matrix.rows, index: index) {
                let target = address(ofRow: row)
                if precision == .f32 {
                    let floats = target.bindMemory(to: Float.self, capacity: depth)
                    matrix.read(
                        rows: row..<row + 1, into: UnsafeMutableBufferPointer(start: floats, count: matrix.columns))
                } else {
                    let bits = target.bindMemory(to: UInt16.self, capacity: depth)
                    matrix.readBits(
                        rows: row..<row + 1, into: UnsafeMutableBufferPointer(start: bits, count: matrix.columns))
                }
            }
        }
    }

    /// Where a row begins.
    package func address(ofRow row: Int) -> UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(storage.base + row * depth * precision.byteCount)
    }
}
