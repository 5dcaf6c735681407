import ArgumentParser
import Foundation
import OctavoBatching
import OctavoCore
import OctavoEngine
import OctavoLlama
import OctavoWeights

struct BenchEngine: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "engine",
        abstract: "Prefill by prompt length, decode by batch size, and an offline job of mixed lengths.",
        discussion: """
            Measures a model, or random INT8 weights of a published model's sizes. llama-3-8b takes about 14 GiB;
            llama-3-8b:4, which has four of its blocks, 4 GiB.

            The share of the INT8 peak in linear layers counts one multiply-accumulate for each weight of the blocks'
            seven linear layers and each token computed; that in the head, two for each weight and row of logits, since
            its input has two planes. Attention and all else is in the time, and in no share.

            Examples:
              octavo bench engine models/SmolLM2-135M-Instruct.Q4_1.gguf
              octavo bench engine --shape llama-3-8b:4 --decode 1,32 --requests 0
            """)
    @Argument(help: "The model: a .gguf file, a directory, or a name in the Hugging Face cache.")
    var model: String?
    @Option(
        help: "Instead of a model, the shape of one: \(BenchShape.names), or a part of its blocks, as in llama-3-8b:4.")
    var shape: BenchShape?
    @OptionGroup var engine: EngineOptions
    @Option(help: "Lengths of the prompts, or none.") var prefill = NumberList([128, 512, 2048])
    @Option(help: "Rows that are decoded together, or none.") var decode = NumberList([1, 4, 16, 32, 64])
    @Option(help: "Tokens that each of these rows has.") var context = 512
    @Option(help: "Requests of the offline job; 0 leaves it out.") var requests = 256
    @Option(help: "New tokens of each of them.") var newTokens = 128
    @Option(help: "Tokens with which the job's prompts begin alike, besides their own.") var sharedPrefix = 0
    @Option(help: "Tokens of its own that each of them begins with instead: what sharing is compared with.")
    var distinctPrefix = 0
    @Option(help: "How the job's requests come together: refill or static.") var batching = BatchingMode.refill
    @Option(help: "A file with a response_format, to which the job's answers are held.") var responseFormat: String?
    @Option(help: "How often each is measured.") var runs = 3
    @Flag(help: "Print one JSON object a line.") var json = false

    func validate() throws {
        guard (model == nil) != (shape == nil) else { throw ValidationError("Give either a model or --shape.") }
        guard responseFormat == nil || shape == nil else {
            throw ValidationError("--response-format needs a model, for its vocabulary.")
        }
        guard (1...100).contains(runs), (0...100_000).contains(requests) else {
            throw ValidationError("--runs must be between 1 and 100, --requests between 0 and 100000")
        }
        guard (0...1_000_000).contains(sharedPrefix), (0...1_000_000).contains(distinctPrefix) else {
            throw ValidationError("--shared-prefix and --distinct-prefix must be between 0 and 1000000")
        }
        guard sharedPrefix == 0 || distinctPrefix == 0 else {
            throw ValidationError("--shared-prefix and --distinct-prefix exclude each other")
        }
        guard (1...1_000_000).contains(context), (1...100_000).contains(newTokens) else {
            throw ValidationError("--context must be between 1 and 1000000, --new-tokens between 1 and 100000")
        }
    }

    func run() async throws {
        let start = ContinuousClock.now
        let (runner, name) = try load()
        let loading = (ContinuousClock.now - start) / .seconds(1)
        let report = BenchReport(json: json)
        report.header(threads: runner.threads.count, kernels: runner.kernels.name, model: name)
        report.line("load", [], value: loading, unit: "s")
        let ceilings = CeilingMeter(threads: runner.threads, kernels: runner.kernels).best
        let bench = EngineBenchmark(runner: runner, runs: runs, peak: ceilings.int8PerSecond, report: report)
        try bench.prefill(lengths: prefill.numbers)
        try bench.decode(batches: decode.numbers, context: context)
        if requests > 0 {
            let structure = try responseFormat.map(ResponseFormatFile.read)
            let local = LocalEngine(
                runner: runner, tokens: structure == nil ? SilentTokens() : try tokenizer(), endTokens: [],
                configuration: try engine.engineConfiguration(timing: runner))
            Console.note("the job has batches of up to \(local.capacity.maximumBatch)")
            await bench.offlineJob(
                local, batching: batching, requests: requests, newTokens: newTokens,
                prefix: .init(length: max(sharedPrefix, distinctPrefix), isShared: sharedPrefix > 0),
                structure: structure)
        }
        if let bytes = ProcessMemory.peak { report.line("peak memory", [], value: Double(bytes) / 0x1p30, unit: "GiB") }
    }

    private func tokenizer() throws -> any TokenDecoding {
        try TextModel(path: ModelLocation(model ?? "").path, templatePath: nil).tokenizer
    }

    private func load() throws -> (LlamaRunner, name: String) {
        if let shape {
            let weights = RandomWeights(shape.configuration, seed: 1)
            return (try LoadedWeights.runner(of: weights, name: shape.name, engine: engine), shape.name)
        }
        let location = try ModelLocation(model ?? "")
        let loaded = try LoadedWeights(location, engine: engine)
        return (loaded.runner, location.names(of: loaded.checkpoint)[0])
    }
}
