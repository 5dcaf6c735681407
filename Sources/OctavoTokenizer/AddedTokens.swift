import OctavoCore

/// Finds the tokens that stand for a spelling in the text itself, before any merging: special tokens where the text is
/// trusted, the other added tokens everywhere.
struct AddedTokens: Sendable {
    private struct Spelling {
        var bytes: [UInt8]
        var token: TokenID
        var isSpecial: Bool
    }

    /// In the order of their bytes, so that those with a common beginning are neighbors.
    private let spellings: [Spelling]
    private let startsSpelling: [Bool]
    private let hasUnconditional: Bool

    /// The special and added tokens among `tokens`, whose ids are their places.
    init(_ tokens: [TokenizerDefinition.Token]) {
        var spellings: [Spelling] = []
        for (id, token) in tokens.enumerated() where token.kind == .special || token.kind == .added {
            guard !token.bytes.isEmpty else { continue }
            spellings.append(
                Spelling(bytes: token.bytes, token: TokenID(id), isSpecial: token.kind == .special))
        }
        spellings.sort { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        var startsSpelling = [Bool](repeating: false, count: 256)
        for spelling in spellings { startsSpelling[Int(spelling.bytes[0])] = true }
        self.spellings = spellings
        self.startsSpelling = startsSpelling
        hasUnconditional = spellings.contains { !$0.isSpecial }
    }

    /// The token of exactly this spelling.
    func token(spelled spelling: some Sequence<UInt8>) -> TokenID? {
        let spelling = Array(spelling)
        return spellings.first { $0.bytes == spelling }?.token
    }

    /// A token found in a text.
    struct Match {
        var range: Range<Int>
        var token: TokenID
    }

    /// The leftmost match at or after `start`, the longest one there.
    ///
    /// - Parameter trusted: where special tokens count, in order and apart; ranges that end before the place searched
    ///   are removed.
    func firstMatch(
        in text: UnsafeBufferPointer<UInt8>, from start: Int, trusted: inout ArraySlice<Range<Int>>
    ) -> Match? {
        if !hasUnconditional, trusted.isEmpty { return nil }
        for position in start..<text.count where startsSpelling[Int(text[position])] {
            while let range = trusted.first, range.upperBound <= position { trusted.removeFirst() }
            if !hasUnconditional, trusted.isEmpty { return nil }
            let trustedEnd = trusted.first.map { $0.contains(position) ? $0.upperBound : position } ?? position
            if let match = longestMatch(in: text, at: position, trustedEnd: trustedEnd) { return match }
        }
        return nil
    }

    /// Narrows the sorted spellings down byte by byte to those the text goes on like.
    private func longestMatch(in text: UnsafeBufferPointer<UInt8>, at position: Int, trustedEnd: Int) -> Match? {
        var candidates = spellings[...]
        var longest: Match?
        var end = position
        while end < text.count {
            let depth = end - position
            candidates = candidates.suffix(from: firstIndex(in: candidates) { $0.bytes[depth] >= text[end] })
            candidates = candidates.prefix(upTo: firstIndex(in: candidates) { $0.bytes[depth] > text[end] })
            end += 1
            // The shortest of them comes first; if it is whole, it is a match, and only longer ones remain.
            while let first = candidates.first, first.bytes.count == end - position {
                if !first.isSpecial || end <= trustedEnd {
                    longest = Match(range: position..<end, token: first.token)
                }
                candidates.removeFirst()
            }
            if candidates.isEmpty { break }
        }
        return longest
    }

    /// The first of the candidates for which `belongsAfter` holds; it must hold for all that follow.
    private func firstIndex(
        in candidates: ArraySlice<Spelling>, where belongsAfter: (Spelling) -> Bool
    ) -> Int {
        var low = candidates.startIndex
        var high = candidates.endIndex
        while low < high {
            let middle = low + (high - low) / 2
            if belongsAfter(candidates[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
