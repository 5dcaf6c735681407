import Crypto
import Foundation
import OctavoCore
import OctavoLlama
import OctavoWeights

/// A directory of INT8 weights that is being made from another model.
struct QuantizedModel: Sendable {
    private let quantizer: ModelQuantizer
    private let companions: CompanionFiles
    private let checkpoint: Checkpoint
    private let destination: String
    private let description: JSONObject

    /// What was made.
    struct Summary {
        let path: String
        let layerCount: Int
        let bytes: Int
        let seconds: Double

        var json: JSONValue {
            [
                "path": .string(path), "layers": .integer(layerCount), "bytes": .integer(bytes),
                "seconds": .double(seconds),
            ]
        }
        var text: String {
            "\(path): \(layerCount) layers, \(Format.bytes(bytes)), in \(Format.duration(seconds))"
        }
    }

    /// Looks at source and destination; nothing is written yet.
    ///
    /// - Parameter sample: the tokens to calibrate on; `nil` to round to the nearest.
    init(
        _ location: ModelLocation, scheme: QuantizationScheme, sample: [TokenID]?, to destination: String,
        threads: ComputeThreads
    ) throws {
        checkpoint = try Checkpoint.open(location.path)
        companions = try CompanionFiles(source: location.path)
        self.destination = destination
        let size = checkpoint.configuration.vocabularySize
        if let token = sample?.first(where: { Int($0) >= size }) {
            throw CommandFailure(
                .badData, "\(location.path): the tokenizer has token \(token), but the weights have \(size) tokens")
        }
        var description: JSONObject = [
            "version": 1, "scheme": .string(scheme.rawValue),
            "rounding": .string(sample == nil ? "nearest" : "calibrated"),
            "source": .string(try checkpoint.fingerprint()),
        ]
        if let sample { description["sample"] = .string(Self.digest(sample)) }
        self.description = description
        try Self.makeFolder(destination, description)
        quantizer = try ModelQuantizer(
            checkpoint, scheme: scheme, rounding: sample.map { .calibrated($0) } ?? .nearest, folder: destination,
            identity: JSONValue.object(description).jsonText, threads: threads)
    }

    /// Writes all that is not there yet.
    func write() throws -> Summary {
        let began = Date()
        let layers = checkpoint.configuration.layerCount
        let rate = RateMeter()
        try quantizer.run { layer, isThere in
            try Task.checkCancellation()
            let left =
                isThere
                ? nil : rate.secondsLeft(done: Double(layer), of: Double(layers), phase: "quantizing")
            Console.progress(
                "quantizing \(checkpoint.name): layer \(layer + 1) of \(layers)"
                    + (left.map { ", \(Format.duration($0)) left" } ?? ""))
        }
        Console.clearProgress()
        try companions.write(
            to: destination, configuration: quantizer.configuration, quantizesHead: quantizer.quantizesHead,
            extra: ["octavo": .object(description)])
        let files = try FileManager.default.contentsOfDirectory(atPath: destination)
        let bytes = try files.reduce(0) { sum, name in
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(destination)/\(name)")
            return sum + (attributes[.size] as? Int ?? 0)
        }
        return Summary(
            path: destination, layerCount: layers, bytes: bytes, seconds: Date().timeIntervalSince(began))
    }

    /// Makes the folder; one that holds another model is left alone.
    private static func makeFolder(_ path: String, _ description: JSONObject) throws {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw CommandFailure(.cannotWrite, "\(path): \(error.localizedDescription)")
        }
        let configuration = "\(path)/config.json"
        guard FileManager.default.fileExists(atPath: configuration) else { return }
        let present = try? JSONValue.parse(Array(Data(contentsOf: URL(filePath: configuration))))
        guard present?["octavo"] == .object(description) else {
            throw CommandFailure(
                .cannotWrite,
                "\(path): holds another model already; give a new directory, or delete this one first")
        }
    }

    private static func digest(_ tokens: [TokenID]) -> String {
        let hash = tokens.withUnsafeBytes { SHA256.hash(data: $0) }
        return hash.prefix(8).map { String(format: "%02x", $0) }.joined()
    }
}
