/// A tensor where it lies in a file: its shape, its type, and bytes known to be inside the file.
///
/// PyTorch saves views, too: a transpose or a slice, whose elements are not neighbors. Such a tensor is read through its
/// strides, where it lies.
public struct StoredTensor: Sendable {
    /// The name in the file.
    public let name: String
    /// The dimensions, outermost first; elements of the last one are neighbors, but in a view. No dimensions make a
    /// scalar.
    public let shape: [Int]
    /// How the elements are stored.
    public let elementType: ElementType
    /// For a view, the distance between neighbors along each dimension, in elements; `nil` for neighbors in memory.
    let strides: [Int]?
    let file: MappedFile
    let offset: Int
    let elementCount: Int
    /// Bytes of all elements; a view's lie scattered in a larger range.
    let byteCount: Int

    /// A tensor whose bytes begin at `offset` of `file`, row-major.
    ///
    /// - Throws: `WeightsError` when the size does not fit 64 bits, a row is no whole number of blocks, or the bytes
    ///   reach beyond the end of the file.
    init(name: String, shape: [Int], elementType: ElementType, file: MappedFile, offset: Int) throws(WeightsError) {
        func failure(_ reason: String) -> WeightsError {
            WeightsError(path: file.path, tensor: name, offset: offset, reason: reason)
        }
        let columns = shape.last ?? 1
        guard columns % elementType.blockLength == 0 else {
            throw failure("rows of \(columns) elements are no whole number of \(elementType) blocks")
        }
        guard let elementCount = Self.product(shape),
            let byteCount = Self.product([elementCount / elementType.blockLength, elementType.blockByteCount])
        else { throw failure("the shape \(shape) is too large") }
        guard offset >= 0, offset <= file.bytes.count, byteCount <= file.bytes.count - offset else {
            throw failure(
                "\(byteCount) bytes reach beyond the end of the file, at \(file.bytes.count) bytes: "
                    + WeightsError.fetchAgain)
        }
        self.init(
            name: name, shape: shape, strides: nil, elementType: elementType, file: file, offset: offset,
            elementCount: elementCount, byteCount: byteCount)
    }

    /// A view into `storage`, a range of `file`: its first element is number `firstElement` of the storage's, and
    /// `strides` tells how far apart neighbors along each dimension are.
    ///
    /// - Throws: `WeightsError` when an element lies outside the storage, or the view repeats elements so often that it
    ///   is more than twice as large as the storage.
    init(
        name: String, shape: [Int], strides: [Int], elementType: ElementType, file: MappedFile, storage: Range<Int>,
        firstElement: Int
    ) throws(WeightsError) {
        func failure(_ reason: String) -> WeightsError {
            WeightsError(path: file.path, tensor: name, offset: storage.lowerBound, reason: reason)
        }
        precondition(elementType.blockLength == 1, "views are of single elements")
        let size = elementType.blockByteCount
        let capacity = storage.count / size
        guard strides.count == shape.count, strides.allSatisfy({ $0 >= 0 }), shape.allSatisfy({ $0 >= 0 }),
            let elementCount = Self.product(shape)
        else { throw failure("strides of \(strides) for the shape \(shape)") }
        guard elementCount > 0 else {
            try self.init(
                name: name, shape: shape, elementType: elementType, file: file, offset: storage.lowerBound)
            return
        }
        guard let last = Self.lastElement(shape, strides, firstElement), last < capacity, firstElement >= 0 else {
            throw failure("elements lie outside of its storage of \(capacity)")
        }
        guard elementCount <= 2 * capacity else {
            throw failure("\(elementCount) elements are spread over \(capacity): save it as contiguous()")
        }
        let offset = storage.lowerBound + firstElement * size
        self.init(
            name: name, shape: shape, strides: Self.isRowMajor(shape, strides) ? nil : strides,
            elementType: elementType, file: file, offset: offset, elementCount: elementCount,
            byteCount: elementCount * size)
    }

    /// Everything, already checked.
    private init(
        name: String, shape: [Int], strides: [Int]?, elementType: ElementType, file: MappedFile, offset: Int,
        elementCount: Int, byteCount: Int
    ) {
        self.name = name
        self.shape = shape
        self.strides = strides
        self.elementType = elementType
        self.file = file
        self.offset = offset
        self.elementCount = elementCount
        self.byteCount = byteCount
    }

    /// All elements as `Float`, row-major.
    public func readFloats() -> [Float] {
        [Float](unsafeUninitializedCapacity: elementCount) { buffer, initializedCount in
            if let destination = buffer.baseAddress, elementCount > 0 {
                forEachRun(ofRows: 0..<rowCount) { source, first, count in
                    ElementDecoder.decode(elementType, from: source, count: count, into: destination + first)
                }
            }
            initializedCount = elementCount
        }
    }

    /// An error about this tensor.
    func failure(_ reason: String) -> WeightsError {
        WeightsError(path: file.path, tensor: name, offset: offset, reason: reason)
    }
}

// MARK: - Runs of neighbors

extension StoredTensor {
    /// Elements of the last dimension; 1 for a scalar.
    var columnCount: Int { shape.last ?? 1 }

    /// Elements of all dimensions but the last.
    var rowCount: Int { columnCount == 0 ? 0 : elementCount / columnCount }

    /// Calls `body` with the elements of some rows, which are vectors along the last dimension, in runs of elements that
    /// are neighbors in the file.
    ///
    /// - Parameter body: gets where a run begins, its first element's number within the rows, and how many it has.
    func forEachRun(
        ofRows range: Range<Int>, _ body: (_ source: UnsafeRawPointer, _ first: Int, _ count: Int) -> Void
    ) {
        guard let base = file.bytes.baseAddress, elementCount > 0, !range.isEmpty else { return }
        let start = base + offset
        let columns = columnCount
        guard let strides else {
            let rowByteCount = columns / elementType.blockLength * elementType.blockByteCount
            return body(start + range.lowerBound * rowByteCount, 0, range.count * columns)
        }
        let size = elementType.blockByteCount
        let step = (strides.last ?? 1) * size
        for row in range {
            let source = start + firstElement(ofRow: row, strides) * size
            let first = (row - range.lowerBound) * columns
            if step == size {
                body(source, first, columns)
            } else {
                for column in 0..<columns { body(source + column * step, first + column, 1) }
            }
        }
    }

    /// Where a row of a view begins, in elements from the view's first.
    private func firstElement(ofRow row: Int, _ strides: [Int]) -> Int {
        var rest = row
        var element = 0
        for dimension in shape.indices.dropLast().reversed() {
            let (quotient, index) = rest.quotientAndRemainder(dividingBy: shape[dimension])
            element += index * strides[dimension]
            rest = quotient
        }
        return element
    }
}

// MARK: - Arithmetic that cannot overflow

extension StoredTensor {
    /// The product of numbers that are not negative; `nil` if one is, or if it does not fit 64 bits.
    private static func product(_ factors: [Int]) -> Int? {
        var product = 1
        for factor in factors {
            let (next, overflow) = product.multipliedReportingOverflow(by: factor)
            guard factor >= 0, !overflow else { return nil }
            product = next
        }
        return product
    }

    /// The number of a view's last element in its storage; `nil` if it does not fit 64 bits.
    private static func lastElement(_ shape: [Int], _ strides: [Int], _ first: Int) -> Int? {
        var last = first
        for (count, stride) in zip(shape, strides) {
            let (distance, overflow) = (count - 1).multipliedReportingOverflow(by: stride)
            let (sum, sumOverflow) = last.addingReportingOverflow(distance)
            guard !overflow, !sumOverflow else { return nil }
            last = sum
        }
        return last
    }

    /// Whether strides are those of neighbors in memory; along dimensions of one element they do not matter.
    private static func isRowMajor(_ shape: [Int], _ strides: [Int]) -> Bool {
        var expected = 1
        for (count, stride) in zip(shape, strides).reversed() where count != 1 {
            guard stride == expected else { return false }
            expected *= count
        }
        return true
    }
}
