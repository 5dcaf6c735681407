import Foundation
import OctavoWeights
import Testing

@Suite struct `Reading GGUF metadata` {
    private let file: GGUFFile

    init() throws { file = try GGUFFile(path: Fixtures.path("block-types.gguf")) }

    @Test(arguments: [
        ("uint8", 255), ("int8", -128), ("uint16", 65535), ("int16", -32768), ("uint32", 4_294_967_295),
        ("int32", -2_147_483_648), ("int64", Int.min),
    ])
    func `integers of any width are read`(type: String, value: Int) throws {
        #expect(try file.integer("edge." + type) == value)
    }

    @Test func `values of every other type are read`() throws {
        #expect(try file.double("edge.float32") == Double(Float(0.1)))
        #expect(try file.double("edge.float64") == 0.1)
        #expect(try file.bool("edge.bool") == true)
        #expect(try file.string("edge.string") == "grüß \u{1F999}")
        #expect(try file.strings("edge.strings") == ["a", "", "中文"])
        #expect(try file.int32s("edge.integers") == [1, -2, 3])
    }

    @Test func `an absent key is nil`() throws {
        #expect(try file.string("absent") == nil)
        #expect(try file.int32s("absent") == nil)
        #expect(try file.bool("absent") == nil)
    }

    @Test func `a value of another type is an error that names the key`() throws {
        func message(_ body: (GGUFFile) throws -> Void) throws -> String? {
            try weightsFailure { try body(file) }
        }
        #expect(try message { _ = try $0.integer("edge.uint64") }?.hasSuffix("expected an integer") == true)
        #expect(try message { _ = try $0.string("edge.bool") }?.contains(": key edge.bool at byte ") == true)
        #expect(try message { _ = try $0.bool("edge.uint8") }?.hasSuffix("expected a boolean") == true)
        #expect(try message { _ = try $0.strings("edge.integers") }?.hasSuffix("expected an array of strings") == true)
        #expect(try message { _ = try $0.strings("edge.string") }?.hasSuffix("expected an array") == true)
        #expect(
            try message { _ = try $0.int32s("edge.nested") }?.hasSuffix("expected an array of 32-bit integers") == true)
        #expect(try message { _ = try $0.double("edge.int8") }?.hasSuffix("expected a floating-point number") == true)
    }

    @Test func `a checkpoint offers the vocabulary`() throws {
        let gguf = try #require(try Checkpoint.open(Fixtures.model("tiny-llama31/gguf/model-f16.gguf")).gguf)
        #expect(try gguf.strings("tokenizer.ggml.tokens")?.count == 288)
        #expect(try gguf.int32s("tokenizer.ggml.token_type")?.count == 288)
        #expect(try gguf.strings("tokenizer.ggml.merges")?.count == 24)
        #expect(try gguf.string("tokenizer.ggml.pre") == "llama-bpe")
        #expect(gguf.keys.first == "general.architecture")
        #expect(gguf.names.contains("rope_freqs.weight"))
    }
}

@Suite struct `Malformed GGUF files` {
    private func open(_ bytes: [UInt8]) throws -> String? {
        let folder = try TemporaryFolder()
        let path = try folder.write(bytes, to: "a.gguf")
        let message = try weightsFailure { _ = try GGUFFile(path: path) }
        if let message { #expect(message.hasPrefix(path + ": ")) }
        return message
    }

    @Test func `the file that the other tests break is proper`() throws {
        #expect(try open(GGUFBuilder().bytes) == nil)
    }

    static let headers: [(change: @Sendable (inout GGUFBuilder) -> Void, message: String)] = [
        ({ $0.magic = "GGML" }, "at byte 0: is not a GGUF file"),
        ({ $0.version = 1 }, "at byte 4: GGUF version 1 is not supported, only 2 and 3"),
        ({ $0.version = 4 }, "GGUF version 4 is not supported"),
        ({ $0.version = 0x0300_0000 }, "is a big-endian GGUF file"),
        ({ $0.tensorCount = .max }, "at byte 8: 18446744073709551615 tensors do not fit in the "),
        ({ $0.valueCount = 1 << 40 }, "at byte 16: 1099511627776 metadata values do not fit in the "),
        ({ $0.alignment = 0 }, "key general.alignment at byte 53: is not a power of two"),
        ({ $0.alignment = 24 }, "key general.alignment at byte 53: is not a power of two"),
        ({ $0.value("general.alignment", 4, [32, 0, 0, 0]) }, "key general.alignment at byte"),
        ({ $0.value("x", 13, []) }, "key x at byte 66: value type 13 does not exist"),
        (
            { $0.value("x", 8, [9, 0, 0, 0, 0, 0, 0, 0x80]) },
            "key x at byte 70: 9223372036854775817 bytes of a string do not fit"
        ),
        (
            { $0.value("x", 9, [4, 0, 0, 0, 255, 255, 0, 0, 0, 0, 0, 0]) },
            "key x at byte 74: 65535 array elements do not fit"
        ),
        (
            { $0.value("x", 9, (0..<6).flatMap { _ in [9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0] as [UInt8] }) },
            "arrays nested more than four deep"
        ),
        ({ $0.tensors[0].dimensions = [] }, "tensor w at byte 66: 0 dimensions, not 1 to 4"),
        ({ $0.tensors[0].dimensions = [1, 1, 1, 1, 1] }, "5 dimensions, not 1 to 4"),
        ({ $0.tensors[0].dimensions = [0, 3] }, "tensor w at byte 66: a dimension of 0"),
        ({ $0.tensors[0].dimensions = [1 << 63] }, "a dimension of 9223372036854775808"),
        ({ $0.tensors[0].dimensions = [1 << 40, 1 << 40] }, "is too large"),
        ({ $0.tensors[0].dimensions = [1 << 61, 3] }, "is too large"),
        (
            { $0.tensors[0].dimensions = [33, 2] },
            "tensor w at byte 128: 264 bytes reach beyond the end of the file, at 384 bytes"
        ),
        ({ $0.tensors[0].type = 8 }, "tensor w at byte 128: rows of 4 elements are no whole number of Q8_0 blocks"),
        ({ $0.tensors[0].type = 16 }, "tensor w at byte 86: ggml type 16 (IQ2_XXS) is not supported"),
        ({ $0.tensors[0].type = .max }, "ggml type 4294967295 is not supported"),
        ({ $0.tensors[0].offset = 3 }, "tensor w: the offset 3 is no multiple of the alignment, 32"),
        ({ $0.tensors[0].offset = 0xFFFF_FFFF_FFFF_FFE0 }, "tensor w: begins beyond the end of the file"),
        ({ $0.tensors[0].offset = 256 }, "reach beyond the end of the file"),
        ({ $0.tensors.append($0.tensors[0]) }, "tensor w: stands in the file twice"),
        ({ $0.tensors[0].name = [0xFF] }, "a string that is not UTF-8"),
    ]

    @Test(arguments: headers.indices)
    func `a bad header is refused with its place`(index: Int) throws {
        var builder = GGUFBuilder()
        Self.headers[index].change(&builder)
        let found = try open(builder.bytes)
        #expect(found?.contains(Self.headers[index].message) == true, "\(found ?? "no error")")
    }

    @Test func `a file cut short anywhere is refused`() throws {
        let whole = GGUFBuilder().bytes
        let end = whole.count - GGUFBuilder.unusedBytes
        for count in 0..<end { #expect(try open(Array(whole[..<count])) != nil, "\(count) bytes") }
        #expect(try open(Array(whole[..<end])) == nil)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `random bytes in a header never trap`(seed: UInt64) throws {
        var generator = SeededGenerator(state: seed)
        let whole = GGUFBuilder().bytes
        for round in 0..<100 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<128, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            #expect(try open(bytes)?.isEmpty != true, "seed \(seed), round \(round)")
        }
    }

    @Test(arguments: [4, 5] as [UInt64])
    func `a model with random bytes in its header opens and reads, or is refused`(seed: UInt64) throws {
        var generator = SeededGenerator(state: seed)
        let folder = try TemporaryFolder()
        let whole = try Fixtures.bytes(Fixtures.model("tiny-tied/gguf/model-q4_1.gguf"))
        for _ in 0..<60 {
            var bytes = whole
            for _ in 0..<3 {
                bytes[Int.random(in: 0..<12_000, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            let path = try folder.write(bytes, to: "a.gguf")
            _ = try weightsFailure {
                let checkpoint = try Checkpoint.open(path)
                for role in checkpoint.roles { _ = try checkpoint.floats(role) }
                _ = try checkpoint.gguf?.strings("tokenizer.ggml.tokens")
            }
        }
    }
}

@Suite struct `GGUF files of other models` {
    private func open(_ change: (inout [UInt8]) -> Void) throws -> String? {
        let folder = try TemporaryFolder()
        var bytes = try Fixtures.bytes(Fixtures.model("tiny-llama31/gguf/model-q8_0.gguf"))
        change(&bytes)
        let path = try folder.write(bytes, to: "a.gguf")
        return try weightsFailure { _ = try Checkpoint.open(path) }
    }

    /// Overwrites the first occurrence of `old`.
    private static func replace(_ old: String, with new: [UInt8], after skipped: Int = 0, in bytes: inout [UInt8]) {
        guard let start = Data(bytes).range(of: Data(old.utf8))?.lowerBound else {
            Issue.record("the file does not hold the text")
            return
        }
        bytes.replaceSubrange(start + skipped..<start + skipped + new.count, with: new)
    }

    /// Overwrites the value of a 32-bit metadata key: the key's text, then four bytes of type, then the value.
    private static func set(_ key: String, to value: UInt32, in bytes: inout [UInt8]) {
        let little = withUnsafeBytes(of: value.littleEndian) { Array($0) }
        replace(key, with: little, after: key.utf8.count + 4, in: &bytes)
    }

    @Test(arguments: [
        ("llama.embedding_length", 0, "key llama.embedding_length at byte 253: 0 is not in 1...1048576"),
        ("llama.block_count", 5000, "5000 is not in 1...4096"),
        ("llama.block_count", 3, "tensor blk.2.attn_norm.weight: is missing"),
        ("llama.attention.head_count", 7, "key llama.attention.head_count at byte 336: 7 heads do not divide 64"),
        ("llama.attention.head_count", 8, "key llama.rope.dimension_count"),
        ("llama.attention.head_count_kv", 3, "4 attention heads are no multiple of 3 key-value heads"),
        ("llama.rope.dimension_count", 8, "8 differs from the head dimension, 16"),
        ("llama.vocab_size", 300, "tensor token_embd.weight at byte"),
        ("llama.rope.freq_base", 0, "a RoPE base of 0.0"),
        ("llama.attention.layer_norm_rms_epsilon", 0x7FC0_0000, "an RMSNorm epsilon of nan"),
        ("tokenizer.ggml.eos_token_id", 0xFFFF_FFFF, "4294967295 is not a token id"),
    ])
    func `impossible metadata is refused by key`(key: String, value: UInt32, message: String) throws {
        let found = try open { Self.set(key, to: value, in: &$0) }
        #expect(found?.contains(message) == true, "\(found ?? "no error")")
    }

    @Test func `another architecture is refused by name`() throws {
        let key = "general.architecture"
        let found = try open { Self.replace(key, with: Array("gemma".utf8), after: key.utf8.count + 12, in: &$0) }
        #expect(found?.hasSuffix(": \"gemma\" is not supported, only \"llama\"") == true)
    }

    @Test func `a tensor that no Llama has is refused`() throws {
        let found = try open { Self.replace("output.weight", with: Array("output.weighx".utf8), in: &$0) }
        #expect(found?.contains("tensor blk.0.attn_output.weight: is missing") == true)
        let bias = try open { Self.replace("rope_freqs.weight", with: Array("rope_freqs.biases".utf8), in: &$0) }
        #expect(bias?.contains("tensor rope_freqs.biases at byte ") == true)
        #expect(bias?.contains(": is not part of a Llama model that Octavo computes") == true)
    }

    @Test func `RoPE divisors that are not positive are refused`() throws {
        let file = try GGUFFile(path: Fixtures.model("tiny-llama31/gguf/model-q8_0.gguf"))
        let first = try file.tensor("rope_freqs.weight")
        let found = try open { bytes in
            let pattern = first.readFloats().withUnsafeBytes { Data($0) }
            guard let start = Data(bytes).range(of: pattern)?.lowerBound else { return }
            bytes.replaceSubrange(start..<start + 4, with: [0, 0, 0, 0])
        }
        #expect(found?.hasSuffix(": a RoPE frequency divisor is not positive") == true)
    }
}
