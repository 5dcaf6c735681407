/// Text of a prompt, and whether the template wrote it (trusted: special tokens in it are parsed) or a user did (they
/// stay text).
public struct PromptSegment: Sendable, Hashable {
    /// The text.
    public var text: String
    /// Whether special-token spellings in the text stand for the tokens.
    public var isTrusted: Bool
    /// Whether the text is tokenized apart from what stands before it, rather than as one text with it.
    public var isApart: Bool

    /// A segment of the given text and trust.
    public init(text: String, isTrusted: Bool, isApart: Bool = false) {
        self.text = text
        self.isTrusted = isTrusted
        self.isApart = isApart
    }
}
