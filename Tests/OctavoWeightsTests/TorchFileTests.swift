import Foundation
import OctavoCore
import OctavoTestSupport
import OctavoWeights
import Testing

@Suite struct `Files of torch save` {
    static let versions = ["0.5.0", "0.7.0", "0.10.0", "0.13.0", "0.17.0", "0.17.0-v2", "0.18.0"]

    private func floats(_ value: JSONValue?) throws -> [Float] {
        try #require(value?.arrayValue).map { Float(try #require($0.doubleValue)) }
    }

    @Test(arguments: versions)
    func `TorchAO's INT8 values and scales are as every version stored them`(version: String) throws {
        let name = "torchao-\(version).bin"
        let expected = try #require(try Fixtures.json("pickles/expected.json")[name])
        let file = try TorchFile(path: Fixtures.path("pickles/" + name))
        let values = try file.tensor("0.weight")
        #expect(values.elementType == .i8 && values.shape == [8, 64])
        #expect(values.readFloats() == (try floats(expected["q"])))
        let scale = try #require(file.scale(of: "0.weight"))
        #expect(scale.readFloats() == (try floats(expected["scale"])))
        #expect(scale.elementType == (expected["scale_dtype"] == "bfloat16" ? .bf16 : .f32))
        #expect(try file.tensor("1.weight").readFloats() == floats(expected["plain"]?["1.weight"]))
        #expect(file.scale(of: "1.weight") == nil)
    }

    @Test func `views, shared storages and all types are read through their strides`() throws {
        let expected = try #require(try Fixtures.json("pickles/expected.json")["views.bin"]?.objectValue)
        let file = try TorchFile(path: Fixtures.path("pickles/views.bin"))
        #expect(file.names == expected.members.map(\.key))
        for member in expected.members {
            let tensor = try file.tensor(member.key)
            #expect(tensor.shape == member.value["shape"]?.arrayValue?.compactMap(\.integerValue))
            #expect(try tensor.readFloats() == floats(member.value["values"]), "\(member.key)")
        }
    }

    @Test func `a transposed matrix of weights is read as its original`() throws {
        let values = (0..<64 * 64).map { (index: Int) -> Float in Float(index % 251 - 125) }
        let transposed = (0..<64 * 64).map { (index: Int) -> Float in values[index % 64 * 64 + index / 64] }
        let original = try TorchFileBuilder.tinyMeta()
        var changed = original
        let index = try #require(changed.tensors.firstIndex { $0.name == "layers.0.attention.wq.weight" })
        changed.tensors[index] = .init("layers.0.attention.wq.weight", [64, 64], bfloat16: transposed)
        changed.tensors[index].strides = [1, 64]
        var plain = original
        plain.tensors[index] = .init("layers.0.attention.wq.weight", [64, 64], bfloat16: values)
        let found = try Checkpoint.tinyMeta([changed.bytes])
        let expected = try Checkpoint.tinyMeta([plain.bytes])
        #expect(try found.matrix(.query(0)).floats(inPiecesOf: 5) == expected.matrix(.query(0)).floats(inPiecesOf: 64))
        #expect(try found.fingerprint() == expected.fingerprint())
    }

    @Test func `a function among the classes is refused by its name`() throws {
        let path = Fixtures.path("pickles/hostile.bin")
        let message = try weightsFailure { _ = try TorchFile(path: path) }
        #expect(message?.contains("refuses posix.system: not a class of PyTorch or TorchAO checkpoints") == true)
    }
}

@Suite struct `Malformed files of torch save` {
    private func failure(_ change: (inout TorchFileBuilder.Tensor) -> Void) throws -> String? {
        var tensor = TorchFileBuilder.Tensor("w", [2, 3], bfloat16: [1, 2, 3, 4, 5, 6])
        change(&tensor)
        let bytes = TorchFileBuilder([tensor]).bytes
        return try weightsFailure { _ = try TorchFile(path: "w.bin", contents: bytes).tensor("w").readFloats() }
    }

    @Test func `a tensor beyond its storage is refused`() throws {
        #expect(try failure { _ in } == nil)
        #expect(try failure { $0.offset = 1 }?.contains("tensor w") == true)
        #expect(try failure { $0.offset = -1 }?.contains("elements lie outside of its storage of 6") == true)
        #expect(try failure { $0.offset = .max }?.contains("outside of its storage") == true)
        #expect(try failure { $0.strides = [4, 1] }?.contains("outside of its storage") == true)
        #expect(try failure { $0.strides = [-3, 1] }?.contains("strides of [-3, 1]") == true)
        #expect(try failure { $0.strides = [.max, .max] }?.contains("outside of its storage") == true)
        #expect(try failure { $0.strides = [1] }?.contains("strides of [1] for the shape [2, 3]") == true)
        #expect(try failure { $0.shape = [-2, 3] }?.contains("for the shape [-2, 3]") == true)
        #expect(try failure { $0.shape = [.max, .max] }?.contains("tensor w") == true)
        #expect(try failure { $0.count = 7 }?.contains("12 bytes instead of 7 elements of BF16") == true)
        #expect(try failure { $0.count = -1 }?.contains("damaged pickle") == true)
        #expect(try failure { $0.count = .max }?.contains("instead of 9223372036854775807") == true)
    }

    @Test func `a view that repeats its elements without end is refused`() throws {
        let message = try failure {
            $0.shape = [1 << 20, 1 << 20]
            $0.strides = [0, 0]
        }
        #expect(message?.contains("1099511627776 elements are spread over 6: save it as contiguous()") == true)
        #expect(
            try failure {
                $0.shape = [2, 6]
                $0.strides = [0, 1]
            } == nil)
    }

    @Test func `tensors that share one storage too often are refused`() throws {
        var tensors = [TorchFileBuilder.Tensor("0", [512], bfloat16: [Float](repeating: 1, count: 512))]
        for index in 1..<20 {
            tensors.append(.init("\(index)", [512], bfloat16: []))
            tensors[index].key = "0"
            tensors[index].count = 512
        }
        let message = try weightsFailure {
            _ = try TorchFile(path: "w.bin", contents: TorchFileBuilder(tensors).bytes)
        }
        #expect(message?.contains("its tensors share their bytes: 20480 in a file of") == true)
    }

    @Test(arguments: ["../0", "a/b", "", "7"])
    func `a storage key that names no entry is refused`(key: String) throws {
        #expect(try failure { $0.key = key }?.contains("its bytes are not in the file") == true)
    }

    @Test(arguments: ["DoubleStorage", "ComplexFloatStorage", "UntypedStorage"])
    func `elements of other types are refused`(storage: String) throws {
        let message = try failure { $0.storage = storage }
        #expect(message?.contains("float64 elements") == true || message?.contains("refuses torch.\(storage)") == true)
    }
}

extension TorchFileBuilder {
    /// The tensors of tiny-untied in Meta's format.
    static func tinyMeta() throws -> TorchFileBuilder {
        let file = try TorchFile(path: Fixtures.model("tiny-untied/meta/consolidated.00.pth"))
        return TorchFileBuilder(
            try file.names.map {
                let tensor = try file.tensor($0)
                return Tensor($0, tensor.shape, bfloat16: tensor.readFloats())
            })
    }
}

extension Checkpoint {
    /// A model in Meta's format of the given files, with the sizes of tiny-untied.
    static func tinyMeta(_ files: [[UInt8]], params: [UInt8]? = nil) throws -> Checkpoint {
        var contents = ["params.json": try params ?? Fixtures.bytes(Fixtures.model("tiny-untied/meta/params.json"))]
        for (index, bytes) in files.enumerated() { contents["consolidated.0\(index).pth"] = bytes }
        return try Checkpoint.open(path: "meta", contents: contents)
    }
}
