/// Damages bytes in the ways in which hostile files are damaged.
public enum ByteMutator {
    /// Changes `bytes` in one to four ways, mostly near its ends, where formats keep their headers and directories.
    public static func damage(_ bytes: inout [UInt8], using generator: inout SeededGenerator) {
        for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
            switch Int.random(in: 0..<16, using: &generator) {
            case 0: bytes.removeLast(Int.random(in: 1...min(bytes.count, 4096), using: &generator))
            case 1: bytes.removeLast(Int.random(in: 1...bytes.count, using: &generator))
            case 2: removeChunk(&bytes, using: &generator)
            case 3, 4: copyChunk(&bytes, using: &generator)
            case 5, 6, 7, 8: writeLength(&bytes, using: &generator)
            case 9, 10: writeDigits(&bytes, using: &generator)
            default: flip(&bytes, using: &generator)
            }
        }
    }

    /// A place in the bytes: in one of two cases anywhere, else within a kilobyte of an end.
    private static func place(_ bytes: [UInt8], using generator: inout SeededGenerator) -> Int {
        let edge = min(bytes.count, 1024)
        return switch Int.random(in: 0..<4, using: &generator) {
        case 0: Int.random(in: 0..<edge, using: &generator)
        case 1: Int.random(in: bytes.count - edge..<bytes.count, using: &generator)
        default: Int.random(in: 0..<bytes.count, using: &generator)
        }
    }

    private static func flip(_ bytes: inout [UInt8], using generator: inout SeededGenerator) {
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let place = place(bytes, using: &generator)
            bytes[place] =
                Bool.random(using: &generator)
                ? bytes[place] ^ (1 << UInt8.random(in: 0..<8, using: &generator))
                : UInt8.random(in: 0...255, using: &generator)
        }
    }

    private static func removeChunk(_ bytes: inout [UInt8], using generator: inout SeededGenerator) {
        let start = place(bytes, using: &generator)
        bytes.removeSubrange(start..<min(bytes.count, start + Int.random(in: 1...64, using: &generator)))
    }

    /// Copies a chunk to another place, over what is there or before it.
    private static func copyChunk(_ bytes: inout [UInt8], using generator: inout SeededGenerator) {
        let start = place(bytes, using: &generator)
        let chunk = Array(bytes[start..<min(bytes.count, start + Int.random(in: 1...64, using: &generator))])
        let target = place(bytes, using: &generator)
        let end = Bool.random(using: &generator) ? target : min(bytes.count, target + chunk.count)
        bytes.replaceSubrange(target..<end, with: chunk)
    }

    /// Writes a number that a length or an offset should not be.
    private static func writeLength(_ bytes: inout [UInt8], using generator: inout SeededGenerator) {
        let size = UInt64(bytes.count)
        let numbers: [UInt64] = [
            0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 32, 1 << 62, 1 << 63, .max,
            .max >> 1, .max - 7, size, size &- 1, size + 1, size * 2,
        ]
        let number = little(numbers.randomElement(using: &generator) ?? 0)
        let width = [1, 2, 4, 8].randomElement(using: &generator) ?? 8
        let start = place(bytes, using: &generator)
        for (index, byte) in number.prefix(width).enumerated() where start + index < bytes.count {
            bytes[start + index] = byte
        }
    }

    /// Puts another number where the text has a digit.
    private static func writeDigits(_ bytes: inout [UInt8], using generator: inout SeededGenerator) {
        let numbers = [
            "0", "-1", "1e9", "0.5", "2147483648", "9223372036854775807", "18446744073709551616", "null", "[]", "\"\"",
        ]
        let start = place(bytes, using: &generator)
        let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) }
        guard let first = bytes[start...].prefix(4096).firstIndex(where: isDigit) else { return }
        let end = bytes[first...].firstIndex { !isDigit($0) } ?? bytes.endIndex
        bytes.replaceSubrange(first..<end, with: Array((numbers.randomElement(using: &generator) ?? "0").utf8))
    }
}
