import Foundation
import OctavoCore
import OctavoTokenizer
import OctavoWeights

/// The text side of a model: tokenizer and chat format, with or without weights beside them.
struct TextModel {
    let tokenizer: Tokenizer
    /// The template that came with the model or was given; without one, Llama 3's own form for its vocabularies.
    let chatFormat: ChatFormat?
    let bosText: String
    let eosText: String
    /// What identifies tokenizer and template, hashed into the fingerprint.
    let identity: [UInt8]

    /// Opens MODEL: a GGUF file, a directory, or a tokenizer file alone.
    ///
    /// - Parameter templatePath: a chat template that overrides the model's own.
    init(path: String, templatePath: String?) throws {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw CommandFailure(
                .inputNotFound,
                "\(path): no such file or directory. Give --model a .gguf file or a model's directory; "
                    + "scripts/fetch-model fetches a small one and prints its path.")
        }
        if path.hasSuffix(".gguf") {
            self = try Self.gguf(GGUFFile(path: path), templatePath: templatePath)
        } else {
            let folder = isDirectory.boolValue ? path : (path as NSString).deletingLastPathComponent
            let file = isDirectory.boolValue ? nil : path
            self = try Self.folder(folder.isEmpty ? "." : folder, file: file, templatePath: templatePath)
        }
    }

    private init(
        _ definition: TokenizerDefinition, template: ChatTemplate?, templateSource: String?, bosText: String?,
        eosText: String?, identity: [UInt8]
    ) throws {
        let tokenizer = try Tokenizer(definition)
        self.tokenizer = tokenizer
        chatFormat = template.map(ChatFormat.template) ?? Llama3Chat(tokenizer).map(ChatFormat.llama3)
        func spelling(_ token: TokenID?) -> String {
            token.map { String(decoding: tokenizer.bytes(of: $0), as: UTF8.self) } ?? ""
        }
        self.bosText = bosText ?? spelling(definition.bosToken)
        self.eosText = eosText ?? spelling(definition.endTokens.min())
        let builtIn = if case .llama3? = chatFormat { Llama3Chat.identity } else { "" }
        self.identity =
            identity + Array((templateSource ?? builtIn).utf8) + Array("\(self.bosText)\0\(self.eosText)".utf8)
    }

    /// An encoder for prompts.
    func encoder(contextLength: Int) -> PromptEncoder {
        PromptEncoder(
            tokenizer: tokenizer, chatFormat: chatFormat, bosText: bosText, eosText: eosText,
            contextLength: contextLength)
    }
}

// MARK: - GGUF

extension TextModel {
    static func gguf(_ file: GGUFFile, templatePath: String?) throws -> TextModel {
        let vocabulary = try file.vocabulary()
        let definition = try TokenizerDefinition(gguf: vocabulary, path: file.path)
        let source = try templatePath.map(read) ?? file.string("tokenizer.chat_template")
        return try TextModel(
            definition,
            template: source.map {
                try ChatTemplate(source: $0, name: templatePath ?? "chat template of \(file.path)")
            },
            templateSource: source, bosText: nil, eosText: vocabulary.eosID.map { vocabulary.tokens[safe: $0] ?? "" },
            identity: Array((vocabulary.tokens + vocabulary.merges).joined(separator: "\0").utf8))
    }
}

// MARK: - Directories

extension TextModel {
    private static func folder(_ folder: String, file: String?, templatePath: String?) throws -> TextModel {
        let candidates = ["tokenizer.json", "tokenizer.model"].map { "\(folder)/\($0)" }
        guard let path = file ?? candidates.first(where: FileManager.default.fileExists) else {
            throw CommandFailure(.inputNotFound, "\(folder): neither tokenizer.json nor tokenizer.model is there")
        }
        let bytes = try readBytes(path)
        let definition = try definition(in: folder, path: path, bytes)
        let configuration = try tokenizerConfiguration(folder)
        let source = try templatePath.map(read) ?? templateFile(folder) ?? template(in: configuration)
        return try TextModel(
            definition,
            template: source.map { try ChatTemplate(source: $0, name: templatePath ?? "chat template of \(folder)") },
            templateSource: source, bosText: spelling(configuration["bos_token"]),
            eosText: spelling(configuration["eos_token"]), identity: bytes)
    }

    /// The vocabulary in a tokenizer's file of a folder.
    static func definition(in folder: String, path: String, _ bytes: [UInt8]) throws -> TokenizerDefinition {
        path.hasSuffix(".model")
            ? try TokenizerDefinition(tokenizerModel: bytes, path: path, vocabularySize: metaVocabularySize(folder))
            : try TokenizerDefinition(tokenizerJSON: bytes, path: path)
    }

    /// How many tokens a model in Meta's format has: its `tokenizer.model` does not list the special ones.
    private static func metaVocabularySize(_ folder: String) throws -> Int? {
        let path = "\(folder)/params.json"
        guard FileManager.default.fileExists(atPath: path),
            let size = try? JSONValue.parse(readBytes(path))["vocab_size"]?.integerValue
        else { return nil }
        return size > 0 ? size : nil
    }

    private static func tokenizerConfiguration(_ folder: String) throws -> JSONObject {
        let path = "\(folder)/tokenizer_config.json"
        guard FileManager.default.fileExists(atPath: path) else { return JSONObject() }
        do {
            guard let object = try JSONValue.parse(readBytes(path)).objectValue else {
                throw CommandFailure(.badData, "\(path): not a JSON object")
            }
            return object
        } catch let error as JSONParseError {
            throw CommandFailure(.badData, "\(path): \(error)")
        }
    }

    private static func templateFile(_ folder: String) throws -> String? {
        let path = "\(folder)/chat_template.jinja"
        return FileManager.default.fileExists(atPath: path) ? try read(path) : nil
    }

    /// `chat_template` is a string, or an array of named templates of which one is the default.
    private static func template(in configuration: JSONObject) -> String? {
        switch configuration["chat_template"] {
        case .string(let source): source
        case .array(let named): named.first { $0["name"]?.stringValue == "default" }?["template"]?.stringValue
        default: nil
        }
    }

    /// A special token is written as its spelling, or as an object that has it as `content`.
    private static func spelling(_ value: JSONValue?) -> String? {
        value?.stringValue ?? value?["content"]?.stringValue
    }

    static func read(_ path: String) throws -> String {
        guard let text = String(validating: try readBytes(path), as: UTF8.self) else {
            throw CommandFailure(.badData, "\(path): not UTF-8")
        }
        return text
    }

    static func readBytes(_ path: String) throws -> [UInt8] {
        do {
            return [UInt8](try Data(contentsOf: URL(filePath: path)))
        } catch {
            throw CommandFailure(.inputNotFound, "\(path): cannot be read: \(error.localizedDescription)")
        }
    }
}

extension Array {
    fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
