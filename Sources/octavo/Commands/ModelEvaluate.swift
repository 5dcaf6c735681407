import ArgumentParser
import Foundation
import OctavoCore
import OctavoLlama
import OctavoTokenizer
import OctavoWeights

struct Evaluate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "How well a model predicts a text, and how near it is to another.",
        discussion: """
            Reports the perplexity of windows of the text and, against a reference, what quantization costs: the
            divergence between the two predictions, how often both would pick the same token, and how far apart the
            activations of each block are. The reference is computed without quantization unless --reference-scheme
            says otherwise, and has its keys and values as that scheme has them, whatever --kv-cache is.

            Examples:
              octavo model evaluate MODEL --text sample.txt
              octavo model evaluate QUANTIZED --against ORIGINAL --text sample.txt
              octavo model evaluate MODEL --against MODEL --scheme plain --text sample.txt --json
            """)
    @OptionGroup var options: ComputeOptions
    @Option(help: "The text, UTF-8.") var text: String
    @Option(help: "The model to compare with.") var against: String?
    @Option(help: "How the reference's weights are used: float, rotated or plain (default: float).")
    var referenceScheme: QuantizationScheme = .float
    @Option(help: "Tokens in a window; each is predicted from those before it in the window (default: 1024).")
    var window = 1024
    @Option(help: "The most tokens of the text to use (default: all whole windows).") var tokens: Int?
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard window >= 2 else { throw ValidationError("--window must be at least 2") }
        if let tokens, tokens < window { throw ValidationError("--tokens must be at least --window") }
    }

    func run() throws {
        guard FileManager.default.fileExists(atPath: text) else {
            throw CommandFailure(.inputNotFound, "\(text): no such file")
        }
        let source = try TextModel.read(text)
        let model = try options.load()
        let windows = try windows(of: source, model)
        let reference = try against.map {
            var engine = options.engine
            engine.scheme = referenceScheme
            engine.kvCache = referenceScheme.cachePrecision
            return try LoadedModel(
                ModelLocation($0), templatePath: nil, names: [], generation: options.generation, engine: engine)
        }
        if let reference, reference.runner.vocabularySize != model.runner.vocabularySize {
            throw CommandFailure(
                .badData,
                "\(against ?? ""): has \(Format.count(reference.runner.vocabularySize)) tokens, but \(options.model) has "
                    + "\(Format.count(model.runner.vocabularySize)): compare models of one vocabulary")
        }
        if let reference, !reference.hasBlocks(like: model) {
            throw CommandFailure(
                .badData,
                "\(against ?? ""): its blocks are of other sizes than those of \(options.model); compare models alike")
        }
        let rate = RateMeter()
        var evaluation = Evaluation(
            model: model.runner, reference: reference?.runner)
        for (index, window) in windows.enumerated() {
            try evaluation.add(window)
            let left = rate.secondsLeft(done: Double(index + 1), of: Double(windows.count), phase: "evaluating")
            Console.progress(
                "window \(index + 1) of \(windows.count)" + (left.map { ", \(Format.duration($0)) left" } ?? ""))
        }
        Console.clearProgress()
        if json { Console.result(evaluation.json) } else { Console.result(evaluation.text) }
    }

    private func windows(of source: String, _ model: LoadedModel) throws -> [[TokenID]] {
        let ids = model.text.tokenizer.encode(source)
        let length = min(window, model.runner.contextLength)
        let count = min(ids.count, tokens ?? ids.count) / length
        guard count > 0 else {
            throw CommandFailure(
                .badData, "\(text): \(Format.count(ids.count)) tokens are less than a window of \(Format.count(length))"
            )
        }
        return (0..<count).map { Array(ids[$0 * length..<($0 + 1) * length]) }
    }
}

extension LoadedModel {
    /// Whether the activations of both models can be compared block by block.
    fileprivate func hasBlocks(like other: LoadedModel) -> Bool {
        let (own, others) = (checkpoint.configuration, other.checkpoint.configuration)
        return own.layerCount == others.layerCount && own.intermediateSize == others.intermediateSize
    }
}
