import Foundation
import OctavoWeights
import Testing

@Suite struct `Weights that are no numbers` {
    private let sequential: Parallel = { count, body in for index in 0..<count { body(index) } }

    /// The message about every tensor of a checkpoint, in order.
    private func messages(_ checkpoint: Checkpoint) throws -> [String] {
        try checkpoint.roles.compactMap { role in
            try weightsFailure { try checkpoint.checkFinite(role, parallel: sequential) }
        }
    }

    @Test(arguments: [
        "tiny-untied/hf", "tiny-untied/meta", "tiny-untied/gguf/model-q4_1.gguf", "tiny-tied/gguf/model-f16.gguf",
        "tiny-untied/torchao-bin", "tiny-tied/compressed-tensors", "tiny-llama31/hf-sharded",
    ])
    func `there are none in a proper model`(model: String) throws {
        #expect(try messages(Checkpoint.open(Fixtures.model(model))).isEmpty)
    }

    @Test func `in a GGUF file one is named as the file has it`() throws {
        let name = "blk.1.attn_q.weight"
        var bytes = try Fixtures.bytes(Fixtures.model("tiny-tied/gguf/model-f16.gguf"))
        let tensor = try GGUFFile(path: "f16", contents: bytes).tensor(name)
        let elements = tensor.readFloats().map { Float16($0).bitPattern }
        let place = try #require(Data(bytes).range(of: elements.withUnsafeBytes { Data($0) })).lowerBound
        let (row, column) = (17, 5)
        let element = place + 2 * (row * tensor.shape[1] + column)
        bytes.replaceSubrange(element..<element + 2, with: [0x00, 0xFC])
        let found = try messages(Checkpoint.open(gguf: GGUFFile(path: "f16", contents: bytes)))
        #expect(
            found == [
                "f16: tensor \(name) at byte \(place): the weight in row 17, column 5 is -inf, not a finite number: the "
                    + "file is damaged; fetch it again"
            ])
    }

    @Test func `among shards the one that holds it is named`() throws {
        var contents = try Fixtures.contents("tiny-llama31/hf-sharded")
        let shard = "model-00002-of-00003.safetensors"
        let file = try SafetensorsFile(path: Fixtures.model("tiny-llama31/hf-sharded/\(shard)"))
        let name = try #require(file.names.first { $0.hasSuffix("proj.weight") })
        let elements = try file.readFloats(name).map { UInt16(truncatingIfNeeded: $0.bitPattern >> 16) }
        var bytes = try #require(contents[shard])
        let place = try #require(Data(bytes).range(of: elements.withUnsafeBytes { Data($0) })).lowerBound
        bytes.replaceSubrange(place + 2..<place + 4, with: [0xC0, 0x7F])
        contents[shard] = bytes
        let found = try messages(Checkpoint.open(path: "folder", contents: contents))
        #expect(found.count == 1)
        #expect(
            found.first?.hasPrefix("folder/\(shard): tensor \(name) at byte \(place): the weight in row 0, column 1")
                == true)
    }

    @Test func `what was let go is read again`() throws {
        let checkpoint = try Checkpoint.open(Fixtures.model("tiny-untied/hf"))
        let fingerprint = try checkpoint.fingerprint()
        checkpoint.releasePages()
        #expect(try checkpoint.fingerprint() == fingerprint)
    }
}
