/// The spelling of bytes as printable characters that GPT-2 introduced and vocabulary files still use.
///
/// Printable Latin-1 characters stand for themselves; the other 68 bytes are U+0100 and up in order (`Ġ` is a space, `Ċ`
/// a newline).
enum ByteLevelSpelling {
    /// The scalar that spells each byte.
    private static let scalarOfByte: [Unicode.Scalar] = {
        var next: UInt16 = 0x100
        return (UInt8.min...UInt8.max).map { byte in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return Unicode.Scalar(byte)
            default:
                defer { next += 1 }
                return Unicode.Scalar(next)!
            }
        }
    }()

    /// The byte that each scalar below U+0144 spells; `nil` for those that spell none.
    private static let byteOfScalar: [UInt8?] = {
        var table = [UInt8?](repeating: nil, count: 0x144)
        for (byte, scalar) in scalarOfByte.enumerated() { table[Int(scalar.value)] = UInt8(byte) }
        return table
    }()

    /// Appends the bytes that `spelling` stands for, unless it holds a character that spells no byte.
    ///
    /// - Returns: whether it stands for bytes; if not, `bytes` may have grown.
    static func append(bytesOf spelling: some StringProtocol, to bytes: inout [UInt8]) -> Bool {
        for scalar in spelling.unicodeScalars {
            guard scalar.value < byteOfScalar.count, let byte = byteOfScalar[Int(scalar.value)] else { return false }
            bytes.append(byte)
        }
        return true
    }

    /// The characters that spell `bytes`.
    static func spelling(of bytes: some Sequence<UInt8>) -> String {
        var spelling = ""
        for byte in bytes { spelling.unicodeScalars.append(scalarOfByte[Int(byte)]) }
        return spelling
    }

    /// The bytes that `spelling` stands for; `nil` if it holds a character that spells no byte.
    static func bytes(of spelling: some StringProtocol) -> [UInt8]? {
        var bytes: [UInt8] = []
        return append(bytesOf: spelling, to: &bytes) ? bytes : nil
    }
}
