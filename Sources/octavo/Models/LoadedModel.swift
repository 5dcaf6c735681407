import Crypto
import Foundation
import OctavoCore
import OctavoEngine
import OctavoLlama
import OctavoTokenizer
import OctavoWeights

/// A model with everything that answering takes: text side, weights, engine. The one place that names a concrete engine.
struct LoadedModel {
    /// Changes whenever a change of the arithmetic can change an answer.
    private static let numericsVersion = "w8a8-1"

    let checkpoint: Checkpoint
    let text: TextModel
    let encoder: PromptEncoder
    let runner: LlamaRunner
    let engine: LocalEngine
    /// The names under which it is served.
    let names: [String]
    /// Identifies weights, tokenizer, template and numerics.
    let fingerprint: String

    /// Loads the model that `--model` names.
    init(_ options: ModelOptions, engine: EngineOptions) throws {
        try self.init(
            path: options.path(), templatePath: options.templatePath, names: options.modelNames, engine: engine)
    }

    /// Loads a model.
    ///
    /// - Parameter names: names to serve it under, before its own.
    init(path: String, templatePath: String?, names: [String], engine engineOptions: EngineOptions) throws {
        let text = try TextModel(path: path, templatePath: templatePath)
        let checkpoint = try Checkpoint.open(path)
        let (tokens, rows) = (text.tokenizer.vocabularySize, checkpoint.configuration.vocabularySize)
        guard tokens <= rows else {
            throw CommandFailure(
                .badData,
                "\(path): the tokenizer has \(Format.count(tokens)) tokens, but the weights have \(Format.count(rows)): they "
                    + "belong to different models. Fetch both from the same place.")
        }
        let threads = ComputeThreads(count: try engineOptions.threadCount())
        let scheme = try engineOptions.quantizationScheme()
        let layers = checkpoint.configuration.layerCount
        let rate = RateMeter()
        let model = try LlamaModel(checkpoint, scheme: scheme, threads: threads) { done in
            let left = rate.secondsLeft(done: Double(done), of: Double(layers), phase: "loading")
            Console.progress(
                "loading \(checkpoint.name): layer \(done) of \(layers)"
                    + (left.map { ", \(Format.duration($0)) left" } ?? ""))
        }
        Console.clearProgress()
        let configuration = try engineOptions.runnerConfiguration()
        runner = LlamaRunner(
            model, threads: threads, kernels: try engineOptions.selectedKernels(), configuration: configuration)
        engine = LocalEngine(
            runner: runner, tokens: text.tokenizer, endTokens: Self.endTokens(checkpoint, text.tokenizer),
            configuration: try engineOptions.engineConfiguration())
        encoder = text.encoder(contextLength: runner.contextLength)
        self.names = names + [checkpoint.name, path].filter { !names.contains($0) }
        fingerprint = try Self.fingerprint(checkpoint, text, model.scheme, precision: configuration.kvCachePrecision)
        self.checkpoint = checkpoint
        self.text = text
    }

    /// A GGUF names one end token of several, so those that its vocabulary has by convention are added.
    private static func endTokens(_ checkpoint: Checkpoint, _ tokenizer: Tokenizer) -> Set<TokenID> {
        let named = Set(checkpoint.endTokens)
        return checkpoint.gguf != nil || named.isEmpty ? named.union(tokenizer.endTokens) : named
    }

    private static func fingerprint(
        _ checkpoint: Checkpoint, _ text: TextModel, _ scheme: QuantizationScheme, precision: KVCachePrecision
    ) throws -> String {
        var hash = SHA256()
        hash.update(data: Data(try checkpoint.fingerprint().utf8))
        hash.update(data: text.identity)
        hash.update(data: Data("\(numericsVersion) \(scheme.rawValue) kv-\(precision.rawValue)".utf8))
        let digits = hash.finalize().prefix(8).map { String(format: "%02x", $0) }.joined()
        return "octavo-\(numericsVersion)-\(digits)"
    }
}
