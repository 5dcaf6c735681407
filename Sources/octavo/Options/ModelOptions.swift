public import ArgumentParser
import Foundation
import OctavoCore
import OctavoEngine
public import OctavoLlama
import OctavoWeights

/// Which model.
struct ModelOptions: ParsableArguments {
    @Option(
        name: [.short, .long],
        help:
            "The model: a .gguf file, a directory with safetensors, or a name in the Hugging Face cache, ORG/NAME or ORG/NAME@REVISION (OCTAVO_MODEL)."
    )
    var model: String?

    @Option(
        help:
            "A name to serve the model under, for batches that ask for it; may be repeated (default: the file's name, or that in the hub)."
    )
    var modelName: [String] = []

    @Option(help: "A chat template that overrides the model's own.")
    var chatTemplate: String?

    @OptionGroup var generation: GenerationOptions

    var templatePath: String? { chatTemplate }
    var modelNames: [String] { modelName }

    /// Where the model is.
    func location() throws -> ModelLocation {
        guard let model = model ?? Environment.string("OCTAVO_MODEL") else {
            throw ValidationError(
                "Missing model: give --model PATH or set OCTAVO_MODEL. scripts/fetch-model prints the path of a small one."
            )
        }
        return try ModelLocation(model)
    }
}

/// Where the defaults of sampling come from.
struct GenerationOptions: ParsableArguments {
    /// The sources.
    enum Source: String, ExpressibleByArgument, CaseIterable {
        /// The model's `generation_config.json`.
        case model
        /// OpenAI's defaults only.
        case none
    }

    @Option(
        help:
            "Where parameters come from that a request leaves out: model (its generation_config.json) or none (OCTAVO_GENERATION_CONFIG; default: model)."
    )
    var generationConfig: Source?

    func validate() throws { _ = try source() }

    private func source() throws -> Source {
        try generationConfig ?? Environment.value("OCTAVO_GENERATION_CONFIG") ?? .model
    }

    /// The defaults for the model at a path.
    func samplingDefaults(model path: String) throws -> SamplingParameters {
        switch try source() {
        case .model: try GenerationConfiguration.samplingDefaults(ofModel: path)
        case .none: SamplingParameters()
        }
    }
}

extension KVCachePrecision: ExpressibleByArgument {}
extension QuantizationScheme: ExpressibleByArgument {}

/// How the engine uses the machine.
struct EngineOptions: ParsableArguments {
    @Option(help: "Compute threads (OCTAVO_THREADS; default: all CPUs granted to the process).")
    var threads: Int?

    @Option(
        help:
            "The most completions decoded together (OCTAVO_MAX_BATCH; default: of \(BatchSize.candidates.map(String.init).joined(separator: ", ")) what steps timed at the start say is best)."
    )
    var maxBatch: Int?

    @Option(
        help:
            "Memory for keys and values (OCTAVO_KV_MEMORY; default: half of what is free once the weights are loaded).")
    var kvMemory: ByteCount?

    @Option(
        help:
            "How keys and values are stored: f32, or f16 or int8 in a half or a quarter of the memory, with slightly other results (OCTAVO_KV_CACHE; default: f16, but f32 with --scheme plain or float)."
    )
    var kvCache: KVCachePrecision?

    @Option(
        help:
            "How float weights become INT8: rotated, plain, or float for none (OCTAVO_SCHEME; default: rotated). INT8 weights stay as they are."
    )
    var scheme: QuantizationScheme?

    @Option(
        help:
            "Kernels: \(Kernels.available.map(\.name).joined(separator: ", ")) here; all give the same bits (OCTAVO_KERNELS; default: the fastest)."
    )
    var kernels: String?

    @Option(
        help:
            "Tokens up to which guesses fill a step of few rows; they are checked, and change no answer; 0 is none (OCTAVO_SPECULATIVE_TOKENS; default: 16)."
    )
    var speculativeTokens: Int?

    @Option(help: "A crash loses at most this many tokens of each completion (OCTAVO_CHECKPOINT_TOKENS; default: 32).")
    var checkpointTokens: Int?

    @Option(help: "A crash loses at most what was generated in this time (OCTAVO_CHECKPOINT_INTERVAL; default: 10s).")
    var checkpointInterval: Seconds?

    @Option(
        help:
            "An engine that makes no step for so long has failed, and is given up (OCTAVO_STEP_TIMEOUT; default: 10m).")
    var stepTimeout: Seconds?

    func validate() throws {
        if let batch = try batchSize(), !(1...4096).contains(batch) {
            throw ValidationError("--max-batch must be between 1 and 4096")
        }
        if let tokens = try tokensAtRisk(), tokens < 1 {
            throw ValidationError("--checkpoint-tokens must be at least 1")
        }
        if let tokens = try speculation(), !(0...4096).contains(tokens) {
            throw ValidationError("--speculative-tokens must be between 0 and 4096")
        }
        guard try stepLimit() >= .seconds(1) else { throw ValidationError("--step-timeout must be at least 1s") }
        _ = try threadCount()
        _ = try quantizationScheme()
        _ = try runnerConfiguration()
        _ = try selectedKernels()
    }

    private func batchSize() throws -> Int? { try maxBatch ?? Environment.value("OCTAVO_MAX_BATCH") }
    private func speculation() throws -> Int? {
        try speculativeTokens ?? Environment.value("OCTAVO_SPECULATIVE_TOKENS")
    }
    private func tokensAtRisk() throws -> Int? { try checkpointTokens ?? Environment.value("OCTAVO_CHECKPOINT_TOKENS") }

    /// How long a step of the engine may take.
    func stepLimit() throws -> Duration {
        try (stepTimeout ?? Environment.value("OCTAVO_STEP_TIMEOUT"))?.duration ?? .seconds(600)
    }

    func threadCount() throws -> Int {
        let count = try threads ?? Environment.value("OCTAVO_THREADS") ?? ComputeThreads.availableProcessors
        guard (1...1024).contains(count) else { throw ValidationError("--threads must be between 1 and 1024") }
        return count
    }

    func quantizationScheme() throws -> QuantizationScheme {
        try scheme ?? Environment.value("OCTAVO_SCHEME") ?? .rotated
    }

    func selectedKernels() throws -> Kernels {
        guard let name = kernels ?? Environment.string("OCTAVO_KERNELS") else { return .best }
        guard let kernels = Kernels.named(name) else {
            let names = Kernels.available.map(\.name).joined(separator: ", ")
            throw ValidationError("This CPU cannot run the kernels \"\(name)\"; it can run \(names).")
        }
        return kernels
    }

    /// How the runner uses memory, of what is free now.
    func runnerConfiguration() throws -> LlamaRunner.Configuration {
        var configuration = LlamaRunner.Configuration()
        if let memory = try kvMemory ?? Environment.value("OCTAVO_KV_MEMORY") {
            let machine = Int(clamping: ProcessInfo.processInfo.physicalMemory)
            guard memory.bytes <= machine else {
                throw ValidationError(
                    "--kv-memory is \(Format.bytes(memory.bytes)), but this machine has \(Format.bytes(machine)).")
            }
            configuration.kvCacheBytes = memory.bytes
        } else {
            configuration.kvCacheBytes = AvailableMemory.bytes / 2
            configuration.limitsCacheToRows = true
        }
        configuration.kvCachePrecision =
            try kvCache ?? Environment.value("OCTAVO_KV_CACHE") ?? quantizationScheme().cachePrecision
        if let batch = try batchSize() {
            configuration.maximumStepLogits = max(configuration.maximumStepLogits, batch)
            configuration.maximumStepTokens = max(configuration.maximumStepTokens, batch)
        }
        return configuration
    }

    /// How the engine works.
    ///
    /// - Parameter runner: has its steps timed, for the number of rows, if that was not given.
    func engineConfiguration(timing runner: (any ModelRunner)? = nil) throws -> LocalEngine.Configuration {
        var configuration = LocalEngine.Configuration()
        if let batch = try batchSize() ?? runner.map(BatchSize.measure) { configuration.maximumBatch = batch }
        if let tokens = try speculation() { configuration.speculativeTokens = tokens }
        if let tokens = try tokensAtRisk() { configuration.checkpointTokens = tokens }
        if let interval = try checkpointInterval ?? Environment.value("OCTAVO_CHECKPOINT_INTERVAL") {
            configuration.checkpointInterval = interval.duration
        }
        return configuration
    }
}
