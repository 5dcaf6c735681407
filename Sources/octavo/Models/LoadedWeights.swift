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
        runner = try Self.runner(of: checkpoint, name: location.names(of: checkpoint)[0], engine: options)
        self.checkpoint = checkpoint
    }

    /// Reads weights into memory, and makes what computes with them.
    ///
    /// - Parameter name: what progress calls the model.
    static func runner(
        of weights: any ModelWeights, name: String, engine options: EngineOptions
    ) throws -> LlamaRunner {
        let threads = ComputeThreads(count: try options.threadCount())
        let scheme = try options.quantizationScheme()
        let layers = weights.configuration.layerCount
        let rate = RateMeter()
        let model = try LlamaModel(weights, scheme: scheme, threads: threads) { done in
            let left = rate.secondsLeft(done: Double(done), of: Double(layers), phase: "loading")
            Console.progress(
                "loading \(name): layer \(done) of \(layers)"
                    + (left.map { ", \(Format.duration($0)) left" } ?? ""))
        }
        Console.clearProgress()
        return LlamaRunner(
            model, threads: threads, kernels: try options.selectedKernels(),
            configuration: try options.runnerConfiguration())
    }
}
