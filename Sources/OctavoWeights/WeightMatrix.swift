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
    public var elementType: ElementType { weight.elementType }
    /// For a file's own INT8, one scale per row; `nil` for every other type.
    public let channelScales: [Float]?
    private let weight: StoredWeight
    private let rowOrder: RowOrder

    /// How a file orders the rows of a query or key matrix.
    enum RowOrder: Sendable, Equatable {
        /// As here.
        case halves
        /// By pairs: rows `i` and `i + d/2` of a head are neighbors, as in GGUF files, whose RoPE turns neighbors.
        case pairs(headDimension: Int)
    }

    /// A view of a weight of two dimensions; neither is 0.
    ///
    /// - Throws: `WeightsError` when a scale is not a finite number.
    init(_ weight: StoredWeight, rowOrder: RowOrder) throws(WeightsError) {
        self.weight = weight
        self.rowOrder = rowOrder
        rows = weight.shape[0]
        columns = weight.shape[1]
        guard let scale = weight.scale else {
            channelScales = nil
            return
        }
        let stored = scale.readFloats()
        guard stored.allSatisfy(\.isFinite) else {
            throw scale.failure("a scale is not finite: the file is damaged; fetch it again")
        }
        channelScales = (0..<rows).map { stored[rowOrder.storedRow($0)] }
    }

    /// Decodes rows to `Float`, row-major; INT8 values are multiplied by their row's scale.
    ///
    /// - Parameters:
    ///   - range: rows of this matrix.
    ///   - buffer: receives `range.count * columns` elements.
    /// - Complexity: O(elements); allocates nothing.
    public func read(rows range: Range<Int>, into buffer: UnsafeMutableBufferPointer<Float>) {
        check(range, buffer.count)
        guard let destination = buffer.baseAddress, !range.isEmpty else { return }
        forEachRun(of: range) { source, first, count in
            ElementDecoder.decode(elementType, from: source, count: count, into: destination + first)
        }
        guard let channelScales else { return }
        for row in range {
            let scale = channelScales[row]
            let values = destination + (row - range.lowerBound) * columns
            for column in 0..<columns { values[column] *= scale }
        }
    }

    /// Copies the INT8 values of rows as they are stored, -128 included; for matrices with `channelScales` only.
    ///
    /// - Parameters:
    ///   - range: rows of this matrix.
    ///   - buffer: receives `range.count * columns` values.
    public func readInt8(rows range: Range<Int>, into buffer: UnsafeMutableBufferPointer<Int8>) {
        precondition(channelScales != nil, "the elements are no INT8 with a scale per row")
        copy(range, into: buffer)
    }

    private func copy<Element>(_ range: Range<Int>, into buffer: UnsafeMutableBufferPointer<Element>) {
        check(range, buffer.count)
        guard let destination = buffer.baseAddress, !range.isEmpty else { return }
        forEachRun(of: range) { source, first, count in
            UnsafeMutableRawPointer(destination + first)
                .copyMemory(from: source, byteCount: count * MemoryLayout<Element>.size)
        }
    }

    private func check(_ range: Range<Int>, _ capacity: Int) {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of a matrix of \(rows)")
        precondition(capacity >= range.count * columns, "the buffer is too small for \(range.count) rows")
    }

    /// Calls `body` with runs of stored elements, the number of each run's first element in the result, and how many
    /// elements it has, until all rows of `range` are covered.
    private func forEachRun(
        of range: Range<Int>, _ body: (_ source: UnsafeRawPointer, _ first: Int, _ count: Int) -> Void
    ) {
        guard rowOrder != .halves else { return weight.forEachRun(ofRows: range, body) }
        for row in range {
            let stored = rowOrder.storedRow(row)
            let start = (row - range.lowerBound) * columns
            weight.forEachRun(ofRows: stored..<stored + 1) { body($0, start + $1, $2) }
        }
    }
}

extension WeightMatrix.RowOrder {
    /// Where a file of this order keeps `row`.
    fileprivate func storedRow(_ row: Int) -> Int {
        guard case .pairs(let headDimension) = self else { return row }
        let (head, index) = row.quotientAndRemainder(dividingBy: headDimension)
        let half = headDimension / 2
        return head * headDimension + (index < half ? 2 * index : 2 * (index - half) + 1)
    }
}
