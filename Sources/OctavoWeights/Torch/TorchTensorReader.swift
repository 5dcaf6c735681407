/// Turns the calls that a checkpoint's pickle describes into tensors that lie in the file.
struct TorchTensorReader {
    let document: PickleDocument
    let archive: ZipArchive
    /// The folder of the zip file's entries, with its slash.
    let root: String
    let file: MappedFile

    /// The weight that `value` describes: a tensor, a parameter, or one of TorchAO's wrappers.
    ///
    /// - Throws: `WeightsError` naming the tensor for anything else.
    func weight(_ name: String, _ value: PickleDocument.Reference) throws(WeightsError) -> StoredWeight {
        switch try call(name, value) {
        case (.rebuildTensor, let arguments): return StoredWeight(try tensor(name, arguments))
        case (.rebuildFromType, let arguments):
            return try TorchAOTensorReader(tensors: self, name: name).weight(arguments)
        case (.rebuildParameter, let arguments):
            guard let inner = arguments.first, case (let function, let arguments) = try call(name, inner) else { break }
            if function == .rebuildTensor { return StoredWeight(try tensor(name, arguments)) }
            if function == .rebuildFromType {
                return try TorchAOTensorReader(tensors: self, name: name).weight(arguments)
            }
        default: break
        }
        throw failure(name, "is not a tensor: save model.state_dict() alone")
    }

    /// The tensor that `value` describes, where only a plain one may stand.
    func tensor(_ name: String, _ value: PickleDocument.Reference) throws(WeightsError) -> StoredTensor {
        guard case (.rebuildTensor, let arguments) = try call(name, value) else {
            throw failure(name, "is not a plain tensor")
        }
        return try tensor(name, arguments)
    }

    /// The function and the arguments of a call.
    func call(
        _ name: String, _ value: PickleDocument.Reference
    ) throws(WeightsError) -> (function: PickleGlobal, arguments: [PickleDocument.Reference]) {
        guard case .call(let function, let arguments, _) = document[value], let elements = document.elements(arguments)
        else { throw failure(name, "is not a tensor: save model.state_dict() alone") }
        return (function, elements)
    }

    /// An error about the tensor called `name`.
    func failure(_ name: String, _ reason: String) -> WeightsError {
        WeightsError(path: file.path, tensor: name, reason: reason)
    }

    private func tensor(
        _ name: String, _ arguments: [PickleDocument.Reference]
    ) throws(WeightsError) -> StoredTensor {
        guard arguments.count >= 4, case .external(let identifier) = document[arguments[0]],
            let offset = document.integer(arguments[1]), let shape = document.integers(arguments[2]),
            let strides = document.integers(arguments[3])
        else { throw failure(name, "is described by a damaged pickle") }
        let (elementType, bytes) = try storage(name, identifier)
        return try StoredTensor(
            name: name, shape: shape, strides: strides, elementType: elementType, file: file, storage: bytes,
            firstElement: offset)
    }

    /// The elements that `("storage", class, key, location, count)` names.
    private func storage(
        _ name: String, _ identifier: PickleDocument.Reference
    ) throws(WeightsError) -> (elementType: ElementType, bytes: Range<Int>) {
        guard let fields = document.elements(identifier), fields.count == 5, document.string(fields[0]) == "storage",
            case .global(.storage(let elementType)) = document[fields[1]], let key = document.string(fields[2]),
            let count = document.integer(fields[4]), count >= 0
        else { throw failure(name, "is described by a damaged pickle") }
        guard let elementType else { throw failure(name, "float64 elements are not supported: save it as bfloat16") }
        guard !key.utf8.contains(UInt8(ascii: "/")), let bytes = archive.entries["\(root)data/\(key)"] else {
            throw failure(name, "its bytes are not in the file: \(WeightsError.fetchAgain)")
        }
        let (byteCount, overflow) = count.multipliedReportingOverflow(by: elementType.blockByteCount)
        guard !overflow, byteCount <= bytes.count else {
            throw failure(name, "its storage has \(bytes.count) bytes instead of \(count) elements of \(elementType)")
        }
        return (elementType, bytes.lowerBound..<bytes.lowerBound + byteCount)
    }
}
