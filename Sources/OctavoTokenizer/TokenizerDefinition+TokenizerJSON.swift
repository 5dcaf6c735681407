import OctavoCore

extension TokenizerDefinition {
    /// Reads a Hugging Face `tokenizer.json` that describes a byte-level BPE of a known kind.
    ///
    /// The end tokens are those of the usual names; a model's `generation_config.json` knows better, if there is one.
    ///
    /// - Parameter bytes: the file's contents.
    /// - Parameter path: the file's name, for messages.
    /// - Throws: `TokenizerError` for anything that is malformed, or that would need another algorithm to be exact.
    public init(tokenizerJSON bytes: [UInt8], path: String) throws(TokenizerError) {
        let root: JSONValue
        do {
            root = try JSONValue.parse(bytes)
        } catch {
            throw TokenizerError(path: path, key: "", reason: "not JSON: \(error); fetch the file again")
        }
        let file = TokenizerJSON(path: path, root: root)
        try file.refuseSentencePiece()
        try file.checkNormalizer()
        try file.checkDecoder()
        let preTokenizer = try file.preTokenizer()
        let model = try file.model()
        let tokens = try file.tokens(of: model)
        let bosToken = try file.leadingToken(tokenCount: tokens.count)
        self.init(
            path: path, tokens: tokens, merges: try file.merges(of: model, tokens: tokens), preTokenizer: preTokenizer,
            ignoresMerges: model["ignore_merges"]?.boolValue ?? false,
            unknownToken: try file.unknownToken(of: model, tokens: tokens),
            bosToken: bosToken ?? Self.conventionalBOSToken(in: tokens),
            endTokens: Self.conventionalEndTokens(in: tokens), addsBOS: bosToken != nil)
    }
}

/// A parsed `tokenizer.json` and the questions that a definition asks of it.
private struct TokenizerJSON {
    let path: String
    let root: JSONValue

    func failure(_ key: String, _ reason: String) -> TokenizerError {
        TokenizerError(path: path, key: key, reason: reason)
    }

    /// The value of a key that is there and not null.
    func value(_ key: String, of object: JSONValue) -> JSONValue? {
        guard let value = object[key], !value.isNull else { return nil }
        return value
    }

    /// The elements of a component: those of a sequence, or itself.
    func flattened(_ component: JSONValue, listKey: String) -> [JSONValue] {
        component["type"]?.stringValue == "Sequence" ? component[listKey]?.arrayValue ?? [] : [component]
    }
}

// MARK: - Model

extension TokenizerJSON {
    /// A tokenizer converted from SentencePiece spells unknown bytes as tokens of their own, or is no BPE.
    func refuseSentencePiece() throws(TokenizerError) {
        guard let model = root["model"] else { return }
        if model["byte_fallback"]?.boolValue == true {
            throw failure("model.byte_fallback", TokenizerError.sentencePiece)
        }
        if model["type"]?.stringValue == "Unigram" { throw failure("model.type", TokenizerError.sentencePiece) }
    }

    func model() throws(TokenizerError) -> JSONValue {
        guard let model = value("model", of: root) else { throw failure("model", "missing") }
        guard let type = model["type"]?.stringValue, type == "BPE" else {
            throw failure("model.type", "unsupported; only byte-level BPE is known")
        }
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            if let affix = value(key, of: model), affix.stringValue != "" {
                throw failure("model.\(key)", "unsupported")
            }
        }
        if let dropout = value("dropout", of: model), dropout.doubleValue != 0 {
            throw failure("model.dropout", "unsupported; encoding would be random")
        }
        return model
    }

    func tokens(of model: JSONValue) throws(TokenizerError) -> [TokenizerDefinition.Token] {
        guard let vocabulary = model["vocab"]?.objectValue else { throw failure("model.vocab", "expected an object") }
        let added = try addedTokens()
        var tokens: [TokenizerDefinition.Token] = []
        func place(_ token: TokenizerDefinition.Token, at id: Int) {
            while tokens.count <= id { tokens.append(.unused) }
            tokens[id] = token
        }
        for member in vocabulary.members {
            let id = try tokenID(member.value, "model.vocab[\(member.key.debugDescription)]")
            // Characters outside the alphabet of bytes: a token that merging cannot reach, printed as it is spelled.
            let bytes = ByteLevelSpelling.bytes(of: member.key)
            place(.init(bytes: bytes ?? Array(member.key.utf8), kind: bytes == nil ? .unused : .text), at: id)
        }
        for (id, token) in added { place(token, at: id) }
        return tokens
    }

    func addedTokens() throws(TokenizerError) -> [(id: Int, token: TokenizerDefinition.Token)] {
        var added: [(id: Int, token: TokenizerDefinition.Token)] = []
        for (index, entry) in (value("added_tokens", of: root)?.arrayValue ?? []).enumerated() {
            let key = "added_tokens[\(index)]"
            guard let content = entry["content"]?.stringValue, !content.isEmpty else {
                throw failure("\(key).content", "expected a string that is not empty")
            }
            for flag in ["lstrip", "rstrip", "single_word"] where entry[flag]?.boolValue == true {
                throw failure("\(key).\(flag)", "unsupported")
            }
            let id = try tokenID(entry["id"] ?? .null, "\(key).id")
            let isSpecial = entry["special"]?.boolValue ?? false
            added.append((id, .init(bytes: Array(content.utf8), kind: isSpecial ? .special : .added)))
        }
        return added
    }

    func tokenID(_ value: JSONValue, _ key: String) throws(TokenizerError) -> Int {
        guard let id = value.integerValue, id >= 0, id < TokenizerDefinition.maximumTokenCount else {
            throw failure(key, "expected a token id from 0 to \(TokenizerDefinition.maximumTokenCount - 1)")
        }
        return id
    }

    func merges(
        of model: JSONValue, tokens: [TokenizerDefinition.Token]
    ) throws(TokenizerError) -> [TokenizerDefinition.Merge] {
        guard let entries = model["merges"]?.arrayValue else { throw failure("model.merges", "expected an array") }
        var reader = MergeReader(tokens: tokens)
        for (index, entry) in entries.enumerated() {
            let understood: Bool
            switch entry {
            case .string(let pair): understood = reader.append(pair)
            case .array(let pair) where pair.count == 2:
                understood = reader.append(pair[0].stringValue ?? "", pair[1].stringValue ?? "")
            default: understood = false
            }
            guard understood else { throw failure("model.merges[\(index)]", MergeReader.failureReason) }
        }
        return reader.merges
    }

    func unknownToken(
        of model: JSONValue, tokens: [TokenizerDefinition.Token]
    ) throws(TokenizerError) -> TokenID? {
        guard let spelling = value("unk_token", of: model)?.stringValue else { return nil }
        if model["fuse_unk"]?.boolValue == true { throw failure("model.fuse_unk", "unsupported with an unk_token") }
        guard let id = tokens.firstIndex(where: { $0.bytes.elementsEqual(spelling.utf8) }) else {
            throw failure("model.unk_token", "no such token")
        }
        return TokenID(id)
    }
}

// MARK: - Steps before and after the model

extension TokenizerJSON {
    func checkNormalizer() throws(TokenizerError) {
        guard let normalizer = value("normalizer", of: root) else { return }
        throw failure("normalizer", "unsupported: \(normalizer["type"]?.stringValue ?? normalizer.typeName)")
    }

    func checkDecoder() throws(TokenizerError) {
        guard let decoder = value("decoder", of: root) else { throw failure("decoder", "missing; expected ByteLevel") }
        guard decoder["type"]?.stringValue == "ByteLevel" else {
            throw failure("decoder", "unsupported: \(decoder["type"]?.stringValue ?? decoder.typeName)")
        }
    }

    /// Recognizes the three rules by what their steps are, not by the model's name.
    func preTokenizer() throws(TokenizerError) -> PreTokenizer {
        guard let component = value("pre_tokenizer", of: root) else { throw failure("pre_tokenizer", "missing") }
        let steps = flattened(component, listKey: "pretokenizers")
        guard let byteLevel = steps.last, byteLevel["type"]?.stringValue == "ByteLevel", steps.count <= 2 else {
            let types = steps.map { $0["type"]?.stringValue ?? $0.typeName }
            throw failure("pre_tokenizer", "unsupported: \(types.joined(separator: ", "))")
        }
        if byteLevel["add_prefix_space"]?.boolValue ?? true {
            throw failure("pre_tokenizer", "unsupported: ByteLevel with add_prefix_space")
        }
        let usesRegex = byteLevel["use_regex"]?.boolValue ?? true
        guard steps.count == 2 else {
            guard usesRegex else { throw failure("pre_tokenizer", "unsupported: ByteLevel alone, without its pattern") }
            return .gpt2
        }
        switch steps[0]["type"]?.stringValue {
        case "Digits" where usesRegex && steps[0]["individual_digits"]?.boolValue == true: return .smollm
        case "Split" where !usesRegex: return try splitPreTokenizer(steps[0])
        default: throw failure("pre_tokenizer", "unsupported: \(steps[0].jsonText) before ByteLevel")
        }
    }

    func splitPreTokenizer(_ split: JSONValue) throws(TokenizerError) -> PreTokenizer {
        guard let pattern = split["pattern"]?["Regex"]?.stringValue, pattern == PreTokenizer.llama3Pattern,
            split["behavior"]?.stringValue == "Isolated", split["invert"]?.boolValue != true
        else { throw failure("pre_tokenizer", "unsupported: \(split.jsonText)") }
        return .llama3
    }

    /// The token that a post-processor puts before the text, if any.
    func leadingToken(tokenCount: Int) throws(TokenizerError) -> TokenID? {
        guard let component = value("post_processor", of: root) else { return nil }
        var leading: TokenID?
        for step in flattened(component, listKey: "processors") {
            switch step["type"]?.stringValue {
            case "ByteLevel": continue
            case "TemplateProcessing": leading = try leadingToken(ofTemplate: step, tokenCount: tokenCount)
            case let type: throw failure("post_processor", "unsupported: \(type ?? step.typeName)")
            }
        }
        return leading
    }

    func leadingToken(ofTemplate template: JSONValue, tokenCount: Int) throws(TokenizerError) -> TokenID? {
        let parts = template["single"]?.arrayValue ?? []
        let unsupported = failure("post_processor", "unsupported template; expected a text, or one token before it")
        guard (1...2).contains(parts.count), parts.last?["Sequence"] != nil else { throw unsupported }
        if parts.count == 1 { return nil }
        guard let name = parts[0]["SpecialToken"]?["id"]?.stringValue,
            let ids = template["special_tokens"]?[name]?["ids"]?.arrayValue, ids.count == 1
        else { throw unsupported }
        let id = try tokenID(ids[0], "post_processor.special_tokens[\(name.debugDescription)].ids")
        guard id < tokenCount else { throw unsupported }
        return TokenID(id)
    }
}
