/// Why a tokenizer's file cannot be used, and where in it the reason lies.
public struct TokenizerError: Error, Hashable, CustomStringConvertible {
    /// The file, as the caller named it.
    public var path: String
    /// The place in the file: a key such as `model.merges[17]`, or `line 3`; empty where it is the whole file.
    public var key: String
    /// What is wrong there, as a phrase.
    public var reason: String

    /// An error at `key` in the file at `path`.
    public init(path: String, key: String, reason: String) {
        self.path = path
        self.key = key
        self.reason = reason
    }

    /// `tokenizer.json: model.merges[17]: …`
    public var description: String { key.isEmpty ? "\(path): \(reason)" : "\(path): \(key): \(reason)" }

    /// Why the tokenizers of Llama 2 and its kin are refused.
    static let sentencePiece =
        "unsupported: a SentencePiece tokenizer, as Llama 2's; Octavo runs byte-level BPE, as Llama 3's and GPT-2's: use a "
        + "model that has one"
}
