import ArgumentParser
import OctavoLlama
import OctavoWeights

struct BenchKernels: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernels",
        abstract: "Each kernel at the sizes of a model's layers, as a share of what limits it.",
        discussion: """
            Weights, keys and values are read from memory, as in a step: each kernel cycles through more copies than any
            cache holds. The limit is whichever takes longer at the machine's best: the arithmetic, or reading what
            must come from memory. Products: multiply-accumulates, and weights. Attention: the multiply-adds of scores
            and sums of values, and each sequence's keys and values once. Others: operations on floats, and, of rows from
            memory, what is read and written.

            What limits a kernel is measured at the start, and again before each run of the kernel: where others use the
            same machine, it changes from minute to minute. The bandwidth is then that of the best of the three patterns
            that were fastest at the start. A share is the median of the runs' own shares. It may be above 100%.

            Example:
              octavo bench kernels --shape smollm2-135m
            """)
    @Argument(help: "A model whose sizes are used; its weights are not read.")
    var model: String?
    @Option(help: "Instead of a model, the shape of one: \(BenchShape.names) (default: llama-3-8b).")
    var shape: BenchShape?
    @OptionGroup var engine: EngineOptions
    @Option(help: "Memory that a kernel cycles through; more than the caches have.")
    var workingSet = ByteCount(bytes: 256 << 20)
    @Option(help: "How often each is measured.") var runs = 5
    @Flag(help: "Print one JSON object a line.") var json = false

    func validate() throws {
        guard model == nil || shape == nil else { throw ValidationError("Give either a model or --shape.") }
        guard (1...100).contains(runs) else { throw ValidationError("--runs must be between 1 and 100") }
        guard (1 << 10...1 << 36).contains(workingSet.bytes) else {
            throw ValidationError("--working-set must be between 1KiB and 64GiB")
        }
    }

    func run() throws {
        let (sizes, name) = try sizes()
        let threads = ComputeThreads(count: try engine.threadCount())
        let kernels = try engine.selectedKernels()
        let report = BenchReport(json: json)
        report.header(threads: threads.count, kernels: kernels.name, model: name)
        let phases = PhaseBench(
            sizes, threads: threads, kernels: kernels, precision: try engine.runnerConfiguration().kvCachePrecision,
            workingSet: workingSet.bytes)
        let meter = CeilingMeter(threads: threads, kernels: kernels)
        report.ceilings(meter.best, threads: threads.count)
        try KernelBenchmark(phases: phases, meter: meter, runs: runs, report: report).all()
    }

    private func sizes() throws -> (ModelConfiguration, name: String) {
        if let model {
            let location = try ModelLocation(model)
            let checkpoint = try Checkpoint.open(location.path)
            return (checkpoint.configuration, location.names(of: checkpoint)[0])
        }
        let shape = shape ?? BenchShape(.llama3Of8B)
        return (shape.configuration, shape.name)
    }
}
