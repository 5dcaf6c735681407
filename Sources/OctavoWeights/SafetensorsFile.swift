internal import OctavoCore

/// A safetensors file: tensors by name.
///
/// The file is a 64-bit header length, a JSON header and the tensors' bytes, which lie anywhere in a mapping as far as
/// alignment goes. As the format asks, the tensors must cover the bytes after the header without gap or overlap.
///
/// - SeeAlso: <https://github.com/huggingface/safetensors#format>
public struct SafetensorsFile: Sendable {
    /// The file's path, as it was given.
    public var path: String { file.path }
    /// The names of the tensors, in the order of the header.
    public let names: [String]
    /// The strings that stand in the header beside the tensors (`__metadata__`).
    package let metadata: [String: String]
    let tensors: [String: StoredTensor]
    private let file: MappedFile

    /// The longest header accepted, as in the format's own library.
    private static let maximumHeaderByteCount: UInt64 = 100_000_000

    /// Opens the file at `path`.
    ///
    /// - Throws: `WeightsError` when the header is cut short or no JSON, or when a tensor's type is unknown, its size does
    ///   not match its shape, or its bytes are not in the file or belong to another tensor too.
    public init(path: String) throws(WeightsError) { try self.init(MappedFile(path: path)) }

    init(_ file: MappedFile) throws(WeightsError) {
        let (header, dataStart) = try Self.readHeader(file)
        var names: [String] = []
        var tensors: [String: StoredTensor] = [:]
        for member in header.members where member.key != "__metadata__" {
            names.append(member.key)
            tensors[member.key] = try Self.tensor(member.key, member.value, dataStart: dataStart, in: file)
        }
        metadata = header["__metadata__"]?.objectValue.map(Self.strings) ?? [:]
        self.file = file
        self.names = names
        self.tensors = tensors
        try refuseGaps(dataStart: dataStart)
    }

    /// The tensor called `name`.
    ///
    /// - Throws: `WeightsError` when there is none.
    public func tensor(_ name: String) throws(WeightsError) -> StoredTensor {
        guard let tensor = tensors[name] else {
            throw WeightsError(path: path, tensor: name, reason: "is not in the file")
        }
        return tensor
    }

    /// All elements of the tensor called `name` as `Float`, row-major.
    ///
    /// - Throws: `WeightsError` when there is none.
    public func readFloats(_ name: String) throws(WeightsError) -> [Float] { try tensor(name).readFloats() }

    private static func readHeader(_ file: MappedFile) throws(WeightsError) -> (JSONObject, dataStart: Int) {
        var reader = ByteReader(file)
        let count = try reader.read(UInt64.self)
        guard count <= maximumHeaderByteCount else {
            throw reader.failure("a header of \(count) bytes: this is not a safetensors file; fetch it again", at: 0)
        }
        let start = reader.offset
        try reader.skip(Int(count))
        let value: JSONValue
        do {
            value = try JSONValue.parse(file.bytes[start..<reader.offset])
        } catch {
            throw reader.failure(
                "the header is not JSON: \(error.reason): the file is damaged; fetch it again", at: start + error.offset
            )
        }
        guard case .object(let header) = value else {
            throw reader.failure("the header is a JSON \(value.typeName), not an object", at: start)
        }
        return (header, reader.offset)
    }

    private static func tensor(
        _ name: String, _ entry: JSONValue, dataStart: Int, in file: MappedFile
    ) throws(WeightsError) -> StoredTensor {
        func failure(_ key: String, _ reason: String) -> WeightsError {
            WeightsError(path: file.path, tensor: name, key: key, reason: reason)
        }
        guard let dtype = entry["dtype"]?.stringValue else { throw failure("dtype", "is missing") }
        guard let type = ElementType(safetensorsName: dtype) else {
            throw failure("dtype", "\(dtype) is not supported")
        }
        guard let shape = integers(entry["shape"]) else { throw failure("shape", "expected an array of sizes") }
        guard let offsets = integers(entry["data_offsets"]), offsets.count == 2, offsets[0] <= offsets[1] else {
            throw failure("data_offsets", "expected where the bytes begin and end")
        }
        guard offsets[1] <= file.bytes.count - dataStart else {
            throw failure(
                "data_offsets",
                "byte \(offsets[1]) is beyond the end of the data, at \(file.bytes.count - dataStart): "
                    + WeightsError.fetchAgain)
        }
        let tensor = try StoredTensor(
            name: name, shape: shape, elementType: type, file: file, offset: dataStart + offsets[0])
        guard tensor.byteCount == offsets[1] - offsets[0] else {
            throw failure(
                "data_offsets",
                "\(offsets[1] - offsets[0]) bytes for \(shape) of \(type), which takes \(tensor.byteCount)")
        }
        return tensor
    }

    private static func strings(_ object: JSONObject) -> [String: String] {
        let pairs = object.members.compactMap { member in member.value.stringValue.map { (member.key, $0) } }
        return Dictionary(pairs) { first, _ in first }
    }

    /// The elements of an array of integers that are not negative.
    private static func integers(_ value: JSONValue?) -> [Int]? {
        guard let elements = value?.arrayValue else { return nil }
        let integers = elements.compactMap { $0.integerValue.flatMap { $0 >= 0 ? $0 : nil } }
        return integers.count == elements.count ? integers : nil
    }

    private func refuseGaps(dataStart: Int) throws(WeightsError) {
        var end = dataStart
        let tensors = tensors.values.sorted { ($0.offset, $0.byteCount) < ($1.offset, $1.byteCount) }
        for tensor in tensors {
            guard tensor.offset == end else {
                throw tensor.failure(
                    tensor.offset < end ? "shares bytes with another tensor" : "leaves a gap, from byte \(end) on")
            }
            end += tensor.byteCount
        }
        guard end == file.bytes.count else {
            throw WeightsError(
                path: path, offset: end,
                reason: "\(file.bytes.count - end) bytes belong to no tensor: the file is damaged; fetch it again")
        }
    }
}
