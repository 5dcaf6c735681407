import OctavoCore

extension TokenizerDefinition {
    /// Reads Meta's `tokenizer.model` of Llama 3: a line `base64-of-bytes rank` per token.
    ///
    /// The file holds no special tokens; those of Llama 3.1 are put after the others. Two neighbors merge when together
    /// they are a token, the lowest rank first, and a rank is an id.
    ///
    /// - Parameter bytes: the file's contents.
    /// - Parameter path: the file's name, for messages.
    /// - Parameter vocabularySize: how many tokens the model has; special tokens beyond it are left out.
    /// - Throws: `TokenizerError` naming the line that is malformed, or for SentencePiece's file of the same name.
    public init(tokenizerModel bytes: [UInt8], path: String, vocabularySize: Int? = nil) throws(TokenizerError) {
        // SentencePiece's is a protocol buffer that begins with field 1, a token.
        guard bytes.first != 0x0A else {
            throw TokenizerError(path: path, key: "", reason: TokenizerError.sentencePiece)
        }
        var tokens: [Token] = []
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
            guard let (token, rank) = Self.tokenAndRank(line), !token.isEmpty, rank < Self.maximumTokenCount else {
                throw TokenizerError(
                    path: path, key: "line \(index + 1)", reason: "expected a token in base64, a space and a rank")
            }
            while tokens.count <= rank { tokens.append(.unused) }
            tokens[rank] = Token(bytes: token, kind: .text)
        }
        guard !tokens.isEmpty else { throw TokenizerError(path: path, key: "", reason: "holds no token") }
        let merges = Self.everySplit(of: tokens)
        let room = max(0, (vocabularySize ?? .max) - tokens.count)
        tokens += Self.llama31SpecialTokens.prefix(room).map { Token(bytes: Array($0.utf8), kind: .special) }
        self.init(
            path: path, tokens: tokens, merges: merges, preTokenizer: .llama3, ignoresMerges: true,
            bosToken: Self.conventionalBOSToken(in: tokens), endTokens: Self.conventionalEndTokens(in: tokens),
            addsBOS: true)
    }

    private static func tokenAndRank(_ line: ArraySlice<UInt8>) -> (token: [UInt8], rank: Int)? {
        let fields = line.split(separator: UInt8(ascii: " "))
        guard fields.count == 2, let token = bytes(ofBase64: fields[0]),
            let rank = Int(String(decoding: fields[1], as: UTF8.self)), rank >= 0
        else { return nil }
        return (token, rank)
    }

    /// Decodes base64 (RFC 4648 section 4), padding included.
    private static func bytes(ofBase64 text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        let digits = text.prefix { $0 != UInt8(ascii: "=") }
        guard text.count - digits.count <= 2, text.dropFirst(digits.count).allSatisfy({ $0 == UInt8(ascii: "=") })
        else { return nil }
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var bitCount = 0
        for digit in digits {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = digit - UInt8(ascii: "A")
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = digit - UInt8(ascii: "a") + 26
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0") + 52
            case UInt8(ascii: "+"): value = 62
            case UInt8(ascii: "/"): value = 63
            default: return nil
            }
            bits = bits << 6 | UInt32(value)
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
            }
        }
        return bytes
    }

    /// Every way in which a token is two tokens side by side, as a merge of the token's rank.
    private static func everySplit(of tokens: [Token]) -> [Merge] {
        let ids = tokens.indices.map { TokenID($0) }
        let lookup = PieceTable(TokenBytes(tokens), ids: ids)
        var merges: [Merge] = []
        for id in ids {
            tokens[Int(id)].bytes.withUnsafeBufferPointer { token in
                for middle in token.indices.dropFirst() {
                    let left = lookup.token(of: UnsafeBufferPointer(rebasing: token[..<middle]))
                    guard left >= 0 else { continue }
                    let right = lookup.token(of: UnsafeBufferPointer(rebasing: token[middle...]))
                    if right >= 0 { merges.append(Merge(left: left, right: right, result: id, rank: id)) }
                }
            }
        }
        return merges
    }

    /// The 256 special tokens of Llama 3.1, 3.2 and 3.3, in order of their ids, as in their `tokenizer.json`.
    private static let llama31SpecialTokens: [String] =
        [
            "<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>",
            "<|finetune_right_pad_id|>", "<|reserved_special_token_2|>", "<|start_header_id|>", "<|end_header_id|>",
            "<|eom_id|>", "<|eot_id|>", "<|python_tag|>",
        ] + (3...247).map { "<|reserved_special_token_\($0)|>" }
}
