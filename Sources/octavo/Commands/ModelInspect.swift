import ArgumentParser
import OctavoLlama

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What a model is: sizes, types, tokenizer, template, fingerprint, and the memory it needs.",
        discussion: """
            Examples:
              octavo model inspect MODEL
              octavo model inspect MODEL --batch 128 --context 8192 --kv-cache f16
              octavo model inspect MODEL --json
            """)
    @Argument(
        help:
            "The model: a .gguf file, a directory in Hugging Face's or Meta's format, or a name in the Hugging Face cache."
    ) var model: String
    @Option(help: "Completions decoded together, for the memory (default: 32).") var batch = 32
    @Option(help: "Tokens of each, prompt included, for the memory (default: 4096, or the model's context).")
    var context: Int?
    @Option(
        help:
            "How keys and values are stored: f32, f16 or int8 (OCTAVO_KV_CACHE; default: f16, but f32 with --scheme plain or float)."
    )
    var kvCache: KVCachePrecision?
    @Option(help: "How float weights are used: rotated, plain or float (OCTAVO_SCHEME; default: rotated).")
    var scheme: QuantizationScheme?
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard (1...4096).contains(batch) else { throw ValidationError("--batch must be between 1 and 4096") }
        if let context, !(1...1 << 31).contains(context) { throw ValidationError("--context must be at least 1") }
    }

    func run() throws {
        let scheme = try scheme ?? Environment.value("OCTAVO_SCHEME") ?? QuantizationScheme.rotated
        var configuration = LlamaRunner.Configuration()
        configuration.kvCachePrecision =
            try kvCache ?? Environment.value("OCTAVO_KV_CACHE") ?? scheme.cachePrecision
        configuration.maximumStepTokens = max(configuration.maximumStepTokens, batch)
        configuration.maximumStepLogits = max(configuration.maximumStepLogits, batch)
        let report = try ModelReport(
            ModelLocation(model), scheme: scheme, batch: batch, context: context, configuration: configuration)
        if json { Console.result(report.json) } else { Console.result(report.text) }
    }
}
