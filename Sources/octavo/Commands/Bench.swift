import ArgumentParser
import OctavoLlama
import OctavoTokenizer

struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure the machine, the engine and the tokenizer.",
        discussion: """
            Figures are medians. A share is of the INT8 multiply-accumulates that the machine can do from registers,
            measured in the same run: what the linear layers of the tokens computed would take at that rate.

            Examples:
              octavo bench ceilings
              octavo bench engine MODEL --json > bench.jsonl
              octavo bench tokenizer MODEL
            """,
        subcommands: [BenchCeilings.self, BenchEngine.self, BenchTokenizer.self])
}

struct BenchCeilings: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ceilings", abstract: "INT8 and float peaks and read bandwidth, by number of threads.",
        discussion: "Example:\n  octavo bench ceilings --threads 2")
    @Option(help: "The most threads (default: all CPUs granted to the process).") var threads: Int?
    @Option(help: "Kernels (default: the fastest).") var kernels: String?
    @Flag(help: "Print one JSON object a line.") var json = false

    func run() throws {
        let most = threads ?? ComputeThreads.availableProcessors
        guard (1...1024).contains(most) else { throw ValidationError("--threads must be between 1 and 1024") }
        guard let selected = kernels.map(Kernels.named) ?? .best else {
            throw ValidationError("This CPU cannot run these kernels; octavo worker --help lists those that it can.")
        }
        let report = BenchReport(json: json)
        report.header(threads: most, kernels: selected.name, model: nil)
        for count in Set([1, most]).sorted() {
            let ceilings = Ceilings(threads: ComputeThreads(count: count), kernels: selected)
            let which = [("threads", "\(count)")]
            report.line("int8 peak", which, value: ceilings.int8PerSecond / 1e9, unit: "GMAC/s")
            report.line("f32 peak", which, value: ceilings.floatPerSecond / 1e9, unit: "GFMA/s")
            report.line("read bandwidth", which, value: ceilings.bytesPerSecond / 1e9, unit: "GB/s")
        }
    }
}

struct BenchEngine: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "engine",
        abstract: "Prefill by prompt length, decode by batch size, and an offline job of mixed lengths.",
        discussion: "Example:\n  octavo bench engine models/SmolLM2-135M-Instruct.Q4_1.gguf")
    @OptionGroup var options: ComputeOptions
    @Option(help: "How often each is measured.") var runs = 3
    @Option(help: "Requests of the offline job.") var requests = 64
    @Flag(help: "Print one JSON object a line.") var json = false

    func validate() throws {
        guard (1...100).contains(runs), (1...100_000).contains(requests) else {
            throw ValidationError("--runs must be between 1 and 100, --requests between 1 and 100000")
        }
    }

    func run() async throws {
        let model = try options.load()
        let report = BenchReport(json: json)
        report.header(threads: model.runner.threads.count, kernels: model.runner.kernels.name, model: model.names[0])
        let ceilings = Ceilings(threads: model.runner.threads, kernels: model.runner.kernels)
        let bench = EngineBenchmark(model: model, runs: runs, peak: ceilings.int8PerSecond, report: report)
        for length in [128, 512, 1024] { try bench.prefill(length: length) }
        for batch in [1, 8, 32] { try bench.decode(batch: batch, context: 256) }
        await bench.offlineJob(requests: requests)
    }
}

struct BenchTokenizer: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenizer",
        abstract: "Encoding of text not seen before, on one thread and on all, and decoding.",
        discussion: """
            Every FILE is a corpus of its own, cut at line ends into documents of about 4 KB; without files the text is
            made of the vocabulary's words. MB are 10^6 bytes of UTF-8. scripts/bench-tokenizer compares with others.

            Example:
              octavo bench tokenizer models/Llama-3.2-1B/tokenizer.json english.txt
            """)
    @OptionGroup var options: TextModelOptions
    @Argument(help: "Files of text.") var files: [String] = []
    @Option(help: "The most threads (default: all CPUs granted to the process).") var threads: Int?
    @Option(help: "How often each is measured.") var runs = 7
    @Flag(help: "Print one JSON object a line.") var json = false

    func validate() throws {
        guard (1...1000).contains(runs) else { throw ValidationError("--runs must be between 1 and 1000") }
        guard (1...1024).contains(threads ?? 1) else { throw ValidationError("--threads must be between 1 and 1024") }
    }

    func run() throws {
        let start = ContinuousClock.now
        let tokenizer = try options.open().tokenizer
        let loading = (ContinuousClock.now - start) / .seconds(1)
        let corpora = try files.isEmpty ? [BenchCorpus(wordsOf: tokenizer)] : files.map { try BenchCorpus(file: $0) }
        let most = threads ?? ComputeThreads.availableProcessors
        let report = BenchReport(json: json)
        report.header(threads: most, kernels: nil, model: options.model)
        report.line("tokenizer load", [("vocabulary", "\(tokenizer.vocabularySize)")], value: loading, unit: "s")
        let bench = TokenizerBenchmark(tokenizer: tokenizer, runs: runs, report: report)
        for corpus in corpora {
            for count in Set([1, most]).sorted() { bench.encode(corpus, threads: ComputeThreads(count: count)) }
            bench.decode(corpus)
        }
    }
}
