/// Builds files as `torch.save` writes them, whose every part a test can choose.
public struct TorchFileBuilder {
    /// A tensor with a storage of its own.
    public struct Tensor {
        /// The name in the state dictionary.
        public var name: String
        /// The dimensions, outermost first.
        public var shape: [Int]
        /// The storage's class: `BFloat16Storage`.
        public var storage: String
        /// The storage's elements.
        public var bytes: [UInt8]
        /// Bytes of an element.
        public var elementSize: Int
        /// Row-major ones if `nil`.
        public var strides: [Int]?
        /// The element of the storage with which the tensor begins.
        public var offset = 0
        /// The storage's key; its place in the list if `nil`.
        public var key: String?
        /// How many elements the pickle says the storage has; as many as it has if `nil`.
        public var count: Int?

        /// A tensor of floats in bfloat16; what they have beyond it is cut off.
        public init(_ name: String, _ shape: [Int], bfloat16 values: [Float]) {
            self.name = name
            self.shape = shape
            storage = "BFloat16Storage"
            elementSize = 2
            bytes = values.flatMap { little(UInt16($0.bitPattern >> 16)) }
        }
    }

    /// The tensors, in order.
    public var tensors: [Tensor]

    /// A file of the given tensors.
    public init(_ tensors: [Tensor]) { self.tensors = tensors }

    /// The file.
    public var bytes: [UInt8] {
        var entries: [(name: String, contents: [UInt8])] = [
            ("model/data.pkl", pickle), ("model/byteorder", Array("little".utf8)),
        ]
        for (index, tensor) in tensors.enumerated() where tensor.key == nil {
            entries.append(("model/data/\(index)", tensor.bytes))
        }
        return zipFile(entries)
    }

    private var pickle: [UInt8] {
        var pickle: [UInt8] = [0x80, 2] + Array("}(".utf8)
        for (index, tensor) in tensors.enumerated() {
            pickle += pickled(tensor.name) + Array("ctorch._utils\n_rebuild_tensor_v2\n((".utf8)
            pickle += pickled("storage") + Array("ctorch\n\(tensor.storage)\n".utf8)
            pickle += pickled(tensor.key ?? "\(index)") + pickled("cpu")
            pickle += pickled(tensor.count ?? tensor.bytes.count / tensor.elementSize) + Array("tQ".utf8)
            pickle += pickled(tensor.offset) + pickled(tensor.shape)
            pickle += pickled(tensor.strides ?? rowMajor(tensor.shape))
            // requires_grad, no hooks
            pickle += [0x89] + Array("ccollections\nOrderedDict\n)RtR".utf8)
        }
        return pickle + Array("u.".utf8)
    }

    private func rowMajor(_ shape: [Int]) -> [Int] {
        var strides: [Int] = []
        var stride = 1
        for dimension in shape.reversed() {
            strides.insert(stride, at: 0)
            stride &*= dimension
        }
        return strides
    }

    private func pickled(_ text: String) -> [UInt8] {
        [UInt8(ascii: "X")] + little(UInt32(text.utf8.count)) + Array(text.utf8)
    }

    private func pickled(_ integer: Int) -> [UInt8] { [0x8A, 8] + little(Int64(integer)) }

    private func pickled(_ integers: [Int]) -> [UInt8] {
        [UInt8(ascii: "(")] + integers.flatMap { pickled($0) } + [UInt8(ascii: "t")]
    }
}

/// A zip file of entries that are stored as they are, each aligned to 64 bytes by its header's extra field, as PyTorch
/// does.
public func zipFile(_ entries: [(name: String, contents: [UInt8])], method: UInt16 = 0) -> [UInt8] {
    var bytes: [UInt8] = []
    var directory: [UInt8] = []
    for (name, contents) in entries {
        let offset = UInt32(bytes.count)
        let size = UInt32(contents.count)
        let padding = (64 - (bytes.count + 30 + name.utf8.count) % 64) % 64
        // Version, flags, method, time, date, checksum (unused), sizes.
        let common =
            little(UInt16(20)) + little(UInt16(0)) + little(method) + little(UInt64(0)) + little(size) + little(size)
        bytes += little(UInt32(0x0403_4B50)) + common + little(UInt16(name.utf8.count)) + little(UInt16(padding))
        bytes += Array(name.utf8) + [UInt8](repeating: 0x5A, count: padding) + contents
        directory += little(UInt32(0x0201_4B50)) + little(UInt16(20)) + common + little(UInt16(name.utf8.count))
        directory += little(UInt16(0)) + little(UInt16(0)) + little(UInt16(0)) + little(UInt16(0)) + little(UInt32(0))
        directory += little(offset) + Array(name.utf8)
    }
    let count = little(UInt16(entries.count))
    let end = little(UInt32(0x0605_4B50)) + little(UInt32(0)) + count + count
    return bytes + directory + end + little(UInt32(directory.count)) + little(UInt32(bytes.count)) + little(UInt16(0))
}

/// The bytes of an integer, lowest first.
public func little(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

extension TorchFileBuilder {
    /// The files that Meta would divide a model in its format among: output features of most matrices, input features of
    /// `wo` and `w2`, and of the embedding either; norms are in every file.
    public func divided(among count: Int, embeddingByColumns: Bool) -> [TorchFileBuilder] {
        (0..<count).map { part in
            TorchFileBuilder(
                tensors.map { tensor in
                    guard tensor.shape.count == 2 else { return tensor }
                    let isEmbedding = tensor.name == "tok_embeddings.weight"
                    let byColumns =
                        tensor.name.hasSuffix(".wo.weight") || tensor.name.hasSuffix(".w2.weight")
                        || (isEmbedding && embeddingByColumns)
                    return tensor.part(part, of: count, byColumns: byColumns)
                })
        }
    }
}

extension TorchFileBuilder.Tensor {
    /// One of `count` equal parts of a matrix.
    fileprivate func part(_ index: Int, of count: Int, byColumns: Bool) -> Self {
        var part = self
        part.shape[byColumns ? 1 : 0] /= count
        let rowBytes = shape[1] * elementSize
        let partRowBytes = part.shape[1] * elementSize
        let firstRow = byColumns ? 0 : index * part.shape[0]
        let firstByte = byColumns ? index * partRowBytes : 0
        part.bytes = []
        for row in firstRow..<firstRow + part.shape[0] {
            let start = row * rowBytes + firstByte
            part.bytes += bytes[start..<start + partRowBytes]
        }
        return part
    }
}
