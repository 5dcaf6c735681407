import OctavoLlama
import OctavoWeights

/// A model's weights in memory and what computes with them, without its text side.
struct LoadedWeights {
    let checkpoint: Checkpoint
    let runner: LlamaRunner

    /// Loads the weights at a place.
    ///
    /// - Parameter check: may refuse the checkpoint before its weights are read.
    init(_ location: ModelLocation, engine options: EngineOptions, check: (Checkpoint) throws -> Void = { _ in }) throws
    {
        let checkpoint = try Checkpoint.open(location.path)
        try check(checkpoint)
        let threads = ComputeThreads(count: try options.threadCount())
        let scheme = try options.quantizationScheme()
        let layers = checkpoint.configuration.layerCount
        let rate = RateMeter()
        let name = location.names(of: checkpoint)[0]
        let model = try LlamaModel(checkpoint, scheme: scheme, threads: threads) { done in
            let left = rate.secondsLeft(done: Double(done), of: Double(layers), phase: "loading")
            Console.progress(
                "loading \(name): layer \(done) of \(layers)"
                    + (left.map { ", \(Format.duration($0)) left" } ?? ""))
        }
        Console.clearProgress()
        runner = LlamaRunner(
            model, threads: threads, kernels: try options.selectedKernels(),
            configuration: try options.runnerConfiguration())
        self.checkpoint = checkpoint
    }
}
