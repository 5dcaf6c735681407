import Foundation
import OctavoCore
import OctavoWeights
import Testing

@Suite struct `Decoding stored elements` {
    @Test func `every block type decodes to the bits that the package gguf computes`() throws {
        let file = try GGUFFile(path: Fixtures.path("block-types.gguf"))
        let expected = try #require(try Fixtures.json("decoded.json")["block-types.gguf"]?.objectValue)

        #expect(
            Set(file.names)
                == Set(ElementType.allCases.map(\.description)).subtracting(["I8", "I16", "I32", "I64", "U8", "BOOL"]))
        for name in file.names {
            let tensor = try file.tensor(name)
            #expect(tensor.elementType.description == name)
            let found = "0x" + String(checksum(tensor.readFloats()), radix: 16)
            #expect(found == expected[name]?.stringValue, "\(name)")
        }
    }

    @Test(arguments: [
        "tiny-untied/hf", "tiny-untied/gguf/model-q8_0.gguf", "tiny-untied/gguf/model-q4_1.gguf", "tiny-tied/hf",
        "tiny-tied/hf-f16", "tiny-tied/gguf/model-f16.gguf", "tiny-tied/gguf/model-q8_0.gguf",
        "tiny-tied/gguf/model-q4_1.gguf", "tiny-llama31/hf", "tiny-llama31/hf-sharded",
        "tiny-llama31/gguf/model-f16.gguf", "tiny-llama31/gguf/model-q8_0.gguf",
    ])
    func `every tensor of a model decodes to the bits that Python computes`(model: String) throws {
        let checkpoint = try Checkpoint.open(Fixtures.model(model))
        let expected = try #require(try Fixtures.json("decoded.json")[model]?.objectValue)

        #expect(checkpoint.roles.count == expected.members.count)
        for role in checkpoint.roles {
            let found = "0x" + String(checksum(try checkpoint.floats(role)), radix: 16)
            #expect(found == expected[role.huggingFaceName]?.stringValue, "\(role)")
        }
    }

    @Test func `an INT8 tensor reads as its values`() throws {
        let folder = try TemporaryFolder()
        let header = Array(#"{"t":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}}"#.utf8)
        let bytes = [UInt8(header.count), 0, 0, 0, 0, 0, 0, 0] + header + [0, 1, 0x80, 0xFF]
        let file = try SafetensorsFile(path: try folder.write(bytes, to: "a.safetensors"))
        #expect(try file.readFloats("t") == [0, 1, -128, -1])
    }
}

@Suite struct `Matrices` {
    @Test func `rows read the same in pieces of any size`() throws {
        for model in ["tiny-llama31/gguf/model-q8_0.gguf", "tiny-llama31/hf"] {
            let checkpoint = try Checkpoint.open(Fixtures.model(model))
            for role in [TensorRole.query(1), .key(0), .down(1), .tokenEmbedding] {
                let matrix = try checkpoint.matrix(role)
                let whole = matrix.floats(inPiecesOf: matrix.rows)
                for count in [1, 3, 8, 13] { #expect(matrix.floats(inPiecesOf: count) == whole) }
            }
        }
    }

    @Test func `no rows read nothing`() throws {
        let matrix = try Checkpoint.open(Fixtures.model("tiny-tied/hf")).matrix(.up(0))
        matrix.read(rows: 3..<3, into: UnsafeMutableBufferPointer(start: nil, count: 0))
    }
}
