/// A GGUF file, version 2 or 3: metadata by key, and tensors by name.
///
/// Opening it walks through the whole header, so every value and tensor is known to lie in the file; values are decoded
/// when they are asked for.
///
/// - SeeAlso: `docs/gguf.md` in ggml's repository.
public struct GGUFFile: Sendable {
    /// The file's path, as it was given.
    public var path: String { file.path }
    /// The metadata keys, in the order of the file.
    public let keys: [String]
    /// The names of the tensors, in the order of the file.
    public let names: [String]
    let file: MappedFile
    let values: [String: GGUFValue]
    let tensors: [String: StoredTensor]

    /// Opens the file at `path`.
    ///
    /// - Throws: `WeightsError` when it is no GGUF file, is cut short, names a key or tensor twice, or has a tensor of an
    ///   unknown type or beyond its end.
    /// - Complexity: O(header); a header holds the vocabulary, a few megabytes.
    public init(path: String) throws(WeightsError) { try self.init(MappedFile(path: path)) }

    /// The same from memory, under the name `path`.
    package init(path: String, contents: [UInt8]) throws(WeightsError) {
        try self.init(MappedFile(path: path, contents: contents))
    }

    init(_ file: MappedFile) throws(WeightsError) {
        var reader = ByteReader(file)
        try Self.readMagicAndVersion(&reader)
        let tensorCount = try reader.readCount(minimumSize: 24, of: "tensors")
        let valueCount = try reader.readCount(minimumSize: 13, of: "metadata values")
        let (keys, values) = try Self.readValues(valueCount, &reader)
        let entries = try Self.readEntries(tensorCount, &reader)

        let alignment = try Self.alignment(values, file)
        if !entries.isEmpty { try reader.align(to: alignment) }
        self.file = file
        self.keys = keys
        self.values = values
        names = entries.map(\.name)
        tensors = try Self.place(entries, from: reader.offset, alignment: alignment, in: file)
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

    private static func readMagicAndVersion(_ reader: inout ByteReader) throws(WeightsError) {
        let magic = try reader.read(UInt32.self)
        guard magic == 0x4655_4747 else {
            throw reader.failure("is not a GGUF file; if it should be one, fetch it again", at: 0)
        }
        let version = try reader.read(UInt32.self)
        guard version & 0xFFFF != 0 else { throw reader.failure("is a big-endian GGUF file", at: 4) }
        guard version == 2 || version == 3 else {
            throw reader.failure("GGUF version \(version) is not supported, only 2 and 3", at: 4)
        }
    }

    private static func readValues(
        _ count: Int, _ reader: inout ByteReader
    ) throws(WeightsError) -> (keys: [String], values: [String: GGUFValue]) {
        var keys: [String] = []
        var values: [String: GGUFValue] = [:]
        for _ in 0..<count {
            let start = reader.offset
            let key = try reader.readString()
            reader.key = key
            let type = try reader.readValueType()
            guard values.updateValue(GGUFValue(type: type, offset: reader.offset), forKey: key) == nil else {
                throw reader.failure("stands in the file twice", at: start)
            }
            keys.append(key)
            try reader.skipValue(type)
            reader.key = nil
        }
        return (keys, values)
    }

    private static func alignment(
        _ values: [String: GGUFValue], _ file: MappedFile
    ) throws(WeightsError) -> Int {
        let key = "general.alignment"
        guard let value = values[key] else { return 32 }
        var reader = ByteReader(file, at: value.offset)
        reader.key = key
        guard let alignment = try reader.readInteger(value.type), alignment > 0, alignment & (alignment - 1) == 0 else {
            throw reader.failure("is not a power of two", at: value.offset)
        }
        return alignment
    }
}

// MARK: - Tensors

extension GGUFFile {
    /// A tensor as the header lists it; `offset` counts from the end of the header.
    private struct Entry {
        let name: String
        let shape: [Int]
        let type: ElementType
        let offset: UInt64
    }

    private static func readEntries(_ count: Int, _ reader: inout ByteReader) throws(WeightsError) -> [Entry] {
        var entries: [Entry] = []
        for _ in 0..<count {
            let name = try reader.readString()
            reader.tensor = name
            let shape = try readShape(&reader)
            let typeOffset = reader.offset
            let code = try reader.read(UInt32.self)
            guard let type = ElementType(ggmlCode: code) else {
                let name = ElementType.unsupportedGGMLNames[code].map { " (\($0))" } ?? ""
                throw reader.failure(
                    "ggml type \(code)\(name) is not supported: convert the model again, for instance to Q8_0",
                    at: typeOffset)
            }
            entries.append(Entry(name: name, shape: shape, type: type, offset: try reader.read()))
            reader.tensor = nil
        }
        return entries
    }

    /// The dimensions, outermost first; the file lists them the other way around.
    private static func readShape(_ reader: inout ByteReader) throws(WeightsError) -> [Int] {
        let start = reader.offset
        let count = try reader.read(UInt32.self)
        guard (1...4).contains(count) else { throw reader.failure("\(count) dimensions, not 1 to 4", at: start) }
        var shape: [Int] = []
        for _ in 0..<count {
            let dimension = try reader.read(UInt64.self)
            guard let dimension = Int(exactly: dimension), dimension > 0 else {
                throw reader.failure("a dimension of \(dimension)", at: start)
            }
            shape.append(dimension)
        }
        return shape.reversed()
    }

    private static func place(
        _ entries: [Entry], from dataStart: Int, alignment: Int, in file: MappedFile
    ) throws(WeightsError) -> [String: StoredTensor] {
        var tensors: [String: StoredTensor] = [:]
        var byteCount = 0
        for entry in entries {
            func failure(_ reason: String) -> WeightsError {
                WeightsError(path: file.path, tensor: entry.name, reason: reason)
            }
            guard entry.offset % UInt64(alignment) == 0 else {
                throw failure("the offset \(entry.offset) is no multiple of the alignment, \(alignment)")
            }
            guard entry.offset <= UInt64(file.bytes.count - dataStart) else {
                throw failure(
                    "begins beyond the end of the file, at \(entry.offset) of the data: \(WeightsError.fetchAgain)")
            }
            let tensor = try StoredTensor(
                name: entry.name, shape: entry.shape, elementType: entry.type, file: file,
                offset: dataStart + Int(entry.offset))
            guard tensors.updateValue(tensor, forKey: entry.name) == nil else {
                throw failure("stands in the file twice")
            }
            byteCount += tensor.byteCount
            guard byteCount <= file.bytes.count else { throw failure("shares bytes with another tensor") }
        }
        return tensors
    }
}
