public import OctavoCore

extension Tokenizer {
    /// The bytes that `token` stands for: the spelling of a special token, nothing for an id outside the vocabulary.
    public func bytes(of token: TokenID) -> [UInt8] { Array(slice(of: token)) }

    /// Whether `token` is a special token, not text.
    public func isSpecial(_ token: TokenID) -> Bool {
        kinds.indices.contains(Int(token)) && kinds[Int(token)] == .special
    }

    /// The text of `tokens`; each maximal ill-formed part of their bytes is U+FFFD.
    ///
    /// - Parameter skipSpecial: whether special tokens are left out; if not, they are spelled.
    public func decode(_ tokens: [TokenID], skipSpecial: Bool = false) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(4 * tokens.count)
        for token in tokens where !skipSpecial || !isSpecial(token) { text.append(contentsOf: slice(of: token)) }
        return String(decoding: text, as: UTF8.self)
    }

    private func slice(of token: TokenID) -> ArraySlice<UInt8> {
        kinds.indices.contains(Int(token)) ? bytes[Int(token)] : []
    }
}
