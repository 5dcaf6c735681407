import ArgumentParser
import OctavoLlama
import OctavoTokenizer

struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure the machine, the engine, the tokenizer and the queue.",
        discussion: """
            Figures are medians. A share is of what the machine can do at most, measured in the same run: INT8
            multiply-accumulates and f32 multiply-adds from registers, and the bandwidth of reading memory. With --json, a
            line has what limits it most ("limit"), that limit's "ceiling" and the figure's "share" of it;
            "other_shares" are of what else the work takes, and "other_ceilings", in their own units, what these are of.

            Examples:
              octavo bench ceilings
              octavo bench kernels --shape smollm2-135m
              octavo bench engine --shape llama-3-8b:4
              octavo bench engine MODEL --json > bench.jsonl
              octavo bench tokenizer MODEL
              octavo bench queue
              octavo bench structure MODEL
            """,
        subcommands: [
            BenchCeilings.self, BenchKernels.self, BenchEngine.self, BenchTokenizer.self, BenchStructure.self,
            BenchQueue.self, BenchQueueClient.self,
        ])
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
            let ceilings = CeilingMeter(threads: ComputeThreads(count: count), kernels: selected).best
            report.ceilings(ceilings, threads: count)
        }
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
