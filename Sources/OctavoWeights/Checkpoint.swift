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
    /// The GGUF file, for the metadata that others need; `nil` for a folder.
    public let gguf: GGUFFile?
    /// The file or folder.
    public let path: String
    /// By what the linear layers are INT8 already; `nil` if they are floats or in blocks, which are quantized at load.
    public let storedQuantization: StoredQuantization?
    private let weights: [TensorRole: StoredWeight]
    /// The files that hold them.
    private let files: [MappedFile]
    /// How the rows of query and key matrices are ordered.
    private let headRowOrder: WeightMatrix.RowOrder

    init(
        path: String, configuration: ModelConfiguration, endTokens: [TokenID], gguf: GGUFFile? = nil,
        storedQuantization: StoredQuantization? = nil, weights: [TensorRole: StoredWeight],
        headRowOrder: WeightMatrix.RowOrder
    ) {
        self.path = path
        self.configuration = configuration
        self.endTokens = endTokens
        self.gguf = gguf
        self.storedQuantization = storedQuantization
        self.weights = weights
        let mapped = weights.values.flatMap(\.parts).map { (ObjectIdentifier($0.file), $0.file) }
        files = Array(Dictionary(mapped) { first, _ in first }.values)
        self.headRowOrder = headRowOrder
        let place = URL(fileURLWithPath: path).standardizedFileURL
        name = (gguf == nil ? place : place.deletingPathExtension()).lastPathComponent
    }

    /// The matrix that plays `role`; for `outputHead` of a tied model, the token embedding.
    ///
    /// - Throws: `WeightsError` when the model has no such block, the role is a vector's, or a scale is
    ///   not finite.
    public func matrix(_ role: TensorRole) throws(WeightsError) -> any WeightRows {
        try WeightMatrix(weight(role, dimensions: 2), rowOrder: rowOrder(of: role))
    }

    /// The vector that plays `role`: a norm's weights.
    ///
    /// - Throws: `WeightsError` when the model has no such block or the role is a matrix's.
    public func vector(_ role: TensorRole) throws(WeightsError) -> [Float] {
        try weight(role, dimensions: 1).parts[0].readFloats()
    }

    /// Lets go of the mapped files' pages, so that a model larger than memory can be read from end to end.
    public func releasePages() {
        for file in files { file.releasePages() }
    }

    /// The stored weight that plays `role`.
    func weight(_ role: TensorRole, dimensions: Int) throws(WeightsError) -> StoredWeight {
        let storedRole = role == .outputHead && configuration.tiesEmbeddings ? .tokenEmbedding : role
        guard let weight = weights[storedRole], weight.shape.count == dimensions else {
            let kind = dimensions == 1 ? "vector" : "matrix"
            throw WeightsError(path: path, tensor: role.huggingFaceName, reason: "the model has no such \(kind)")
        }
        return weight
    }

    /// How the file orders the rows of the matrix that plays `role`.
    func rowOrder(of role: TensorRole) -> WeightMatrix.RowOrder {
        switch role {
        case .query, .key: headRowOrder
        default: .halves
        }
    }
}
