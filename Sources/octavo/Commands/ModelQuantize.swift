import ArgumentParser
import Foundation
import OctavoCore
import OctavoLlama
import OctavoTokenizer

struct Quantize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a model's INT8 weights as a directory that others can read too.",
        discussion: """
            SRC is any model that Octavo runs. DST becomes a Hugging Face directory with INT8 weights as compressed-tensors
            writes them, tokenizer and chat template beside them. INT8 weights of SRC are copied untouched. Blocks are
            written one after another; run again after an interruption, it goes on where it was.

            Float weights are rounded so that errors cancel on a sample of text, which takes about as long as reading a few
            thousand tokens. The sample is a built-in one; your own prompts make a better one.

            Examples:
              octavo model quantize SRC DST
              octavo model quantize SRC DST --calibration prompts.txt
              octavo model quantize SRC DST --scheme plain --rounding nearest
            """)
    @Argument(
        help:
            "The model: a .gguf file, a directory in Hugging Face's or Meta's format, or a name in the Hugging Face cache."
    )
    var source: String
    @Argument(help: "The directory to write; it is made.") var destination: String
    @Option(help: "How float weights become INT8: rotated or plain (default: rotated).")
    var scheme: QuantizationScheme = .rotated
    @Option(help: "Rounding: calibrated on a sample of text, or nearest (default: calibrated).")
    var rounding: RoundingChoice = .calibrated
    @Option(help: "The sample, UTF-8 text (default: a built-in one).") var calibration: String?
    @Option(help: "The most tokens of the sample to use.") var calibrationTokens = 8192
    @Option(help: "Compute threads (OCTAVO_THREADS; default: all CPUs granted to the process).") var threads: Int?
    @Flag(help: "Print one JSON document about what was written.") var json = false

    func validate() throws {
        guard scheme != .float else { throw ValidationError("--scheme float is not INT8; choose rotated or plain") }
        guard rounding == .calibrated || calibration == nil else {
            throw ValidationError("--calibration has no use with --rounding nearest")
        }
        guard calibrationTokens >= Calibration.windowLength else {
            throw ValidationError("--calibration-tokens must be at least \(Calibration.windowLength)")
        }
    }

    func run() async throws {
        let location = try ModelLocation(source)
        var engine = EngineOptions()
        engine.threads = threads
        let work = try QuantizedModel(
            location, scheme: scheme, sample: rounding == .calibrated ? sample(location) : nil, to: destination,
            threads: ComputeThreads(count: engine.threadCount()))
        do {
            let summary = try await SignalTrap.cancelling { try work.write() }
            if json { Console.result(summary.json) } else { Console.note(summary.text) }
        } catch is CancellationError {
            throw CommandFailure(.interrupted, "\(destination): interrupted; the same command goes on where it was")
        }
    }

    /// The tokens to calibrate on.
    private func sample(_ location: ModelLocation) throws -> [TokenID] {
        let text = try calibration.map(TextModel.read) ?? CalibrationText.builtIn
        let tokenizer = try TextModel(path: location.path, templatePath: nil).tokenizer
        let tokens = Array(tokenizer.encode(text).prefix(calibrationTokens))
        guard tokens.count >= Calibration.windowLength else {
            throw CommandFailure(
                .badData,
                "\(calibration ?? "the sample"): \(tokens.count) tokens are less than a window of \(Calibration.windowLength); "
                    + "give a longer text")
        }
        return tokens
    }
}

/// How weights are rounded.
enum RoundingChoice: String, ExpressibleByArgument, CaseIterable {
    case calibrated, nearest
}
