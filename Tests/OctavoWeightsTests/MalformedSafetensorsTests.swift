import Foundation
import OctavoWeights
import Testing

/// The bytes of a safetensors file with the given header.
private func safetensors(_ header: String, data: Int, headerCount: UInt64? = nil) -> [UInt8] {
    let text = Array(header.utf8)
    let count = headerCount ?? UInt64(text.count)
    return withUnsafeBytes(of: count.littleEndian) { Array($0) } + text + [UInt8](repeating: 1, count: data)
}

@Suite struct `Malformed safetensors files` {
    private static func tensor(_ dtype: String, _ shape: String, _ offsets: String) -> String {
        #"{"w":{"dtype":\#(dtype),"shape":\#(shape),"data_offsets":\#(offsets)}}"#
    }

    static let headers: [(header: String, data: Int, message: String)] = [
        (
            tensor(#""F32""#, "[2,2]", "[0,12]"), 16,
            "tensor w key data_offsets: 12 bytes for [2, 2] of F32, which takes 16"
        ),
        (
            tensor(#""F32""#, "[2,2]", "[0,16]"), 15,
            "tensor w key data_offsets: byte 16 is beyond the end of the data, at 15: the file is cut short"
        ),
        (tensor(#""F32""#, "[2,2]", "[16,0]"), 16, "tensor w key data_offsets: expected"),
        (tensor(#""F32""#, "[2,2]", "[-16,0]"), 16, "tensor w key data_offsets: expected"),
        (tensor(#""F32""#, "[2,2]", "[0]"), 16, "tensor w key data_offsets: expected"),
        (tensor(#""F32""#, "[2,2]", "[0,9223372036854775807]"), 16, "is beyond the end of the data, at 16"),
        (tensor(#""F32""#, "[2,-2]", "[0,16]"), 16, "tensor w key shape: expected an array of sizes"),
        (tensor(#""F32""#, "[2,\"2\"]", "[0,16]"), 16, "tensor w key shape: expected an array of sizes"),
        (tensor(#""F32""#, "4", "[0,16]"), 16, "tensor w key shape: expected an array of sizes"),
        (
            tensor(#""F32""#, "[4294967296,4294967296,4294967296]", "[0,16]"), 16,
            "the shape [4294967296, 4294967296, 4294967296] is too large"
        ),
        (tensor(#""F32""#, "[4611686018427387904]", "[0,16]"), 16, "the shape [4611686018427387904] is too large"),
        (tensor(#""F64""#, "[2]", "[0,16]"), 16, "tensor w key dtype: F64 is not supported"),
        (tensor(#""Q4_0""#, "[32]", "[0,18]"), 18, "tensor w key dtype: Q4_0 is not supported"),
        (tensor("7", "[2]", "[0,16]"), 16, "tensor w key dtype: is missing"),
        (#"{"w":[]}"#, 0, "tensor w key dtype: is missing"),
        (tensor(#""F32""#, "[2]", "[0,8]"), 12, "4 bytes belong to no tensor"),
        (tensor(#""F32""#, "[2]", "[4,12]"), 12, "leaves a gap, from byte"),
        (
            #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F16","shape":[2],"data_offsets":[2,6]}}"#,
            6, "tensor b at byte 117: shares bytes with another tensor"
        ),
        (
            #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
            8, "tensor a at byte 119: leaves a gap, from byte 115 on"
        ),
        ("[]", 0, "at byte 8: the header is a JSON array, not an object"),
        (#"{"w":"#, 0, "at byte 13: the header is not JSON: unexpected end of the text"),
    ]

    @Test(arguments: headers)
    func `a bad header is refused with its tensor and key`(header: String, data: Int, message: String) throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(safetensors(header, data: data), to: "a.safetensors")
        let found = try weightsFailure { _ = try SafetensorsFile(path: path) }
        #expect(found?.hasPrefix(path + ": ") == true)
        #expect(found?.contains(message) == true, "\(found ?? "no error")")
    }

    @Test(arguments: [
        (UInt64(100_000_001), "at byte 0: a header of 100000001 bytes: this is not a safetensors file"),
        (.max, "a header of 18446744073709551615 bytes"), (3, "at byte 8: 3 bytes expected, 2 left"),
    ])
    func `a header longer than the file is refused`(count: UInt64, message: String) throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(safetensors("{}", data: 0, headerCount: count), to: "a.safetensors")
        let found = try weightsFailure { _ = try SafetensorsFile(path: path) }
        #expect(found?.contains(message) == true, "\(found ?? "no error")")
    }

    /// A file of three tensors, one without elements and one without dimensions.
    private static let small = safetensors(
        #"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"#
            + #""b":{"dtype":"F16","shape":[0,3],"data_offsets":[8,8]},"c":{"dtype":"BF16","shape":[],"data_offsets":[8,10]}}"#,
        data: 10)

    @Test func `a file of odd but proper shapes opens`() throws {
        let folder = try TemporaryFolder()
        let file = try SafetensorsFile(path: try folder.write(Self.small, to: "a.safetensors"))
        #expect(file.names == ["a", "b", "c"])
        #expect(try file.tensor("b").shape == [0, 3])
        #expect(try file.readFloats("b").isEmpty)
        #expect(try file.readFloats("c").count == 1)
        #expect(try weightsFailure { _ = try file.tensor("d") }?.hasSuffix("tensor d: is not in the file") == true)
    }

    @Test func `a file cut short anywhere is refused`() throws {
        let folder = try TemporaryFolder()
        for count in 0..<Self.small.count {
            let path = try folder.write(Array(Self.small[..<count]), to: "a.safetensors")
            #expect(try weightsFailure { _ = try SafetensorsFile(path: path) } != nil, "\(count) bytes")
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `random bytes in a header never trap`(seed: UInt64) throws {
        let folder = try TemporaryFolder()
        var generator = SeededGenerator(state: seed)
        for round in 0..<100 {
            var bytes = Self.small
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            let path = try folder.write(bytes, to: "a.safetensors")
            let message = try weightsFailure {
                let file = try SafetensorsFile(path: path)
                for name in file.names { _ = try file.readFloats(name) }
            }
            #expect(message?.isEmpty != true, "seed \(seed), round \(round)")
        }
    }
}

@Suite struct `Malformed Hugging Face folders` {
    private func open(sharded change: (String) throws -> Void) throws -> String? {
        let folder = try TemporaryFolder()
        let path = try folder.copyModel("tiny-llama31/hf-sharded")
        try change(path)
        return try weightsFailure { _ = try Checkpoint.open(path) }
    }

    private func replace(_ old: String, with new: String, in path: String) throws {
        let text = String(decoding: try Fixtures.bytes(path), as: UTF8.self)
        let changed = text.replacingOccurrences(of: old, with: new)
        #expect(changed != text)
        try changed.write(toFile: path, atomically: true, encoding: .utf8)
    }

    @Test func `a missing shard is named`() throws {
        let message = try open { try FileManager.default.removeItem(atPath: $0 + "/model-00002-of-00003.safetensors") }
        #expect(message?.hasSuffix("/model-00002-of-00003.safetensors: No such file or directory") == true)
    }

    @Test(arguments: ["../model-00002-of-00003.safetensors", "/etc/passwd", "..", "", "a/b"])
    func `a shard outside the folder is refused`(name: String) throws {
        let message = try open {
            try replace("model-00002-of-00003.safetensors", with: name, in: $0 + "/model.safetensors.index.json")
        }
        #expect(message?.contains("index.json: key weight_map.") == true)
        #expect(message?.hasSuffix("is not a plain file name") == true)
    }

    @Test func `a tensor that is not in its shard is named`() throws {
        let message = try open {
            try replace("model-00001-of", with: "model-00002-of", in: $0 + "/model.safetensors.index.json")
        }
        #expect(message?.contains("model-00002-of-00003.safetensors: tensor ") == true)
        #expect(message?.hasSuffix(": is not in the file") == true)
    }

    @Test func `an index without a weight map is refused`() throws {
        let message = try open { try replace("weight_map", with: "map", in: $0 + "/model.safetensors.index.json") }
        #expect(message?.hasSuffix("index.json: key weight_map: is missing") == true)
    }

    @Test func `a tensor under another name is missing`() throws {
        let message = try open {
            let index = $0 + "/model.safetensors.index.json"
            try replace("layers.1.mlp.up_proj.weight", with: "layers.1.mlp.up_proj.factor", in: index)
            for shard in 1...3 {
                let path = URL(fileURLWithPath: $0 + "/model-0000\(shard)-of-00003.safetensors")
                var bytes = try Data(contentsOf: path)
                guard let place = bytes.range(of: Data("1.mlp.up_proj.weight".utf8)) else { continue }
                bytes.replaceSubrange(place, with: Data("1.mlp.up_proj.factor".utf8))
                try bytes.write(to: path)
            }
        }
        #expect(message?.contains("tensor model.layers.1.mlp.up_proj.weight: is missing") == true)
    }

    @Test func `a folder without weights says what would be read`() throws {
        let message = try open {
            try FileManager.default.removeItem(atPath: $0 + "/model.safetensors.index.json")
        }
        #expect(message?.contains("holds neither model.safetensors nor pytorch_model.bin, nor an index") == true)
    }

    @Test func `a path to nothing, to a shard and to no model is refused`() throws {
        #expect(
            try weightsFailure { _ = try Checkpoint.open("/nowhere/model") }
                == "/nowhere/model: there is no such file or folder")
        let shard = Fixtures.model("tiny-tied/hf/model.safetensors")
        #expect(
            try weightsFailure { _ = try Checkpoint.open(shard) }
                == shard + ": give the folder that holds it and its config.json")
        let text = Fixtures.path("make_fixtures.py")
        #expect(
            try weightsFailure { _ = try Checkpoint.open(text) } == text
                + ": at byte 0: is not a GGUF file; if it should be one, fetch it again")
        let folder = try TemporaryFolder()
        #expect(
            try weightsFailure { _ = try Checkpoint.open(folder.path) }
                == folder.path
                + ": holds neither config.json (Hugging Face) nor params.json (Meta); give a GGUF file by its own path")
        #expect(
            try weightsFailure { _ = try SafetensorsFile(path: folder.path) }
                == folder.path + ": is not a regular file")
    }
}
