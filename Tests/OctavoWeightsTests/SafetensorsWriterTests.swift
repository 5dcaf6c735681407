import Foundation
import OctavoCore
import OctavoWeights
import Testing

@Suite struct `Writing safetensors` {
    @Test func `what was written in pieces is read back`() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/out.safetensors"
        let large = (0..<600_000).map { Float($0) * 0.5 }
        let writer = try SafetensorsWriter(path: path)
        writer.begin("0", shape: [2, 3])
        try writer.append([1, -2])
        try writer.append([0.5, .infinity, 3, 4])
        writer.begin("ä \"quoted\"", shape: [600, 1000])
        for start in stride(from: 0, to: large.count, by: 1000) {
            try writer.append(Array(large[start..<start + 1000]))
        }
        writer.begin("empty", shape: [0, 5])
        #expect(!FileManager.default.fileExists(atPath: path))
        try writer.finish()

        let file = try SafetensorsFile(path: path)
        #expect(file.names == ["0", "ä \"quoted\"", "empty"])
        #expect(try file.tensor("0").shape == [2, 3])
        #expect(try file.tensor("0").elementType == .f32)
        #expect(try file.readFloats("0") == [1, -2, 0.5, .infinity, 3, 4])
        #expect(try file.readFloats("ä \"quoted\"") == large)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["out.safetensors"])
    }

    @Test func `a file without tensors is proper`() throws {
        let folder = try TemporaryFolder()
        try SafetensorsWriter(path: folder.path + "/out.safetensors").finish()
        #expect(try SafetensorsFile(path: folder.path + "/out.safetensors").names.isEmpty)
    }

    @Test func `an unfinished file leaves nothing behind`() throws {
        let folder = try TemporaryFolder()
        do {
            let writer = try SafetensorsWriter(path: folder.path + "/out.safetensors")
            writer.begin("0", shape: [4])
            try writer.append([1, 2])
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test func `a folder that is not there is an error about the path`() throws {
        let message = try weightsFailure { _ = try SafetensorsWriter(path: "/nowhere/out.safetensors") }
        #expect(message == "/nowhere/out.safetensors: No such file or directory")
    }

    @Test func `the expected numbers of a tiny model can be read`() throws {
        let file = try SafetensorsFile(path: Fixtures.model("tiny-tied/expected.safetensors"))
        let logits = try file.tensor("logits.float.1")
        #expect(logits.elementType == .f32)
        #expect(logits.shape.last == 320)
        #expect(try file.readFloats("logits.float.1").count == logits.shape.reduce(1, *))
    }
}
