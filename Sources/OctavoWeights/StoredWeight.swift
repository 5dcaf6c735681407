/// A weight of a model as its files hold it: one tensor or equal parts of one, and the scales if its rows are INT8.
struct StoredWeight: Sendable {
    /// How the tensor is divided among the files.
    enum Division: Sendable {
        /// Each part has all columns of some rows.
        case rows
        /// Each part has some columns of all rows.
        case columns
    }

    /// The parts in order: at least one, all of the same shape and type.
    let parts: [StoredTensor]
    let division: Division
    /// The dimensions of the whole, outermost first.
    let shape: [Int]
    /// For INT8, one scale per row; `[rows]` or `[rows, 1]`.
    private(set) var scale: StoredTensor?

    /// A weight that is one tensor.
    init(_ tensor: StoredTensor) {
        parts = [tensor]
        division = .rows
        shape = tensor.shape
    }

    /// A matrix of INT8 values, whose row `i` stands for `values[i] * scale[i]`.
    ///
    /// - Parameter zeroPoint: what the format would take off the values; all zeros.
    /// - Throws: `WeightsError` when the tensors are not of such types and shapes, or a zero point is not 0.
    init(int8 values: StoredTensor, scale: StoredTensor, zeroPoint: StoredTensor?) throws(WeightsError) {
        guard values.elementType == .i8, values.shape.count == 2, values.shape[0] > 0 else {
            throw values.failure("\(values.shape) of \(values.elementType), expected a matrix of I8")
        }
        let rows = values.shape[0]
        guard scale.elementType.isFloat, scale.shape == [rows] || scale.shape == [rows, 1] else {
            throw scale.failure(
                "\(scale.shape) of \(scale.elementType), expected one scale for each of \(rows) rows: only INT8 with a scale "
                    + "per output channel is supported")
        }
        if let zeroPoint {
            guard zeroPoint.elementCount <= rows, zeroPoint.readFloats().allSatisfy({ $0 == 0 }) else {
                throw zeroPoint.failure("a zero point that is not 0: only symmetric quantization is supported")
            }
        }
        self.init(values)
        self.scale = scale
    }

    /// A weight of shape `shape` in equal parts; parts that each have this shape are copies, of which one is kept.
    ///
    /// - Throws: `WeightsError` when parts differ, or do not make up the shape along one dimension.
    init(parts: [StoredTensor], shape: [Int]) throws(WeightsError) {
        let first = parts[0]
        if let odd = parts.first(where: { $0.shape != first.shape || $0.elementType != first.elementType }) {
            throw odd.failure(
                "\(odd.shape) of \(odd.elementType), but \(first.shape) of \(first.elementType) in \(first.file.path)")
        }
        self.shape = shape
        if first.shape == shape {
            self.parts = [first]
            division = .rows
            return
        }
        guard first.shape.count == 2, shape.count == 2 else {
            throw first.failure("the shape is \(first.shape), expected \(shape)")
        }
        self.parts = parts
        if first.shape[1] == shape[1], first.shape[0] * parts.count == shape[0] {
            division = .rows
        } else if first.shape[0] == shape[0], first.shape[1] * parts.count == shape[1] {
            division = .columns
        } else {
            throw first.failure("the shape is \(first.shape) in each of \(parts.count) files, expected \(shape) in all")
        }
    }

    /// How the elements are stored.
    var elementType: ElementType { parts[0].elementType }

    /// Bytes of all elements.
    var byteCount: Int { parts.count * parts[0].byteCount }

    /// Calls `body` with the elements of some rows in runs of elements that are neighbors in a file.
    ///
    /// - Parameter range: rows, in the order of the file; for a vector, the one row 0.
    /// - Parameter body: gets where a run begins, its first element's number within the rows, and how many it has.
    func forEachRun(
        ofRows range: Range<Int>, _ body: (_ source: UnsafeRawPointer, _ first: Int, _ count: Int) -> Void
    ) {
        guard parts.count > 1 else { return parts[0].forEachRun(ofRows: range, body) }
        let columns = shape[1]
        let (partRows, partColumns) = (parts[0].shape[0], parts[0].shape[1])
        for row in range {
            let first = (row - range.lowerBound) * columns
            switch division {
            case .rows:
                let (part, index) = row.quotientAndRemainder(dividingBy: partRows)
                parts[part].forEachRun(ofRows: index..<index + 1) { body($0, first + $1, $2) }
            case .columns:
                for (part, tensor) in parts.enumerated() {
                    tensor.forEachRun(ofRows: row..<row + 1) { body($0, first + part * partColumns + $1, $2) }
                }
            }
        }
    }

    /// Lets go of the pages of its files, as `MappedFile` does.
    func releasePages() {
        for part in parts { part.file.releasePages() }
    }

    /// An error about this weight.
    func failure(_ reason: String) -> WeightsError { parts[0].failure(reason) }
}
