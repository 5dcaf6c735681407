import Foundation
import OctavoCore
import OctavoTokenizer
import OctavoWeights

/// What `octavo model inspect` tells.
struct ModelReport {
    private let checkpoint: Checkpoint
    /// `nil` for weights without a tokenizer beside them.
    private let textModel: TextModel?
    private let fingerprint: String
    private let name: String

    init(_ location: ModelLocation) throws {
        checkpoint = try Checkpoint.open(location.path)
        name = location.names(of: checkpoint)[0]
        do {
            textModel = try TextModel(path: location.path, templatePath: nil)
        } catch let error as CommandFailure where error.status == .inputNotFound {
            textModel = nil
        }
        fingerprint = try checkpoint.fingerprint()
    }

    private var sizes: ModelConfiguration { checkpoint.configuration }

    /// Weights of the linear layers, which are INT8 when loaded.
    private var linearWeights: Int {
        let queries = sizes.headCount * sizes.headDimension
        let keys = sizes.keyValueHeadCount * sizes.headDimension
        let attention = sizes.hiddenSize * (2 * queries + 2 * keys)
        return sizes.layerCount * (attention + 3 * sizes.hiddenSize * sizes.intermediateSize)
    }

    private var embeddingWeights: Int {
        sizes.vocabularySize * sizes.hiddenSize * (sizes.tiesEmbeddings ? 1 : 2)
    }

    /// Bytes of keys and values for one position, in f32.
    private var cacheBytesPerPosition: Int {
        sizes.layerCount * 2 * sizes.keyValueHeadCount * sizes.headDimension * 4
    }

    /// Where the form of conversations comes from.
    private enum ChatFormatKind: String {
        case template
        case llama3
        case none

        /// The kind for a person.
        var text: String {
            switch self {
            case .template: "the model's template"
            case .llama3: "Llama 3's, built in (the model brings no template)"
            case .none: "none"
            }
        }
    }

    private var chatFormat: ChatFormatKind {
        switch textModel?.chatFormat {
        case .template: .template
        case .llama3: .llama3
        case nil: .none
        }
    }

    private var elementTypes: (linear: ElementType, embedding: ElementType)? {
        guard let linear = try? checkpoint.matrix(.gate(0)),
            let embedding = try? checkpoint.matrix(.tokenEmbedding)
        else { return nil }
        return (linear.elementType, embedding.elementType)
    }

    var json: JSONValue {
        [
            "name": .string(name), "architecture": "llama",
            "parameters": .integer(linearWeights + embeddingWeights), "hidden_size": .integer(sizes.hiddenSize),
            "intermediate_size": .integer(sizes.intermediateSize), "num_hidden_layers": .integer(sizes.layerCount),
            "num_attention_heads": .integer(sizes.headCount), "num_key_value_heads": .integer(sizes.keyValueHeadCount),
            "head_dim": .integer(sizes.headDimension), "vocab_size": .integer(sizes.vocabularySize),
            "context_length": .integer(sizes.contextLength), "rope_theta": .double(sizes.ropeTheta),
            "tie_word_embeddings": .bool(sizes.tiesEmbeddings),
            "stored_type": elementTypes.map { .string($0.linear.description) } ?? .null,
            "embedding_type": elementTypes.map { .string($0.embedding.description) } ?? .null,
            "end_tokens": .array(checkpoint.endTokens.map { .integer(Int($0)) }),
            "stored_quantization": checkpoint.storedQuantization.map { .string($0.description) } ?? .null,
            "tokenizer_vocabulary": textModel.map { .integer($0.tokenizer.vocabularySize) } ?? .null,
            "has_chat_template": .bool(chatFormat == .template), "chat_format": .string(chatFormat.rawValue),
            "int8_bytes": .integer(linearWeights),
            "kv_bytes_per_position": .integer(cacheBytesPerPosition), "fingerprint": .string(fingerprint),
        ]
    }

    /// The report for a person, a line for each fact.
    var text: String {
        facts.map { $0.0.padding(toLength: 14, withPad: " ", startingAt: 0) + $0.1 }.joined(separator: "\n")
    }

    private var facts: [(String, String)] {
        let kinds = elementTypes.map { "\($0.linear), embedding \($0.embedding)" } ?? "unknown"
        return [
            ("name", name),
            ("architecture", "llama, \(Format.count(linearWeights + embeddingWeights)) parameters"),
            ("layers", "\(sizes.layerCount) of width \(sizes.hiddenSize), feed-forward \(sizes.intermediateSize)"),
            ("heads", "\(sizes.headCount) of \(sizes.headDimension), \(sizes.keyValueHeadCount) for keys and values"),
            (
                "context",
                "\(Format.count(sizes.contextLength)) tokens, rope theta \(Format.decimal(sizes.ropeTheta, places: 0))"
            ),
            ("vocabulary", "\(Format.count(sizes.vocabularySize)) tokens, ends at \(checkpoint.endTokens)"),
            ("stored as", kinds + (sizes.tiesEmbeddings ? " (tied to the head)" : "")),
            ("quantized", checkpoint.storedQuantization.map { "by \($0)" } ?? "at load, to INT8"),
            ("tokenizer", textModel.map { "\(Format.count($0.tokenizer.vocabularySize)) tokens" } ?? "none"),
            ("chat format", chatFormat.text),
            (
                "memory",
                "\(Format.bytes(linearWeights)) of INT8 weights; \(Format.bytes(cacheBytesPerPosition)) of f32 cache a position"
            ),
            ("fingerprint", fingerprint),
        ]
    }
}
