import Foundation
import OctavoCore
import OctavoWeights

/// Where the test files are, by path in the source tree.
enum Fixtures {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")
    static let models = folder.deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "OctavoTestSupport/Fixtures/Models")

    /// The path of `name` among this target's own fixtures.
    static func path(_ name: String) -> String { folder.appending(path: name).path }

    /// The path of a tiny model: `tiny-tied/hf`, `tiny-tied/gguf/model-f16.gguf`.
    static func model(_ name: String) -> String { models.appending(path: name).path }

    static func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

    static func json(_ name: String) throws -> JSONValue { try JSONValue.parse(bytes(path(name))) }
}

/// A new folder that is removed when the object goes.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "octavo-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file and returns its path.
    func write(_ bytes: [UInt8], to name: String) throws -> String {
        let file = path + "/" + name
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        return file
    }

    /// Copies a model's folder here, to be changed.
    func copyModel(_ name: String) throws -> String {
        let copy = path + "/model"
        try FileManager.default.copyItem(atPath: Fixtures.model(name), toPath: copy)
        return copy
    }
}

/// Small deterministic random numbers (SplitMix64), so that a failure can be run again from its seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// The message of the `WeightsError` that `body` throws; `nil` if it throws none.
func weightsFailure(_ body: () throws -> Void) throws -> String? {
    do {
        try body()
        return nil
    } catch let error as WeightsError {
        return error.description
    }
}

/// The sum of (2i + 1) · bits of element i, modulo 2⁶⁴, as `make_fixtures.py` computes it.
func checksum(_ elements: [Float]) -> UInt64 {
    var sum: UInt64 = 0
    for (index, element) in elements.enumerated() {
        sum &+= UInt64(element.bitPattern) &* (2 &* UInt64(index) &+ 1)
    }
    return sum
}

extension Checkpoint {
    /// Everything that the model stores tensors for.
    var roles: [TensorRole] { TensorRole.stored(in: configuration) }

    /// All elements of the tensor that plays `role`.
    func floats(_ role: TensorRole) throws -> [Float] {
        let isVector = role.shape(in: configuration).count == 1
        return try isVector ? vector(role) : matrix(role).floats(inPiecesOf: 7)
    }
}

extension WeightRows {
    func floats(inPiecesOf count: Int) -> [Float] {
        var result = [Float](repeating: .nan, count: rows * columns)
        result.withUnsafeMutableBufferPointer { buffer in
            for start in stride(from: 0, to: rows, by: count) {
                let piece = UnsafeMutableBufferPointer(rebasing: buffer[(start * columns)...])
                read(rows: start..<min(start + count, rows), into: piece)
            }
        }
        return result
    }
}
