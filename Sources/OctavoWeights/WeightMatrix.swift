/// A matrix of weights in a model's file, one row per output channel, decoded as its rows are read.
///
/// Rows stand in Hugging Face's order, in which RoPE turns element `i` of a head together with element `i + d/2`,
/// however the file stores them. Threads may read at the same time.
public struct WeightMatrix: WeightRows {
    /// The number of rows: output channels, or tokens of an embedding.
    public let rows: Int
    /// The number of columns: input channels.
    public let columns: Int
    /// How the file stores the elements.
    public var elementType: ElementType { tensor.elementType }
    private let tensor: StoredTensor
    private let rowOrder: RowOrder
    private let rowByteCount: Int

    /// How a file orders the rows of a query or key matrix.
    enum RowOrder: Sendable {
        /// As here.
        case halves
        /// By pairs: rows `i` and `i + d/2` of a head are neighbors, as in GGUF files, whose RoPE turns neighbors.
        case pairs(headDimension: Int)
    }

    /// A view of a tensor of two dimensions; neither is 0.
    init(_ tensor: StoredTensor, rowOrder: RowOrder) {
        self.tensor = tensor
        self.rowOrder = rowOrder
        rows = tensor.shape[0]
        columns = tensor.shape[1]
        rowByteCount = tensor.byteCount / rows
    }

    /// Decodes rows to `Float`, row-major.
    ///
    /// - Parameters:
    ///   - range: rows of this matrix.
    ///   - buffer: receives `range.count * columns` elements.
    /// - Complexity: O(elements); allocates nothing.
    public func read(rows range: Range<Int>, into buffer: UnsafeMutableBufferPointer<Float>) {
        check(range, buffer.count)
        guard let destination = buffer.baseAddress, !range.isEmpty else { return }
        forEachRun(of: range) { source, first, count in
            ElementDecoder.decode(
                elementType, from: source, count: count * columns, into: destination + first * columns)
        }
    }

    private func check(_ range: Range<Int>, _ capacity: Int) {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of a matrix of \(rows)")
        precondition(capacity >= range.count * columns, "the buffer is too small for \(range.count) rows")
    }

    /// Calls `body` with the bytes of `count` neighboring rows that belong at row `first` of the result, until all
    /// rows of `range` are covered.
    private func forEachRun(
        of range: Range<Int>, _ body: (_ source: UnsafeRawPointer, _ first: Int, _ count: Int) -> Void
    ) {
        guard let base = tensor.bytes.baseAddress else { return }
        switch rowOrder {
        case .halves: body(base + range.lowerBound * rowByteCount, 0, range.count)
        case .pairs(let headDimension):
            for row in range {
                let stored = Self.storedRow(row, headDimension: headDimension)
                body(base + stored * rowByteCount, row - range.lowerBound, 1)
            }
        }
    }

    /// Where a file with pairs of rows keeps `row`.
    private static func storedRow(_ row: Int, headDimension: Int) -> Int {
        let (head, index) = row.quotientAndRemainder(dividingBy: headDimension)
        let half = headDimension / 2
        return head * headDimension + (index < half ? 2 * index : 2 * (index - half) + 1)
    }
}
