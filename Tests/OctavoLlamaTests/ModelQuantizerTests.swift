import Foundation
import OctavoCore
import OctavoLlama
import OctavoWeights
import Testing

@Suite struct ModelQuantizerTests {
    @Test(arguments: TinyModel.names)
    func `a turned model computes what the model does`(name: String) throws {
        let checkpoint = try Checkpoint.open(TinyModel(name: name).folder.appending(path: "hf").path())
        let threads = ComputeThreads(count: 2)
        let turned = try QuantizationScheme.rotated.prepare(checkpoint, threads: threads)
        #expect(!turned.configuration.tiesEmbeddings)
        for (original, logits) in zip(
            try floatLogits(checkpoint, name, threads), try floatLogits(turned, name, threads))
        {
            // Unties and turns in f16 where the checkpoint has bf16: ten bits of a residual stream, in logits up to 15.
            #expect(zip(original, logits).allSatisfy { abs($0 - $1) < 0.05 })
        }
    }

    @Test func `quantizing that was cut off goes on to the same files`() throws {
        let checkpoint = try Checkpoint.open(TinyModel(name: "tiny-untied").folder.appending(path: "hf").path())
        let folders = try (0..<2).map { _ in try Self.makeFolder() }
        defer { for folder in folders { try? FileManager.default.removeItem(atPath: folder) } }
        var seen: [Bool] = []
        try quantizer(checkpoint, folders[0]).run { _, _ in }
        #expect(throws: Stop.self) {
            try quantizer(checkpoint, folders[1]).run { layer, _ in if layer == 1 { throw Stop() } }
        }
        try quantizer(checkpoint, folders[1]).run { _, isThere in seen.append(isThere) }
        #expect(seen == [true, false])
        let names = try FileManager.default.contentsOfDirectory(atPath: folders[0]).sorted()
        #expect(try FileManager.default.contentsOfDirectory(atPath: folders[1]).sorted() == names)
        #expect(names.count == 5)
        for name in names {
            let files = try folders.map { try Data(contentsOf: URL(filePath: "\($0)/\(name)")) }
            #expect(files[0] == files[1], "\(name)")
        }
    }

    @Test func `a head that became INT8 with the blocks is used as it was written`() throws {
        let model = TinyModel(name: "tiny-untied").folder
        let checkpoint = try Checkpoint.open(model.appending(path: "hf").path())
        let folder = try Self.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let threads = ComputeThreads(count: 2)
        let calibration = try Calibration(checkpoint, tokens: Self.sample, threads: threads)
        let layers = checkpoint.configuration.layerCount
        let shards = QuantizedShards(folder: folder, identity: "test", layerCount: layers)
        try shards.write(shards.embedding, of: checkpoint, [.tokenEmbedding], linears: [:])
        for layer in 0..<layers {
            let linears = try calibration.quantize(block: layer)
            try shards.write(shards.block(layer), of: checkpoint, TensorRole.block(layer), linears: linears)
        }
        let head = try calibration.quantizeHead()
        try shards.write(
            shards.head, of: checkpoint, [.outputNorm, .outputHead], linears: [.outputHead: head])
        try shards.writeIndex()
        try Self.writeConfiguration(
            to: folder, from: model.appending(path: "compressed-tensors/config.json"))

        let written = try Checkpoint.open(folder)
        let stored = try written.matrix(.outputHead)
        #expect(stored.channelScales == Array(head.scales))
        let (exact, rounded) = (try checkpoint.matrix(.outputHead), head)
        var (a, b) = (
            [Float](repeating: 0, count: exact.columns), [Float](repeating: 0, count: exact.columns)
        )
        for row in 0..<exact.rows {
            a.withUnsafeMutableBufferPointer { exact.read(rows: row..<row + 1, into: $0) }
            b.withUnsafeMutableBufferPointer { stored.read(rows: row..<row + 1, into: $0) }
            // Errors are pushed on, so that a weight may miss by a few steps, but no more.
            #expect(zip(a, b).allSatisfy { abs($0 - $1) < 4 * rounded.scales[row] }, "row \(row)")
        }
    }

    /// The configuration of an INT8 model whose head is INT8, too.
    private static func writeConfiguration(to folder: String, from source: URL) throws {
        let object = try JSONSerialization.jsonObject(with: Data(contentsOf: source))
        var configuration = try #require(object as? [String: Any])
        var quantization = try #require(configuration["quantization_config"] as? [String: Any])
        var groups = try #require(quantization["config_groups"] as? [String: Any])
        var head = try #require(groups["group_0"] as? [String: Any])
        head["targets"] = ["lm_head"]
        head["input_activations"] = NSNull()
        groups["group_1"] = head
        quantization["config_groups"] = groups
        quantization["ignore"] = [String]()
        configuration["quantization_config"] = quantization
        try JSONSerialization.data(withJSONObject: configuration)
            .write(to: URL(filePath: "\(folder)/config.json"))
    }

    private static let sample = (0..<1024).map { TokenID($0 * 7919 % 288) }

    @Test func `calibrated rounding errs less on the sample than rounding to the nearest`() throws {
        let threads = ComputeThreads(count: 2)
        let checkpoint = try Checkpoint.open(TinyModel(name: "tiny-untied").folder.appending(path: "hf").path())
        let statistics = ActivationStatistics(features: 64)
        let tokens = 256
        let inputs = UnsafeMutablePointer<Float>.allocate(capacity: tokens * 64)
        defer { inputs.deallocate() }
        // Sixteen independent signals in 64 features, so that errors can make up for each other.
        var state: UInt64 = 1
        func noise() -> Float {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(state >> 40) / Float(1 << 24) - 0.5
        }
        let mixing = (0..<16 * 64).map { _ in noise() }
        for token in 0..<tokens {
            let signals = (0..<16).map { _ in noise() }
            for feature in 0..<64 {
                inputs[token * 64 + feature] = (0..<16).reduce(0) { $0 + signals[$1] * mixing[$1 * 64 + feature] }
            }
        }
        let rows = FloatRows(base: inputs, count: tokens, width: 64, stride: 64)
        statistics.add(rows, kernels: .best, threads: threads)
        let matrix = try checkpoint.matrix(.gate(0))
        let feedback = ErrorFeedback(statistics, kernels: .best, threads: threads)
        let calibrated = error(of: feedback.round(matrix, threads: threads), matrix, on: rows)
        let nearest = error(of: QuantizedRows(rounding: matrix, threads: threads), matrix, on: rows)
        #expect(calibrated < nearest / 2, "\(calibrated) against \(nearest)")
    }

    private struct Stop: Error {}

    private static func makeFolder() throws -> String {
        let folder = FileManager.default.temporaryDirectory.appending(path: "octavo-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder.path()
    }

    private func quantizer(_ checkpoint: Checkpoint, _ folder: String) throws -> ModelQuantizer {
        try ModelQuantizer(
            checkpoint, scheme: .rotated, rounding: .calibrated(Self.sample), folder: folder, identity: "test",
            threads: ComputeThreads(count: 2))
    }

    private func floatLogits(
        _ weights: any ModelWeights, _ name: String, _ threads: ComputeThreads
    ) throws -> [[Float]] {
        let model = try LlamaModel(weights, scheme: .float, threads: threads)
        let runner = LlamaRunner(model, threads: threads)
        return try TinyModel(name: name).prompts().flatMap { try runner.allLogits($0) }
    }

    /// The squared error of a layer's outputs on some inputs.
    private func error(of rounded: QuantizedRows, _ matrix: any WeightRows, on inputs: FloatRows) -> Double {
        var (exact, approximate) = (
            [Float](repeating: 0, count: matrix.columns), [Float](repeating: 0, count: matrix.columns)
        )
        var sum = 0.0
        for row in 0..<matrix.rows {
            exact.withUnsafeMutableBufferPointer { matrix.read(rows: row..<row + 1, into: $0) }
            approximate.withUnsafeMutableBufferPointer { rounded.read(rows: row..<row + 1, into: $0) }
            for token in 0..<inputs.count {
                let difference = zip(exact, approximate).enumerated().reduce(0.0) {
                    $0 + Double(inputs[token][$1.offset]) * Double($1.element.0 - $1.element.1)
                }
                sum += difference * difference
            }
        }
        return sum
    }
}
