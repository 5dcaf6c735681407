/// The number of a token in a model's vocabulary, from 0.
public typealias TokenID = Int32

/// What the engine needs to know of a tokenizer: the bytes behind a token.
///
/// The engine matches stop strings against bytes and hands finished text out, but never encodes.
public protocol TokenDecoding: Sendable {
    /// The bytes that `token` stands for; empty for an id outside the vocabulary. Special tokens give their spelling.
    func bytes(of token: TokenID) -> [UInt8]

    /// Whether `token` is a special token (a control token, not text).
    func isSpecial(_ token: TokenID) -> Bool
}
