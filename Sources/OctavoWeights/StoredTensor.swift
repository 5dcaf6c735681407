/// A tensor where it lies in a file: its shape, its type, and bytes known to be inside the file.
public struct StoredTensor: Sendable {
    /// The name in the file.
    public let name: String
    /// The dimensions, outermost first; elements of the last one are neighbors. No dimensions make a scalar.
    public let shape: [Int]
    /// How the elements are stored.
    public let elementType: ElementType
    let file: MappedFile
    let offset: Int
    let elementCount: Int
    let byteCount: Int

    /// A tensor whose bytes begin at `offset` of `file`.
    ///
    /// - Throws: `WeightsError` when the size does not fit 64 bits, a row is no whole number of blocks, or the bytes
    ///   reach beyond the end of the file.
    init(name: String, shape: [Int], elementType: ElementType, file: MappedFile, offset: Int) throws(WeightsError) {
        func failure(_ reason: String) -> WeightsError {
            WeightsError(path: file.path, tensor: name, offset: offset, reason: reason)
        }
        var elementCount = 1
        for dimension in shape {
            let (product, overflow) = elementCount.multipliedReportingOverflow(by: dimension)
            guard dimension >= 0, !overflow else { throw failure("the shape \(shape) is too large") }
            elementCount = product
        }
        let columns = shape.last ?? 1
        guard columns % elementType.blockLength == 0 else {
            throw failure("rows of \(columns) elements are no whole number of \(elementType) blocks")
        }
        let blockCount = elementCount / elementType.blockLength
        let (byteCount, overflow) = blockCount.multipliedReportingOverflow(by: elementType.blockByteCount)
        guard !overflow else { throw failure("the shape \(shape) is too large") }
        guard offset >= 0, offset <= file.bytes.count, byteCount <= file.bytes.count - offset else {
            throw failure("\(byteCount) bytes reach beyond the end of the file, at \(file.bytes.count) bytes")
        }
        self.name = name
        self.shape = shape
        self.elementType = elementType
        self.file = file
        self.offset = offset
        self.elementCount = elementCount
        self.byteCount = byteCount
    }

    /// The stored bytes; valid while `file` lives.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: file.bytes[offset..<offset + byteCount]) }

    /// All elements as `Float`, row-major.
    public func readFloats() -> [Float] {
        [Float](unsafeUninitializedCapacity: elementCount) { buffer, initializedCount in
            if let source = bytes.baseAddress, let destination = buffer.baseAddress, elementCount > 0 {
                ElementDecoder.decode(elementType, from: source, count: elementCount, into: destination)
            }
            initializedCount = elementCount
        }
    }

    /// An error about this tensor.
    func failure(_ reason: String) -> WeightsError {
        WeightsError(path: file.path, tensor: name, offset: offset, reason: reason)
    }
}
