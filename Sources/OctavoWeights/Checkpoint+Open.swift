internal import Foundation
internal import OctavoCore

extension Checkpoint {
    /// Opens a checkpoint in any format that Octavo reads: a GGUF file, a Hugging Face folder (`config.json` with
    /// safetensors or PyTorch's `.bin`), or a folder in Meta's format (`params.json` with `consolidated.*.pth`).
    ///
    /// - Throws: `WeightsError` when a file is missing or malformed, or the model is no Llama that Octavo computes.
    /// - Complexity: O(headers).
    public static func open(_ path: String) throws(WeightsError) -> Checkpoint {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw WeightsError(path: path, reason: "there is no such file or folder")
        }
        if isFolder.boolValue { return try open(ModelFolder(path: path)) }
        let parts = [".safetensors": "config.json", ".bin": "config.json", ".pth": "params.json"]
        if let part = parts.first(where: { path.hasSuffix($0.key) }) {
            throw WeightsError(path: path, reason: "give the folder that holds it and its \(part.value)")
        }
        return try open(gguf: GGUFFile(path: path))
    }

    /// Opens a folder whose files are given by name, without a disk; `path` is what errors call it.
    package static func open(path: String, contents: [String: [UInt8]]) throws(WeightsError) -> Checkpoint {
        try open(ModelFolder(path: path, contents: contents))
    }

    /// Opens a GGUF file that is already read.
    package static func open(gguf file: GGUFFile) throws(WeightsError) -> Checkpoint {
        let configuration = try ModelConfiguration(gguf: file)
        return Checkpoint(
            path: file.path, configuration: configuration, endTokens: try file.endTokens(), gguf: file,
            weights: try TensorRole.assign(
                file.tensors.mapValues(StoredWeight.init), in: configuration, path: file.path, naming: \.ggufName),
            headRowOrder: .pairs(headDimension: configuration.headDimension))
    }

    private static func open(_ folder: ModelFolder) throws(WeightsError) -> Checkpoint {
        if folder.contains("config.json") { return try open(huggingFace: folder) }
        if folder.contains("params.json") { return try open(meta: folder) }
        guard !folder.contains("adapter_config.json") else {
            throw WeightsError(
                path: folder.path, reason: "is an adapter (LoRA), not a model: merge it into its base model first")
        }
        throw WeightsError(
            path: folder.path,
            reason: "holds neither config.json (Hugging Face) nor params.json (Meta); give a GGUF file by its own path")
    }
}

// MARK: - Hugging Face

extension Checkpoint {
    private static func open(huggingFace folder: ModelFolder) throws(WeightsError) -> Checkpoint {
        let file = try ConfigurationFile(folder.file("config.json"))
        let configuration = try ModelConfiguration(huggingFace: file)
        let quantization = try StoredQuantization(file)
        let stored = try HuggingFaceWeights(folder)
        var weights = stored.weights
        if let quantization {
            if case .torchAO = quantization { try TorchAOMetadata.check(stored.metadata, path: folder.path) }
            weights = try Int8Naming(quantization).pair(weights)
        }
        return Checkpoint(
            path: folder.path, configuration: configuration, endTokens: try endTokens(in: folder, file),
            storedQuantization: weights.values.contains { $0.scale != nil }
                ? quantization ?? .torchAO(version: 1) : nil,
            weights: try TensorRole.assign(
                weights, in: configuration, path: folder.path, naming: \.huggingFaceName),
            headRowOrder: .halves)
    }

    /// `eos_token_id` of `generation_config.json`, else of `config.json`.
    private static func endTokens(
        in folder: ModelFolder, _ configurationFile: ConfigurationFile
    ) throws(WeightsError) -> [TokenID] {
        let key = "eos_token_id"
        let generation = "generation_config.json"
        if folder.contains(generation), let tokens = try ConfigurationFile(folder.file(generation)).tokens(key) {
            return tokens
        }
        return try configurationFile.tokens(key) ?? []
    }
}

// MARK: - Meta

extension Checkpoint {
    /// The format has no end tokens: those that a tokenizer has by convention are meant.
    private static func open(meta folder: ModelFolder) throws(WeightsError) -> Checkpoint {
        let file = try ConfigurationFile(folder.file("params.json"))
        let stored = try MetaWeights(folder)
        let configuration = try ModelConfiguration(meta: file, stored)
        let shapes = Dictionary(
            uniqueKeysWithValues: TensorRole.stored(in: configuration).map {
                ($0.metaName, $0.shape(in: configuration))
            })
        return Checkpoint(
            path: folder.path, configuration: configuration, endTokens: [],
            weights: try TensorRole.assign(
                stored.assembled { shapes[$0] }, in: configuration, path: folder.path, naming: \.metaName),
            headRowOrder: .pairs(headDimension: configuration.headDimension))
    }
}

// MARK: - GGUF

extension GGUFFile {
    /// The tokens that end a text, a turn or a message.
    fileprivate func endTokens() throws(WeightsError) -> [TokenID] {
        var tokens: [TokenID] = []
        for key in ["eos", "eot", "eom"].map({ "tokenizer.ggml.\($0)_token_id" }) {
            guard let integer = try integer(key) else { continue }
            guard let token = TokenID(exactly: integer), token >= 0 else {
                throw failure(key, "\(integer) is not a token id")
            }
            if !tokens.contains(token) { tokens.append(token) }
        }
        return tokens
    }
}
