import OctavoTestSupport
import OctavoWeights
import Testing

/// What the pickle machine makes of programs that no checkpoint contains.
@Suite struct `Hostile pickles` {
    /// The message about a file whose pickle is `program`, after `PROTO 2`.
    private func failure(_ program: [UInt8], protocol version: UInt8 = 2) throws -> String? {
        let bytes = zipFile([("m/data.pkl", [0x80, version] + program)])
        return try weightsFailure { _ = try TorchFile(path: "m.bin", contents: bytes) }
    }

    private func text(_ program: String) -> [UInt8] { Array(program.utf8) }

    @Test(arguments: [
        ("cbuiltins\neval\n.", "builtins.eval"), ("cos\nsystem\n(tR.", "os.system"),
        ("ctorch.storage\n_load_from_bytes\n.", "torch.storage._load_from_bytes"),
        ("ctorchao.dtypes.nf4tensor\nNF4Tensor\n.", "torchao.dtypes.nf4tensor.NF4Tensor"),
    ])
    func `every name that checkpoints do not need is refused`(program: String, name: String) throws {
        #expect(try failure(text(program))?.contains("refuses \(name): not a class of") == true)
    }

    @Test func `a name put together on the stack is refused as well`() throws {
        let program: [UInt8] = [0x8C, 8] + text("builtins") + [0x8C, 4] + text("eval") + [0x93, 0x2E]
        #expect(try failure(program, protocol: 4)?.contains("refuses builtins.eval") == true)
    }

    @Test func `a name does not reach into another line of the message`() throws {
        let program: [UInt8] = [0x8C, 3] + text("a\nb") + [0x8C, 1] + text("c") + [0x93]
        #expect(try failure(program)?.contains("refuses a?b.c") == true)
    }

    @Test func `nesting a million levels deep neither overflows nor is accepted`() throws {
        for opcode in [0x85, UInt8(ascii: "(")] {
            let program = text("}") + [UInt8](repeating: opcode, count: 1_000_000) + text(".")
            #expect(try failure(program) != nil)
        }
        let endless = text("}") + [UInt8](repeating: 0x85, count: 3_000_000) + text(".")
        #expect(try failure(endless)?.contains("a pickle of more than 2097152 values") == true)
    }

    @Test func `containers of containers that double each time stay as small as their program`() throws {
        var program = text("]q\u{0}")
        for level in 0..<200 as Range<UInt8> {
            program += text("]q") + [level + 1] + text("(h") + [level] + text("h") + [level] + text("e")
        }
        #expect(try failure(program + text("."))?.contains("is not a dictionary of tensors by name") == true)
    }

    @Test func `a container that holds itself is of no consequence`() throws {
        #expect(
            try failure(text("}q\u{0}X\u{1}\u{0}\u{0}\u{0}wh\u{0}s."))?.contains("tensor w: is not a tensor") == true)
        #expect(try failure(text("]q\u{0}h\u{0}a."))?.contains("is not a dictionary") == true)
    }

    @Test(arguments: [
        "", ".", "0.", "}", "u.", "}u.", "]]s.", "}(N.", "}(Nu.", "N)R.", "Nq", "h\u{7}.", "NQ.", "}NNNs.", "))b.", "K",
        "X",
        "J\u{1}", "cabc", "(1.", "}X\u{5}\u{0}\u{0}\u{0}abc", "ccollections\nOrderedDict\n(]tR.", "\u{1}.", "I1\n.",
        "P1\n.",
    ])
    func `a program that is cut short or makes no sense is refused`(program: String) throws {
        #expect(try failure(text(program)) != nil)
    }

    @Test func `integers beyond 64 bits and text that is no UTF-8 are refused`() throws {
        #expect(try failure([0x8A, 9] + [UInt8](repeating: 1, count: 9))?.contains("an integer of 9 bytes") == true)
        #expect(try failure(text("X\u{2}\u{0}\u{0}\u{0}") + [0xFF, 0xFE])?.contains("not UTF-8") == true)
        #expect(try failure([0x8D] + [UInt8](repeating: 0xFF, count: 8))?.contains("do not fit") == true)
    }
}

@Suite struct `Malformed zip files` {
    private func failure(_ bytes: [UInt8]) throws -> String? {
        try weightsFailure { _ = try TorchFile(path: "m.bin", contents: bytes) }
    }

    private let empty: [UInt8] = [0x80, 2, 0x7D, 0x2E]

    @Test func `an entry that is compressed, named twice or absent is refused`() throws {
        #expect(try failure(zipFile([("m/data.pkl", empty)])) == nil)
        #expect(
            try failure(zipFile([("m/data.pkl", empty)], method: 8))?.contains("m/data.pkl is compressed") == true)
        #expect(
            try failure(zipFile([("m/data.pkl", empty), ("m/data.pkl", empty)]))?.contains("stands in the file twice")
                == true)
        #expect(try failure(zipFile([("m/other", empty)]))?.contains("holds no data.pkl") == true)
        #expect(try failure(zipFile([]))?.contains("holds no data.pkl") == true)
        let big = zipFile([("m/data.pkl", empty), ("m/byteorder", Array("big".utf8))])
        #expect(try failure(big)?.contains("is not in little-endian byte order") == true)
    }

    @Test func `entries that overlap are refused`() throws {
        var bytes = zipFile([("m/data.pkl", empty), ("m/data/0", [1, 2, 3, 4])])
        // The second entry of the directory gets the place of the first one's header.
        let place = try #require(bytes.indices.last { Array(bytes[$0...].prefix(4)) == [0x50, 0x4B, 1, 2] })
        bytes.replaceSubrange(place + 42..<place + 46, with: [0, 0, 0, 0])
        #expect(try failure(bytes)?.contains("overlaps another") == true)
    }

    @Test func `a file cut short anywhere is refused`() throws {
        let bytes = TorchFileBuilder([.init("w", [3], bfloat16: [1, 2, 3])]).bytes
        #expect(try failure(bytes) == nil)
        for count in 0..<bytes.count { #expect(try failure(Array(bytes[..<count])) != nil, "\(count) bytes") }
    }

    @Test func `a 64-bit directory is read, and refused where it lies elsewhere`() throws {
        let bytes = TorchFileBuilder([.init("w", [3], bfloat16: [1, 2, 3])]).bytes
        let end = bytes.count - 22
        let size = little(UInt64(bytes[end + 12]) | UInt64(bytes[end + 13]) << 8)
        let offset = little(UInt64(bytes[end + 16]) | UInt64(bytes[end + 17]) << 8)
        func wide(count: UInt64, at place: Int) -> [UInt8] {
            var wide = Array(bytes[..<end])
            wide += little(UInt32(0x0606_4B50)) + [UInt8](repeating: 0, count: 20)
            wide += little(count) + little(count)
            wide += size + offset
            wide += little(UInt32(0x0706_4B50)) + little(UInt32(0))
            wide += little(UInt64(place)) + little(UInt32(1))
            wide += bytes[end..<end + 8]
            return wide + [UInt8](repeating: 0xFF, count: 12) + [0, 0]
        }
        #expect(try failure(wide(count: 3, at: end)) == nil)
        #expect(try failure(wide(count: .max, at: end))?.contains("lies outside of the file") == true)
        #expect(try failure(wide(count: 1 << 40, at: end))?.contains("zip entries do not fit") == true)
        #expect(try failure(wide(count: 3, at: .max))?.contains("without its 64-bit directory") == true)
    }
}
