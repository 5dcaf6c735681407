/// The beginning of a safetensors file: what tensors follow, and where each lies.
///
/// The format is a 64-bit length, little-endian, a JSON object, and the tensors' elements, row-major and little-endian,
/// without gaps.
///
/// - SeeAlso: <https://github.com/huggingface/safetensors#format>
public struct SafetensorsHeader: Sendable {
    /// A tensor of the file.
    public struct Tensor: Sendable, Hashable {
        /// Its name.
        public var name: String
        /// The type of its elements as the format calls it: `F32`, `I64`.
        public var type: String
        /// The dimensions, outermost first.
        public var shape: [Int]
        /// The bytes of all elements.
        public var byteCount: Int

        /// A tensor of the given name, type, shape and size.
        public init(name: String, type: String, shape: [Int], byteCount: Int) {
            self.name = name
            self.type = type
            self.shape = shape
            self.byteCount = byteCount
        }
    }

    /// The tensors, in the order of their bytes.
    public var tensors: [Tensor] = []
    /// Texts that stand beside the tensors (`__metadata__`).
    public var metadata: [(key: String, value: String)]

    /// The header of a file without tensors.
    public init(metadata: [(key: String, value: String)] = []) { self.metadata = metadata }

    /// Length and object, padded with spaces so that the elements begin at a multiple of eight.
    public var bytes: [UInt8] {
        var object = JSONObject()
        if !metadata.isEmpty {
            var texts = JSONObject()
            for (key, value) in metadata { texts[key] = .string(value) }
            object["__metadata__"] = .object(texts)
        }
        var end = 0
        for tensor in tensors {
            let shape = JSONValue.array(tensor.shape.map(JSONValue.integer))
            let offsets: JSONValue = [.integer(end), .integer(end + tensor.byteCount)]
            object[tensor.name] = ["dtype": .string(tensor.type), "shape": shape, "data_offsets": offsets]
            end += tensor.byteCount
        }
        var text: [UInt8] = []
        JSONValue.object(object).write(to: &text)
        text += [UInt8](repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
        return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
    }
}
