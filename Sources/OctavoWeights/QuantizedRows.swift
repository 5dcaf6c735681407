/// A matrix in memory as INT8, with a scale for each row.
///
/// Written while it is made only, and then shared: hence the unchecked conformance.
package final class QuantizedRows: WeightRows, @unchecked Sendable {
    package let rows: Int
    package let columns: Int
    package var elementType: ElementType { .i8 }
    package var channelScales: [Float]? { Array(scales) }
    /// `[rows][columns]`.
    package let values: UnsafeMutableBufferPointer<Int8>
    /// `[rows]`.
    package let scales: UnsafeMutableBufferPointer<Float>

    /// A matrix whose elements and scales are yet to be written.
    package init(rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
        values = .allocate(capacity: rows * columns)
        scales = .allocate(capacity: rows)
    }

    deinit {
        values.deallocate()
        scales.deallocate()
    }

    package func read(rows range: Range<Int>, into buffer: UnsafeMutableBufferPointer<Float>) {
        for (index, row) in range.enumerated() {
            for column in 0..<columns {
                buffer[index * columns + column] = Float(values[row * columns + column]) * scales[row]
            }
        }
    }

    package func readInt8(rows range: Range<Int>, into buffer: UnsafeMutableBufferPointer<Int8>) {
        _ = buffer.update(fromContentsOf: values[range.lowerBound * columns..<range.upperBound * columns])
    }
}
