internal import Foundation
public import OctavoCore

/// A Llama model on disk: its configuration and its weights, whatever the format.
///
/// Opening one reads headers only and finds every tensor with its proper shape; the weights are read as they are asked
/// for. Threads may share it.
public final class Checkpoint: ModelWeights {
    /// The model's sizes and constants.
    public let configuration: ModelConfiguration
    /// The tokens that end a text; none if the files do not say.
    public let endTokens: [TokenID]
    /// The folder's or file's name without its suffix, for display.
    public let name: String
    /// The GGUF file, for the metadata that others need; `nil` for a Hugging Face folder.
    public let gguf: GGUFFile?
    /// The file or folder.
    public let path: String
    private let tensors: [TensorRole: StoredTensor]

    /// Opens a Hugging Face folder (`config.json` and safetensors) or a GGUF file.
    ///
    /// - Throws: `WeightsError` when a file is missing or malformed, or the model is no Llama that Octavo computes.
    /// - Complexity: O(headers).
    public static func open(_ path: String) throws(WeightsError) -> Checkpoint {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw WeightsError(path: path, reason: "there is no such file or folder")
        }
        if isFolder.boolValue { return try Checkpoint(huggingFaceFolder: path) }
        guard !path.hasSuffix(".safetensors") else {
            throw WeightsError(path: path, reason: "give the folder that holds it and its config.json")
        }
        return try Checkpoint(ggufFile: path)
    }

    private init(huggingFaceFolder path: String) throws(WeightsError) {
        let configurationFile = try ConfigurationFile(path: path + "/config.json")
        configuration = try ModelConfiguration(huggingFace: configurationFile)
        endTokens = try Self.endTokens(inFolder: path, configurationFile)
        name = URL(fileURLWithPath: path).standardizedFileURL.lastPathComponent
        gguf = nil
        self.path = path
        tensors = try TensorRole.assign(
            try SafetensorsShards.open(folder: path), in: configuration, path: path, naming: \.huggingFaceName)
    }

    private init(ggufFile path: String) throws(WeightsError) {
        let file = try GGUFFile(path: path)
        configuration = try ModelConfiguration(gguf: file)
        endTokens = try file.endTokens()
        name = URL(fileURLWithPath: path).standardizedFileURL.deletingPathExtension().lastPathComponent
        gguf = file
        self.path = path
        tensors = try TensorRole.assign(file.tensors, in: configuration, path: path, naming: \.ggufName)
    }

    /// The matrix that plays `role`; for `outputHead` of a tied model, the token embedding.
    ///
    /// - Throws: `WeightsError` when the model has no such block or the role is a vector's.
    public func matrix(_ role: TensorRole) throws(WeightsError) -> any WeightRows {
        let tensor = try tensor(role, dimensions: 2)
        return WeightMatrix(tensor, rowOrder: rowOrder(of: role))
    }

    /// The vector that plays `role`: a norm's weights.
    ///
    /// - Throws: `WeightsError` when the model has no such block or the role is a matrix's.
    public func vector(_ role: TensorRole) throws(WeightsError) -> [Float] {
        try tensor(role, dimensions: 1).readFloats()
    }

    /// The stored tensor that plays `role`.
    func tensor(_ role: TensorRole, dimensions: Int) throws(WeightsError) -> StoredTensor {
        let storedRole = role == .outputHead && configuration.tiesEmbeddings ? .tokenEmbedding : role
        guard let tensor = tensors[storedRole], tensor.shape.count == dimensions else {
            let kind = dimensions == 1 ? "vector" : "matrix"
            throw WeightsError(path: path, tensor: role.huggingFaceName, reason: "the model has no such \(kind)")
        }
        return tensor
    }

    private func rowOrder(of role: TensorRole) -> WeightMatrix.RowOrder {
        switch role {
        case .query where gguf != nil, .key where gguf != nil: .pairs(headDimension: configuration.headDimension)
        default: .halves
        }
    }

    /// `eos_token_id` of `generation_config.json`, else of `config.json`.
    private static func endTokens(
        inFolder path: String, _ configurationFile: ConfigurationFile
    ) throws(WeightsError) -> [TokenID] {
        let key = "eos_token_id"
        let generationPath = path + "/generation_config.json"
        if FileManager.default.fileExists(atPath: generationPath),
            let tokens = try ConfigurationFile(path: generationPath).tokens(key)
        {
            return tokens
        }
        return try configurationFile.tokens(key) ?? []
    }
}

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
