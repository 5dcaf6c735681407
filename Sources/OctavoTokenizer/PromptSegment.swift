/// Text of a prompt, and whether the template wrote it (trusted: special tokens in it are parsed) or a user did (they
/// stay text).
public struct PromptSegment: Sendable, Hashable {
    /// The text.
    public var text: String
    /// Whether special-token spellings in the text stand for the tokens.
    public var isTrusted: Bool

    /// A segment of the given text and trust.
    public init(text: String, isTrusted: Bool) {
        self.text = text
        self.isTrusted = isTrusted
    }
}
