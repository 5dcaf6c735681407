public import OctavoCore

/// Tokens that one choice of a request gained since the last checkpoint.
public struct CheckpointEntry: Sendable, Hashable {
    /// The request.
    public var key: RequestKey
    /// The index of the choice.
    public var choice: Int
    /// Where in the answer the first of `tokens` stands, from 0.
    public var firstToken: Int
    /// The tokens, in order.
    public var tokens: [TokenID]

    /// Makes an entry.
    public init(key: RequestKey, choice: Int, firstToken: Int, tokens: [TokenID]) {
        self.key = key
        self.choice = choice
        self.firstToken = firstToken
        self.tokens = tokens
    }
}

/// The packed form of a checkpoint's entries.
///
/// Version 1: the byte 1, then entries up to the end. An entry is its batch id, position, choice, first token, number of
/// tokens, and the tokens, each an unsigned LEB128 number (seven bits a byte, least significant first, the high bit set
/// on all but the last). A token of a 128,000-word vocabulary takes two or three bytes.
package enum CheckpointBlob {
    private static let version: UInt8 = 1

    /// Packs entries.
    package static func encode(_ entries: [CheckpointEntry]) -> [UInt8] {
        var blob: [UInt8] = [version]
        for entry in entries {
            blob.appendNumber(UInt64(entry.key.batchID))
            blob.appendNumber(UInt64(entry.key.position))
            blob.appendNumber(UInt64(entry.choice))
            blob.appendNumber(UInt64(entry.firstToken))
            blob.appendNumber(UInt64(entry.tokens.count))
            for token in entry.tokens { blob.appendNumber(UInt64(token)) }
        }
        return blob
    }

    /// Unpacks entries; nil if the blob is damaged or of a version that this one does not know.
    package static func decode(_ blob: [UInt8]) -> [CheckpointEntry]? {
        guard blob.first == version else { return nil }
        var numbers = NumberReader(bytes: blob.dropFirst())
        var entries: [CheckpointEntry] = []
        while !numbers.isAtEnd {
            guard let batchID = numbers.next(Int64.self), let position = numbers.next(Int32.self),
                let choice = numbers.next(Int32.self), let firstToken = numbers.next(Int32.self),
                let count = numbers.next(Int32.self), Int(count) <= numbers.bytes.count
            else { return nil }
            var tokens: [TokenID] = []
            tokens.reserveCapacity(Int(count))
            for _ in 0..<count {
                guard let token = numbers.next(TokenID.self) else { return nil }
                tokens.append(token)
            }
            entries.append(
                CheckpointEntry(
                    key: RequestKey(batchID: batchID, position: position), choice: Int(choice),
                    firstToken: Int(firstToken), tokens: tokens))
        }
        return entries
    }
}

extension [UInt8] {
    /// Appends a number as unsigned LEB128.
    fileprivate mutating func appendNumber(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }
}

/// Reads unsigned LEB128 numbers.
private struct NumberReader {
    var bytes: ArraySlice<UInt8>

    var isAtEnd: Bool { bytes.isEmpty }

    /// The next number; nil if it is cut short, or exceeds the type.
    mutating func next<T: FixedWidthInteger>(_ type: T.Type) -> T? {
        var value: UInt64 = 0
        for shift in stride(from: 0, to: 63, by: 7) {
            guard let byte = bytes.popFirst() else { return nil }
            value |= UInt64(byte & 0x7F) << UInt64(shift)
            if byte < 0x80 { return T(exactly: value) }
        }
        return nil
    }
}
