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
    /// The runner as the engine has it: the process ends when the runner fails for a reason that no request is to blame for.
    let guardedRunner: GuardedRunner
    let engine: LocalEngine
    /// The names under which it is served.
    let names: [String]
    /// The parameters of requests that do not give them.
    let samplingDefaults: SamplingParameters
    /// Identifies weights, tokenizer, template, defaults of sampling and numerics.
    let fingerprint: String

    /// Loads the model that `--model` names, for long work: how many rows are decoded together is measured, unless
    /// that was given.
    init(_ options: ModelOptions, engine: EngineOptions) throws {
        try self.init(
            options.location(), templatePath: options.templatePath, names: options.modelNames,
            generation: options.generation, engine: engine, measuresBatch: true)
    }

    /// Loads a model.
    ///
    /// - Parameters:
    ///   - names: names to serve it under, before its own.
    ///   - measuresBatch: whether steps are timed to find how many rows are decoded together, if that was not given.
    init(
        _ location: ModelLocation, templatePath: String?, names: [String], generation: GenerationOptions,
        engine engineOptions: EngineOptions, measuresBatch: Bool = false
    ) throws {
        let path = location.path
        let text = try TextModel(path: path, templatePath: templatePath)
        samplingDefaults = try generation.samplingDefaults(model: path)
        let weights = try LoadedWeights(location, engine: engineOptions) { checkpoint in
            try Self.check(text.tokenizer, against: checkpoint, path: path)
        }
        (checkpoint, runner) = (weights.checkpoint, weights.runner)
        guardedRunner = GuardedRunner(runner, stepLimit: try engineOptions.stepLimit()) { failure in
            Console.error("\(failure)")
            _exit(ExitStatus(for: failure).rawValue)
        }
        engine = LocalEngine(
            runner: guardedRunner, tokens: text.tokenizer, endTokens: Self.endTokens(checkpoint, text),
            configuration: try engineOptions.engineConfiguration(timing: measuresBatch ? guardedRunner : nil))
        encoder = text.encoder(contextLength: runner.contextLength)
        self.names = names + location.names(of: checkpoint).filter { !names.contains($0) }
        let precision = try engineOptions.runnerConfiguration().kvCachePrecision
        fingerprint = try Self.fingerprint(
            checkpoint, text, defaults: samplingDefaults,
            arithmetic: "\(runner.model.scheme.rawValue) kv-\(precision.rawValue)")
        self.text = text
    }

    /// What the engine is, for people.
    var summary: String { "\(runner.summary), batches of \(engine.capacity.maximumBatch)" }

    /// Refuses a tokenizer whose ids the weights do not have.
    private static func check(_ tokenizer: Tokenizer, against checkpoint: Checkpoint, path: String) throws {
        let (tokens, rows) = (tokenizer.vocabularySize, checkpoint.configuration.vocabularySize)
        guard tokens <= rows else {
            throw CommandFailure(
                .badData,
                "\(path): the tokenizer has \(Format.count(tokens)) tokens, but the weights have \(Format.count(rows)): they "
                    + "belong to different models. Fetch both from the same place.")
        }
    }

    /// The tokens that a checkpoint names, and those that its vocabulary has by convention where the names are not all:
    /// a GGUF names one of several, and so do some files of Llama 3's instruct models, of which each one ends a turn. A
    /// base model's are taken as they are.
    private static func endTokens(_ checkpoint: Checkpoint, _ text: TextModel) -> Set<TokenID> {
        let named = Set(checkpoint.endTokens)
        let endsTurns = text.tokenizer.token(named: "<|eot_id|>").map(named.contains) ?? false
        return checkpoint.gguf != nil || named.isEmpty || endsTurns ? named.union(text.tokenizer.endTokens) : named
    }

    private static func fingerprint(
        _ checkpoint: Checkpoint, _ text: TextModel, defaults: SamplingParameters, arithmetic: String
    ) throws -> String {
        var hash = SHA256()
        hash.update(data: Data(try checkpoint.fingerprint().utf8))
        hash.update(data: text.identity)
        hash.update(data: Data("\(numericsVersion) \(arithmetic)".utf8))
        if defaults != SamplingParameters() {
            let filters = "\(defaults.topP) \(defaults.topK) \(defaults.minP)"
            let length = defaults.defaultMaxTokens.map(String.init) ?? "-"
            hash.update(
                data: Data("\0\(defaults.temperature) \(filters) \(defaults.repetitionPenalty) \(length)".utf8))
        }
        let digits = hash.finalize().prefix(8).map { String(format: "%02x", $0) }.joined()
        return "octavo-\(numericsVersion)-\(digits)"
    }
}
