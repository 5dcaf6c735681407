public import OctavoCore

/// A byte-level BPE vocabulary as plain data, whichever file it came from.
public struct TokenizerDefinition: Sendable {
    /// What a token stands for.
    public enum TokenKind: Sendable, Hashable {
        /// Text, reached by merging.
        case text
        /// A control token: its spelling means it only in trusted text.
        case special
        /// A token whose spelling always means it; it is text all the same.
        case added
        /// A number that encoding never gives, such as padding of the vocabulary.
        case unused
    }

    /// One token of the vocabulary.
    public struct Token: Sendable, Hashable {
        /// The bytes it stands for; the spelling, if it is special.
        public var bytes: [UInt8]
        /// What it stands for.
        public var kind: TokenKind

        /// A token of the given bytes and kind.
        public init(bytes: [UInt8], kind: TokenKind) {
            self.bytes = bytes
            self.kind = kind
        }

        static let unused = Token(bytes: [], kind: .unused)
    }

    /// Two neighboring tokens that become one.
    public struct Merge: Sendable, Hashable {
        /// The left token.
        public var left: TokenID
        /// The right token.
        public var right: TokenID
        /// The token that they become.
        public var result: TokenID
        /// When: the lowest rank in a piece is merged first; from 0.
        public var rank: Int32

        /// A merge of two tokens.
        public init(left: TokenID, right: TokenID, result: TokenID, rank: Int32) {
            self.left = left
            self.right = right
            self.result = result
            self.rank = rank
        }
    }

    /// The file it came from, for messages.
    public var path: String
    /// The tokens, each at the place of its id.
    public var tokens: [Token]
    /// The merges, in any order.
    public var merges: [Merge]
    /// How text is cut into pieces.
    public var preTokenizer: PreTokenizer
    /// Whether a piece that is a token is that token, even where merging would not reach it.
    public var ignoresMerges: Bool
    /// The token for a byte that has none; without it, such a byte is dropped.
    public var unknownToken: TokenID?
    /// The token that begins a text, if the model has one.
    public var bosToken: TokenID?
    /// The tokens that end a model's answer.
    public var endTokens: Set<TokenID>
    /// Whether the model expects `bosToken` before plain text.
    public var addsBOS: Bool

    /// A vocabulary of the given parts.
    public init(
        path: String, tokens: [Token], merges: [Merge], preTokenizer: PreTokenizer, ignoresMerges: Bool = false,
        unknownToken: TokenID? = nil, bosToken: TokenID? = nil, endTokens: Set<TokenID> = [], addsBOS: Bool = false
    ) {
        self.path = path
        self.tokens = tokens
        self.merges = merges
        self.preTokenizer = preTokenizer
        self.ignoresMerges = ignoresMerges
        self.unknownToken = unknownToken
        self.bosToken = bosToken
        self.endTokens = endTokens
        self.addsBOS = addsBOS
    }
}

extension TokenizerDefinition {
    /// More tokens than any vocabulary has (the largest have 262,144): a bound for ids read from files.
    static let maximumTokenCount = 1 << 21

    /// The special tokens by whose names models of the Llama 3 and ChatML kind are known to end an answer. A file
    /// seldom lists them all: Llama 3.1 ends with any of three, and its `eos_token` is one.
    static func conventionalEndTokens(in tokens: [Token]) -> Set<TokenID> {
        let names = ["<|end_of_text|>", "<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|endoftext|>"]
        let spellings = Set(names.map { Array($0.utf8) })
        var found: Set<TokenID> = []
        for (id, token) in tokens.enumerated() where token.kind == .special && spellings.contains(token.bytes) {
            found.insert(TokenID(id))
        }
        return found
    }

    /// The id of a `<|begin_of_text|>` among the special tokens.
    static func conventionalBOSToken(in tokens: [Token]) -> TokenID? { specialToken("<|begin_of_text|>", in: tokens) }

    /// The special token of exactly this spelling.
    public func specialToken(named spelling: String) -> TokenID? { Self.specialToken(spelling, in: tokens) }

    private static func specialToken(_ spelling: String, in tokens: [Token]) -> TokenID? {
        let spelling = Array(spelling.utf8)
        return tokens.firstIndex { $0.kind == .special && $0.bytes == spelling }.map { TokenID($0) }
    }
}
