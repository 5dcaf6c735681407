public import OctavoCore

/// Text from tokens as they come: whatever is certain is given out at once, half a character is kept back.
///
/// The pieces given out, joined, are the text of all tokens together.
public struct StreamingDecoder: Sendable {
    private let tokens: any TokenDecoding
    private let skipsSpecial: Bool
    /// The beginning of a character: at most three bytes.
    private var incomplete: [UInt8] = []

    /// A decoder at the start of a text.
    ///
    /// - Parameter skipSpecial: whether special tokens are left out; if not, they are spelled.
    public init(_ tokens: any TokenDecoding, skipSpecial: Bool = false) {
        self.tokens = tokens
        skipsSpecial = skipSpecial
    }

    /// Takes the next token and returns the text that is certain now.
    public mutating func append(_ token: TokenID) -> String {
        if skipsSpecial, tokens.isSpecial(token) { return "" }
        let bytes = incomplete + tokens.bytes(of: token)
        let (text, rest) = Self.split(bytes)
        incomplete = Array(rest)
        return String(decoding: text, as: UTF8.self)
    }

    /// Ends the text and returns what was kept back: nothing, or U+FFFD for a character never finished.
    public mutating func finish() -> String {
        defer { incomplete = [] }
        return String(decoding: incomplete, as: UTF8.self)
    }

    /// Splits off a beginning of a character that more bytes could complete.
    private static func split(_ bytes: [UInt8]) -> (text: ArraySlice<UInt8>, rest: ArraySlice<UInt8>) {
        // A character is incomplete for three bytes at most, and its first byte is no continuation.
        for start in bytes.indices.suffix(3).reversed() where bytes[start] & 0xC0 != 0x80 {
            return isIncompleteCharacter(bytes[start...]) ? (bytes[..<start], bytes[start...]) : (bytes[...], [])
        }
        return (bytes[...], [])
    }

    /// Whether `bytes`, a byte and its continuations, are a proper beginning of a well-formed character (the Unicode
    /// Standard, table 3-7).
    private static func isIncompleteCharacter(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let lead = bytes.first else { return false }
        let length: Int
        let second: ClosedRange<UInt8>
        switch lead {
        case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: return false
        }
        return bytes.count < length && bytes.dropFirst().first.map(second.contains) != false
    }
}
