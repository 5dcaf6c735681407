/// The rule by which text is cut into pieces before merging; no token of ordinary text spans two pieces.
///
/// In each rule, the first alternative that matches at a place wins, not the longest.
public enum PreTokenizer: Sendable, Hashable {
    /// Llama 3 and its successors: `llama3Pattern`.
    case llama3
    /// GPT-2: `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
    case gpt2
    /// SmolLM2: every `\p{N}` is a piece, and GPT-2's rule cuts each stretch between them.
    case smollm
}

extension PreTokenizer {
    /// The regular expression by which files name Llama 3's rule.
    static let llama3Pattern =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"#
        + #"\s+(?!\S)|\s+"#

    /// The pieces of `text`, in order; joined, they are the text.
    package func pieces(of text: String) -> [String] {
        var text = text
        return text.withUTF8 { bytes in
            guard !bytes.isEmpty else { return [] }
            let scanner = PieceScanner(text: bytes, rule: self)
            var pieces: [String] = []
            var start = 0
            while start < bytes.count {
                let end = scanner.pieceEnd(from: start)
                pieces.append(String(decoding: bytes[start..<end], as: UTF8.self))
                start = end
            }
            return pieces
        }
    }
}
