import OctavoCore

/// Reads merges as vocabulary files spell them, in order of rank.
struct MergeReader {
    /// What is wrong with a merge that cannot be read.
    static let failureReason = "expected two tokens of the vocabulary that together are a third one"

    private let lookup: PieceTable
    private var pair: [UInt8] = []

    /// The merges read so far.
    private(set) var merges: [TokenizerDefinition.Merge] = []

    /// A reader of merges of the given tokens.
    init(tokens: [TokenizerDefinition.Token]) {
        // Where an added token is spelled like text, the text is meant: it is listed first.
        let text = tokens.indices.filter { tokens[$0].kind == .text }
        let others = tokens.indices.filter { tokens[$0].kind == .added || tokens[$0].kind == .special }
        lookup = PieceTable(TokenBytes(tokens), ids: (text + others).map { TokenID($0) })
    }

    /// Reads a merge written as two spellings with a space between them.
    ///
    /// - Returns: whether it was understood.
    mutating func append(_ spellings: String) -> Bool {
        let parts = spellings.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        return parts.count == 2 && append(Substring(parts[0]), Substring(parts[1]))
    }

    /// Reads a merge written as two spellings.
    ///
    /// - Returns: whether it was understood.
    mutating func append(_ left: some StringProtocol, _ right: some StringProtocol) -> Bool {
        pair.removeAll(keepingCapacity: true)
        guard ByteLevelSpelling.append(bytesOf: left, to: &pair) else { return false }
        let middle = pair.count
        guard ByteLevelSpelling.append(bytesOf: right, to: &pair) else { return false }
        let (left, right, result) = pair.withUnsafeBufferPointer { bytes in
            (
                lookup.token(of: UnsafeBufferPointer(rebasing: bytes[..<middle])),
                lookup.token(of: UnsafeBufferPointer(rebasing: bytes[middle...])),
                lookup.token(of: bytes)
            )
        }
        guard left >= 0, right >= 0, result >= 0, let rank = Int32(exactly: merges.count) else { return false }
        merges.append(.init(left: left, right: right, result: result, rank: rank))
        return true
    }
}
