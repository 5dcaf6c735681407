import Foundation
import OctavoCore
import OctavoLlama
import OctavoTokenizer
import OctavoWeights

/// What `octavo model inspect` tells.
struct ModelReport {
    private let checkpoint: Checkpoint
    /// `nil` for weights without a tokenizer beside them.
    private let textModel: TextModel?
    private let fingerprint: String
    private let name: String
    private let memory: MemoryEstimate
    private let batch: Int
    private let context: Int
    private let cachePrecision: KVCachePrecision
    private let linearType: ElementType
    private let embeddingType: ElementType
    /// Whether the linear layers are INT8 in the files.
    private let isQuantized: Bool

    /// Reads a model.
    ///
    /// - Parameters:
    ///   - batch: the completions decoded together, for the memory.
    ///   - context: the positions of each; 4,096 or the model's context if `nil`.
    init(
        _ location: ModelLocation, scheme: QuantizationScheme, batch: Int, context: Int?,
        configuration: LlamaRunner.Configuration
    ) throws {
        checkpoint = try Checkpoint.open(location.path)
        name = location.names(of: checkpoint)[0]
        do {
            textModel = try TextModel(path: location.path, templatePath: nil)
        } catch let error as CommandFailure where error.status == .inputNotFound {
            textModel = nil
        }
        let linear = try checkpoint.matrix(.gate(0))
        (linearType, isQuantized) = (linear.elementType, linear.channelScales != nil)
        embeddingType = try checkpoint.matrix(.tokenEmbedding).elementType
        let contextLength = checkpoint.configuration.contextLength
        self.context = min(context ?? 4096, contextLength)
        self.batch = batch
        cachePrecision = configuration.kvCachePrecision
        memory = try MemoryEstimate(
            checkpoint, scheme: scheme, rows: batch, contextLength: self.context, configuration: configuration,
            threads: ComputeThreads(count: 1))
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

    /// Bytes of keys and values for one position.
    private var cacheBytesPerPosition: Int {
        sizes.layerCount * 2 * sizes.keyValueHeadCount * cachePrecision.byteCount(headSize: sizes.headDimension)
    }

    /// The tokens that the files name, else those that end a text by convention.
    private var endTokens: [TokenID] {
        checkpoint.endTokens.isEmpty ? textModel?.tokenizer.endTokens.sorted() ?? [] : checkpoint.endTokens
    }
}

// MARK: - Words

extension ModelReport {
    /// Where the form of conversations comes from: its name for programs, and for a person.
    private var chatFormat: (name: String, text: String) {
        switch textModel?.chatFormat {
        case .template: ("template", "the model's template")
        case .llama3: ("llama3", "Llama 3's, built in (the model brings no template)")
        case nil: ("none", "none")
        }
    }

    private var ropeScaling: (name: String, text: String)? {
        if let scaling = sizes.publishedRopeScaling {
            let factor = Format.decimal(scaling.factor, places: 0)
            return ("llama3", "scaled by \(factor) from \(Format.count(scaling.originalContextLength)) tokens")
        }
        return sizes.ropeFrequencyDivisors == nil ? nil : ("divisors", "scaled by the file's own divisors")
    }

    private var tokenizerKind: String? {
        switch textModel?.tokenizer.preTokenizer {
        case .llama3: "llama3"
        case .gpt2: "gpt2"
        case .smollm: "smollm"
        case nil: nil
        }
    }

    /// Tokens with their spelling.
    private func names(_ tokens: [TokenID]) -> String {
        let names = tokens.map { token in
            let bytes = textModel?.tokenizer.bytes(of: token) ?? []
            return bytes.isEmpty ? "\(token)" : "\(token) \(String(decoding: bytes, as: UTF8.self))"
        }
        return names.isEmpty ? "none" : names.joined(separator: ", ")
    }
}

// MARK: - Output

extension ModelReport {
    /// The report for programs.
    var json: JSONValue {
        var report: JSONObject = [
            "name": .string(name), "architecture": "llama",
            "parameters": .integer(linearWeights + embeddingWeights), "hidden_size": .integer(sizes.hiddenSize),
            "intermediate_size": .integer(sizes.intermediateSize), "num_hidden_layers": .integer(sizes.layerCount),
            "num_attention_heads": .integer(sizes.headCount), "num_key_value_heads": .integer(sizes.keyValueHeadCount),
            "head_dim": .integer(sizes.headDimension), "vocab_size": .integer(sizes.vocabularySize),
            "context_length": .integer(sizes.contextLength), "rope_theta": .double(sizes.ropeTheta),
            "rope_scaling": ropeScaling.map { .string($0.name) } ?? .null,
            "tie_word_embeddings": .bool(sizes.tiesEmbeddings), "stored_type": .string(linearType.description),
            "embedding_type": .string(embeddingType.description), "is_int8": .bool(isQuantized),
            "stored_quantization": checkpoint.storedQuantization.map { .string($0.description) } ?? .null,
            "end_tokens": .array(endTokens.map { .integer(Int($0)) }),
        ]
        let tokenizer = textModel?.tokenizer
        report["tokenizer"] = tokenizerKind.map(JSONValue.string) ?? .null
        report["tokenizer_vocabulary"] = tokenizer.map { .integer($0.vocabularySize) } ?? .null
        report["special_tokens"] = tokenizer.map { .integer($0.specialTokenCount) } ?? .null
        report["has_chat_template"] = .bool(chatFormat.name == "template")
        report["chat_format"] = .string(chatFormat.name)
        report["kv_bytes_per_position"] = .integer(cacheBytesPerPosition)
        report["memory"] = [
            "batch": .integer(batch), "context": .integer(context), "kv_cache": .string(cachePrecision.rawValue),
            "linear_bytes": .integer(memory.linearLayers), "embedding_bytes": .integer(memory.embedding),
            "head_bytes": .integer(memory.head), "kv_bytes": .integer(memory.cache),
            "step_bytes": .integer(memory.step), "total_bytes": .integer(memory.total),
        ]
        report["fingerprint"] = .string(fingerprint)
        return .object(report)
    }

    /// The report for a person, a line for each fact.
    var text: String {
        facts.map { $0.0.padding(toLength: 14, withPad: " ", startingAt: 0) + $0.1 }.joined(separator: "\n")
    }

    private var facts: [(String, String)] {
        let theta =
            "\(Format.count(sizes.contextLength)) tokens, rope theta \(Format.decimal(sizes.ropeTheta, places: 0))"
        return [
            ("name", name),
            ("architecture", "llama, \(Format.count(linearWeights + embeddingWeights)) parameters"),
            ("layers", "\(sizes.layerCount) of width \(sizes.hiddenSize), feed-forward \(sizes.intermediateSize)"),
            ("heads", "\(sizes.headCount) of \(sizes.headDimension), \(sizes.keyValueHeadCount) for keys and values"),
            ("context", theta + (ropeScaling.map { ", \($0.text)" } ?? "")),
            (
                "stored as",
                "\(linearType), embedding \(embeddingType)" + (sizes.tiesEmbeddings ? " (tied to the head)" : "")
            ),
            (
                "quantized",
                checkpoint.storedQuantization.map { "INT8 per channel in the files, \($0)" } ?? "to INT8 at load"
            ),
        ] + textFacts + memoryFacts + [("fingerprint", fingerprint)]
    }

    private var textFacts: [(String, String)] {
        let vocabulary = ("vocabulary", "\(Format.count(sizes.vocabularySize)) tokens, ends at \(names(endTokens))")
        guard let tokenizer = textModel?.tokenizer, let kind = tokenizerKind else {
            return [vocabulary, ("tokenizer", "none")]
        }
        let counts = "\(Format.count(tokenizer.vocabularySize)) tokens, \(tokenizer.specialTokenCount) special"
        let bos = tokenizer.addsBOS ? "; texts begin with \(names([tokenizer.bosToken].compactMap { $0 }))" : ""
        return [
            vocabulary, ("tokenizer", "byte-level BPE, \(kind) rules, \(counts)\(bos)"),
            ("chat format", chatFormat.text),
        ]
    }

    private var memoryFacts: [(String, String)] {
        let weights = memory.linearLayers + memory.embedding + memory.head
        let head = memory.head > 0 ? ", head \(Format.bytes(memory.head))" : ""
        let position = "\(Format.bytes(cacheBytesPerPosition)) of \(cachePrecision.rawValue) each"
        return [
            ("memory", "\(Format.bytes(memory.total)) for \(batch) rows of \(Format.count(context)) tokens:"),
            (
                "  weights",
                "\(Format.bytes(weights)): linear \(Format.bytes(memory.linearLayers)), "
                    + "embedding \(Format.bytes(memory.embedding))\(head)"
            ),
            ("  kv cache", "\(Format.bytes(memory.cache)), positions of \(position)"),
            ("  step", Format.bytes(memory.step)),
        ]
    }
}
