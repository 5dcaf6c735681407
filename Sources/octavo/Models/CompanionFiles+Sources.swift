import Foundation
import OctavoCore
import OctavoTokenizer
import OctavoWeights

// MARK: - Hugging Face

extension CompanionFiles {
    /// Copies what is there; a folder whose tokenizer is a lone `tokenizer.model` gets the other files of one.
    static func huggingFace(folder: String, _ checkpoint: Checkpoint) throws -> CompanionFiles {
        let path = folder + "/config.json"
        guard case .object(let configuration) = try JSONValue.parse(TextModel.readBytes(path)) else {
            throw CommandFailure(.badData, "\(path): not a JSON object")
        }
        let names = [
            "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
            "chat_template.jinja", "tokenizer.model",
        ]
        let copies = try names.map { (name: $0, path: "\(folder)/\($0)") }
            .filter { FileManager.default.fileExists(atPath: $0.path) }
            .map { (name: $0.name, bytes: try TextModel.readBytes($0.path)) }
        let isComplete =
            copies.contains { $0.name == "tokenizer.json" } || !copies.contains { $0.name == "tokenizer.model" }
        let tokenizer = isComplete ? nil : try ComposedTokenizer(modelIn: folder, checkpoint.configuration)
        let composed = tokenizer?.files.filter { file in !copies.contains { $0.name == file.name } } ?? []
        return CompanionFiles(configuration: configuration, files: copies + composed)
    }
}

// MARK: - Other formats

extension CompanionFiles {
    static func gguf(_ file: GGUFFile, _ checkpoint: Checkpoint) throws -> CompanionFiles {
        let vocabulary = try file.vocabulary()
        let definition = try TokenizerDefinition(gguf: vocabulary, path: file.path)
        let padding = try file.integer("tokenizer.ggml.padding_token_id").flatMap(TokenID.init(exactly:))
        let tokenizer = ComposedTokenizer(
            definition: definition, eosToken: vocabulary.eosID.map { TokenID($0) }, paddingToken: padding,
            chatTemplate: try file.string("tokenizer.chat_template"),
            contextLength: checkpoint.configuration.contextLength)
        return try composed(
            checkpoint, definition, endTokens: definition.endTokens.union(checkpoint.endTokens), tokenizer.files)
    }

    static func meta(folder: String, _ checkpoint: Checkpoint) throws -> CompanionFiles {
        let tokenizer = try ComposedTokenizer(modelIn: folder, checkpoint.configuration)
        let own: File = ("tokenizer.model", try TextModel.readBytes(folder + "/tokenizer.model"))
        return try composed(
            checkpoint, tokenizer.definition, endTokens: tokenizer.definition.endTokens, tokenizer.files + [own])
    }

    private static func composed(
        _ checkpoint: Checkpoint, _ definition: TokenizerDefinition, endTokens: Set<TokenID>, _ files: [File]
    ) throws -> CompanionFiles {
        let configuration = try checkpoint.configuration.huggingFaceJSON(
            elementType: checkpoint.matrix(.tokenEmbedding).elementType, bosToken: definition.bosToken,
            endTokens: endTokens.sorted(), path: checkpoint.path)
        var generation = JSONObject()
        for key in ["bos_token_id", "eos_token_id"] { generation[key] = configuration[key] }
        let text = JSONValue.object(generation).indentedText
        return CompanionFiles(
            configuration: configuration, files: files + [("generation_config.json", Array(text.utf8))])
    }
}

// MARK: - Tokenizers

/// A tokenizer of another format as the files of a Hugging Face folder.
struct ComposedTokenizer {
    let definition: TokenizerDefinition
    let eosToken: TokenID?
    let paddingToken: TokenID?
    let chatTemplate: String?
    let contextLength: Int
}

extension ComposedTokenizer {
    /// Reads the `tokenizer.model` of Llama 3 in a folder.
    init(modelIn folder: String, _ configuration: ModelConfiguration) throws {
        let path = folder + "/tokenizer.model"
        let definition = try TextModel.definition(in: folder, path: path, TextModel.readBytes(path))
        self.init(
            definition: definition, eosToken: definition.endTokens.min(),
            paddingToken: definition.specialToken(named: "<|finetune_right_pad_id|>"), chatTemplate: nil,
            contextLength: configuration.contextLength)
    }

    /// `tokenizer.json` and `tokenizer_config.json`.
    var files: [CompanionFiles.File] {
        var settings: JSONObject = [
            "clean_up_tokenization_spaces": false, "model_input_names": ["input_ids", "attention_mask"],
            "model_max_length": .integer(contextLength), "tokenizer_class": "PreTrainedTokenizerFast",
        ]
        settings["bos_token"] = spelling(of: definition.bosToken)
        settings["eos_token"] = spelling(of: eosToken)
        settings["pad_token"] = spelling(of: paddingToken)
        settings["chat_template"] = chatTemplate.map(JSONValue.string)
        return [
            ("tokenizer.json", Array(JSONValue.object(definition.tokenizerJSON()).jsonText.utf8)),
            ("tokenizer_config.json", Array(JSONValue.object(settings).indentedText.utf8)),
        ]
    }

    private func spelling(of token: TokenID?) -> JSONValue? {
        guard let token, definition.tokens.indices.contains(Int(token)) else { return nil }
        return .string(String(decoding: definition.tokens[Int(token)].bytes, as: UTF8.self))
    }
}
