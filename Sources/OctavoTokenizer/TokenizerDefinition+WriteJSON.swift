public import OctavoCore

extension TokenizerDefinition {
    /// The vocabulary as a Hugging Face `tokenizer.json`, which the `tokenizers` library (0.20 or newer) reads and which
    /// encodes every text as this definition does.
    ///
    /// Tokens that encoding never gives are left out unless their spelling says so itself, and so is the second of two
    /// tokens with the same bytes: the format has one id for a spelling.
    ///
    /// - Complexity: O(n log n) in the number of merges; about half a second for Llama 3's 280,147.
    public func tokenizerJSON() -> JSONObject {
        [
            "version": "1.0", "truncation": nil, "padding": nil, "added_tokens": .array(addedTokens), "normalizer": nil,
            "pre_tokenizer": preTokenizer.json, "post_processor": postProcessor,
            "decoder": Self.byteLevel(addsPrefixSpace: true, usesRegex: true),
            "model": [
                "type": "BPE", "dropout": nil, "unk_token": unknownToken.map { .string(spelling(of: $0)) } ?? .null,
                "continuing_subword_prefix": nil, "end_of_word_suffix": nil, "fuse_unk": false, "byte_fallback": false,
                "ignore_merges": .bool(ignoresMerges), "vocab": .object(JSONObject(members: vocabulary)),
                "merges": .array(pairs),
            ],
        ]
    }
}

// MARK: - Tokens

extension TokenizerDefinition {
    private func spelling(of id: TokenID) -> String {
        let token = tokens[Int(id)]
        return token.kind == .text
            ? ByteLevelSpelling.spelling(of: token.bytes) : String(decoding: token.bytes, as: UTF8.self)
    }

    /// The special tokens, and the others that stand for their spelling in the text itself.
    private var addedTokens: [JSONValue] {
        tokens.indices.filter { isAdded($0) }.map { id in
            [
                "id": .integer(id), "content": .string(spelling(of: TokenID(id))), "single_word": false,
                "lstrip": false, "rstrip": false, "normalized": false, "special": .bool(tokens[id].kind == .special),
            ]
        }
    }

    private func isAdded(_ id: Int) -> Bool {
        (tokens[id].kind == .special || tokens[id].kind == .added) && !tokens[id].bytes.isEmpty
    }

    /// Readers give an added token that the vocabulary lacks the next free id. So those that follow the text without a gap
    /// are left to them, as in Llama 3's own file, and all others are listed.
    private var vocabulary: [JSONObject.Member] {
        let textEnd = (tokens.lastIndex { $0.kind == .text } ?? -1) + 1
        let members = members(of: 0..<textEnd)
        if members.count == textEnd, (textEnd..<tokens.count).allSatisfy(isAdded) { return members }
        return self.members(of: tokens.indices)
    }

    private func members(of ids: Range<Int>) -> [JSONObject.Member] {
        var known: Set<[UInt8]> = []
        return ids.compactMap { id in
            let spelling = spelling(of: TokenID(id))
            // An unused token spelled as bytes would become text.
            if tokens[id].kind == .unused, ByteLevelSpelling.bytes(of: spelling) != nil { return nil }
            guard known.insert(Array(spelling.utf8)).inserted else { return nil }
            return JSONObject.Member(key: spelling, value: .integer(id))
        }
    }

    /// The merges as pairs of spellings. Those of one rank make the same token; they are ordered by their parts, as Hugging
    /// Face's converter of `tokenizer.model` does.
    private var pairs: [JSONValue] {
        merges.sorted { ($0.rank, $0.left, $0.right) < ($1.rank, $1.left, $1.right) }
            .map { [.string(spelling(of: $0.left)), .string(spelling(of: $0.right))] }
    }
}

// MARK: - Steps before and after the model

extension TokenizerDefinition {
    fileprivate static func byteLevel(addsPrefixSpace: Bool = false, usesRegex: Bool) -> JSONValue {
        [
            "type": "ByteLevel", "add_prefix_space": .bool(addsPrefixSpace), "trim_offsets": true,
            "use_regex": .bool(usesRegex),
        ]
    }

    /// Puts BOS before a text, and before each of two, where the model expects it.
    private var postProcessor: JSONValue {
        guard addsBOS, let bosToken else { return nil }
        let name = JSONValue.string(spelling(of: bosToken))
        func parts(_ text: JSONValue, _ type: JSONValue) -> [JSONValue] {
            [["SpecialToken": ["id": name, "type_id": type]], ["Sequence": ["id": text, "type_id": type]]]
        }
        return [
            "type": "TemplateProcessing", "single": .array(parts("A", 0)),
            "pair": .array(parts("A", 0) + parts("B", 1)),
            "special_tokens": [
                spelling(of: bosToken): ["id": name, "ids": [.integer(Int(bosToken))], "tokens": [name]]
            ],
        ]
    }
}

extension PreTokenizer {
    fileprivate var json: JSONValue {
        let steps: [JSONValue]
        switch self {
        case .gpt2: return TokenizerDefinition.byteLevel(usesRegex: true)
        case .smollm:
            steps = [["type": "Digits", "individual_digits": true], TokenizerDefinition.byteLevel(usesRegex: true)]
        case .llama3:
            steps = [
                [
                    "type": "Split", "pattern": ["Regex": .string(Self.llama3Pattern)], "behavior": "Isolated",
                    "invert": false,
                ], TokenizerDefinition.byteLevel(usesRegex: false),
            ]
        }
        return ["type": "Sequence", "pretokenizers": .array(steps)]
    }
}
