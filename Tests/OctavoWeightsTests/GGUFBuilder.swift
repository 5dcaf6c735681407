/// Builds a small GGUF file whose every part a test can break.
struct GGUFBuilder {
    struct Tensor {
        var name: [UInt8] = Array("w".utf8)
        var dimensions: [UInt64] = [4, 2]
        var type: UInt32 = 0
        var offset: UInt64 = 0
    }

    var magic = "GGUF"
    var version: UInt32 = 3
    var tensorCount: UInt64?
    var valueCount: UInt64?
    var alignment: UInt32 = 32
    var tensors = [Tensor()]
    private var values: [(key: String, type: UInt32, bytes: [UInt8])] = []

    /// The bytes at the end that no tensor uses: the tensor has 32 of 256.
    static let unusedBytes = 224

    mutating func value(_ key: String, _ type: UInt32, _ bytes: [UInt8]) { values.append((key, type, bytes)) }

    var bytes: [UInt8] {
        var bytes = Array(magic.utf8) + Self.little(version)
        bytes += Self.little(tensorCount ?? UInt64(tensors.count))
        bytes += Self.little(valueCount ?? UInt64(values.count + 1))
        for value in [("general.alignment", 4, Self.little(alignment))] + values {
            bytes += Self.string(Array(value.0.utf8)) + Self.little(value.1) + value.2
        }
        for tensor in tensors {
            bytes += Self.string(tensor.name) + Self.little(UInt32(tensor.dimensions.count))
            bytes += tensor.dimensions.flatMap(Self.little)
            bytes += Self.little(tensor.type) + Self.little(tensor.offset)
        }
        bytes += [UInt8](repeating: 0, count: (32 - bytes.count % 32) % 32)
        return bytes + [UInt8](repeating: 0x3C, count: 256)
    }

    private static func string(_ text: [UInt8]) -> [UInt8] { little(UInt64(text.count)) + text }

    private static func little<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}
