import Foundation
import OctavoCore
import OctavoEngine
import OctavoLlama
import OctavoWeights

/// The tiny models of the fixtures, with the outputs of the reference implementation.
struct TinyModel: Sendable, CustomStringConvertible {
    static let names = ["tiny-untied", "tiny-tied", "tiny-llama31"]

    /// A checkpoint and the expected outputs of quantizing it as Octavo does.
    struct Variant: Sendable, CustomStringConvertible {
        var model: TinyModel
        /// The name in `expected.json`.
        var name: String
        /// The checkpoint within the model's folder.
        var path: String
        var description: String { "\(model.name) \(name) from \(path)" }
        var checkpointPath: String { model.folder.appending(path: path).path() }

        /// The numbers that `expected.json` gives for the variant.
        func expected(_ key: String) throws -> JSONValue {
            guard let value = try model.expected()["variants"]?[name]?[key] else { throw MissingExpectation() }
            return value
        }
    }

    struct MissingExpectation: Error {}

    var name: String
    var description: String { name }
    var folder: URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "OctavoTestSupport/Fixtures/Models/\(name)")
    }

    func expected() throws -> JSONValue {
        try JSONValue.parse([UInt8](Data(contentsOf: folder.appending(path: "expected.json"))))
    }

    func prompts() throws -> [[TokenID]] {
        try (expected()["prompts"]?.arrayValue ?? []).map { prompt in
            (prompt.arrayValue ?? []).compactMap(\.integerValue).map(TokenID.init)
        }
    }

    /// Every checkpoint whose quantized outputs the fixtures give. Files of floats hold the same numbers, but for some in
    /// f16 that are subnormal there.
    static let quantizedVariants: [Variant] = names.map(TinyModel.init).flatMap { model -> [Variant] in
        let candidates = [
            ("octavo", "hf"), ("octavo", "hf-f16"), ("octavo", "hf-sharded"), ("octavo", "meta"),
            ("octavo", "gguf/model-f16.gguf"), ("torchao-bin", "torchao-bin"),
            ("torchao-safetensors", "torchao-safetensors"), ("compressed-tensors", "compressed-tensors"),
            ("fmo", "fmo"), ("fmo-0.1", "fmo-0.1"), ("gguf-q8_0.octavo", "gguf/model-q8_0.gguf"),
            ("gguf-q4_1.octavo", "gguf/model-q4_1.gguf"),
        ]
        return candidates.map { Variant(model: model, name: $0.0, path: $0.1) }
            .filter { FileManager.default.fileExists(atPath: $0.checkpointPath) }
    }

    static func runner(
        _ path: String, threads: Int = 2, kernels: Kernels = .best, precision: KVCachePrecision = .f32,
        stepTokens: Int = 64
    ) throws -> LlamaRunner {
        try runner(
            Checkpoint.open(path), threads: threads, kernels: kernels, precision: precision, stepTokens: stepTokens)
    }

    static func runner(
        _ checkpoint: Checkpoint, threads: Int = 2, kernels: Kernels = .best, precision: KVCachePrecision = .f32,
        stepTokens: Int = 64
    ) throws -> LlamaRunner {
        let team = ComputeThreads(count: threads)
        var configuration = LlamaRunner.Configuration()
        configuration.kvCacheBytes = 16 << 20
        configuration.kvCachePrecision = precision
        configuration.maximumStepTokens = stepTokens
        configuration.maximumStepLogits = 64
        return LlamaRunner(
            try LlamaModel(checkpoint, threads: team), threads: team, kernels: kernels,
            configuration: configuration)
    }
}

extension TinyModel {
    /// A runner of a checkpoint, differently configured.
    static func runner(_ path: String, _ edit: (inout LlamaRunner.Configuration) -> Void) throws -> LlamaRunner {
        let team = ComputeThreads(count: 1)
        var configuration = LlamaRunner.Configuration()
        edit(&configuration)
        return LlamaRunner(
            try LlamaModel(Checkpoint.open(path), threads: team), threads: team, configuration: configuration)
    }
}

extension LlamaRunner {
    /// The logits of every position of a sequence, computed in pieces of `piece` tokens.
    func allLogits(_ tokens: [TokenID], piece: Int = 32) throws -> [[Float]] {
        let sequence = try makeSequence(length: tokens.count)
        defer { release(sequence) }
        var rows: [[Float]] = []
        for start in stride(from: 0, to: tokens.count, by: piece) {
            let part = tokens[start..<min(start + piece, tokens.count)]
            step([StepRow(sequence: sequence, tokens: part, logitsCount: part.count)]) { logits in
                for row in 0..<logits.count { rows.append(Array(logits[row])) }
            }
        }
        return rows
    }
}
