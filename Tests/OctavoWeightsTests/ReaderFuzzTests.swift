import Foundation
import OctavoTestSupport
import OctavoWeights
import Testing

/// Whatever is in a file, a reader ends with a model or with an error of one line.
@Suite struct ReaderFuzzTests {
    /// Small originals of every format; each case damages one file of one of them.
    static let checkpoints = [
        "tiny-tied/hf", "tiny-llama31/hf-sharded", "tiny-llama31/torchao-bin", "tiny-tied/torchao-bin",
        "tiny-tied/torchao-safetensors", "tiny-tied/compressed-tensors", "tiny-untied/fmo", "tiny-llama31/meta",
    ]

    @Test func `damaged folders are refused or read`() throws {
        let originals = try Self.checkpoints.map { name in
            try Fixtures.contents(name).filter { !$0.key.hasPrefix("tokenizer") }
        }
        try FuzzCampaign.current.run("folders") { generator in
            var contents = try #require(originals.randomElement(using: &generator))
            let name = try #require(contents.keys.sorted().randomElement(using: &generator))
            ByteMutator.damage(&contents[name, default: []], using: &generator)
            try Self.survives { try Checkpoint.open(path: "folder", contents: contents).readSome() }
        }
    }

    @Test(arguments: ["torchao-0.5.0", "torchao-0.10.0", "torchao-0.18.0", "views", "hostile"])
    func `damaged files of torch save are refused or read`(name: String) throws {
        let original = try Fixtures.bytes(Fixtures.path("pickles/\(name).bin"))
        try FuzzCampaign.current.run(name) { generator in
            var bytes = original
            ByteMutator.damage(&bytes, using: &generator)
            try Self.survives {
                let file = try TorchFile(path: "file", contents: bytes)
                for name in file.names {
                    _ = try file.tensor(name).readFloats()
                    _ = file.scale(of: name)?.readFloats()
                }
            }
        }
    }

    @Test func `pickles made of random opcodes are refused`() throws {
        let opcodes =
            Array("(01NKMJX)t]ae}suqrhjcRbQ.".utf8) + [0x80, 0x81, 0x85, 0x86, 0x87, 0x88, 0x8A, 0x8C, 0x93, 0x94]
        let words = [
            "ctorch._utils\n_rebuild_tensor_v2\n", "ccollections\nOrderedDict\n", "X\u{1}\u{0}\u{0}\u{0}w", "K\u{2}",
            "q\u{0}",
            "h\u{0}", "ctorch\nFloatStorage\n", "ctorch._tensor\n_rebuild_from_type_v2\n", "(", ")", "}", "t", "R",
        ].map { Array($0.utf8) }
        try FuzzCampaign.current.run("opcodes") { generator in
            var program: [UInt8] = [0x80, 2, 0x7D]
            for _ in 0..<Int.random(in: 1...60, using: &generator) {
                program +=
                    Bool.random(using: &generator)
                    ? [opcodes.randomElement(using: &generator) ?? 0]
                    : words.randomElement(using: &generator) ?? []
            }
            let bytes = zipFile([("m/data.pkl", program + Array(".".utf8))])
            try Self.survives { _ = try TorchFile(path: "file", contents: bytes) }
        }
    }

    @Test(arguments: ["tiny-tied/gguf/model-q4_1.gguf", "tiny-llama31/gguf/model-q8_0.gguf"])
    func `damaged GGUF files are refused or read`(name: String) throws {
        let original = try Fixtures.bytes(Fixtures.model(name))
        try FuzzCampaign.current.run("GGUF") { generator in
            var bytes = original
            ByteMutator.damage(&bytes, using: &generator)
            try Self.survives {
                let file = try GGUFFile(path: "file", contents: bytes)
                for key in file.keys { try? Self.readValue(key, of: file) }
                try Checkpoint.open(gguf: file).readSome()
            }
        }
    }

    /// Reads a value as every type in turn.
    private static func readValue(_ key: String, of file: GGUFFile) throws {
        _ = try? file.string(key)
        _ = try? file.strings(key)
        _ = try? file.int32s(key)
        _ = try? file.integer(key)
        _ = try? file.bool(key)
        _ = try file.double(key)
    }

    /// Runs `body`, whose errors must be a line each.
    private static func survives(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as WeightsError {
            #expect(!error.reason.isEmpty && !error.description.contains("\n"))
        }
    }
}

extension Checkpoint {
    /// Reads vectors, scales, and a row of every matrix, at either end.
    fileprivate func readSome() throws {
        for role in roles.prefix(12) {
            guard role.shape(in: configuration).count == 2 else {
                _ = try vector(role)
                continue
            }
            let matrix = try matrix(role)
            var row = [Float](repeating: 0, count: matrix.columns)
            row.withUnsafeMutableBufferPointer {
                matrix.read(rows: 0..<1, into: $0)
                matrix.read(rows: matrix.rows - 1..<matrix.rows, into: $0)
            }
        }
    }
}
