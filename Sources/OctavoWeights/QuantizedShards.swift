internal import Foundation
internal import OctavoCore

/// The safetensors files of a quantized model, in the naming of compressed-tensors: one for the embedding, one for each
/// block, one for the head.
///
/// A shard appears whole or not at all and says what it was made from, so that work that was cut off goes on after the
/// last one. The index comes last.
package struct QuantizedShards: Sendable {
    /// The folder.
    package let folder: String
    /// What the shards are made from and how: those of another identity are made anew.
    package let identity: String
    private let layerCount: Int
    private static let identityKey = "octavo"

    package init(folder: String, identity: String, layerCount: Int) {
        self.folder = folder
        self.identity = identity
        self.layerCount = layerCount
    }

    /// The shard of the embedding.
    package var embedding: Int { 0 }
    /// The shard of block `layer`.
    package func block(_ layer: Int) -> Int { layer + 1 }
    /// The shard of the last norm and the head.
    package var head: Int { layerCount + 1 }

    /// Whether a shard is there already.
    package func isComplete(_ shard: Int) -> Bool {
        guard let file = try? SafetensorsFile(path: path(shard)) else { return false }
        return file.metadata[Self.identityKey] == identity
    }

    /// Writes a shard: INT8 matrices with their scales, others and vectors as floats.
    ///
    /// - Parameter linears: INT8 matrices that stand for those of `weights`.
    /// - Throws: `WeightsError` when it cannot be written, or a tensor cannot be read or holds what is no number.
    package func write(
        _ shard: Int, of weights: any ModelWeights, _ roles: [TensorRole], linears: [TensorRole: QuantizedRows]
    ) throws(WeightsError) {
        let writer = try SafetensorsWriter(
            path: path(shard), metadata: [("format", "pt"), (Self.identityKey, identity)])
        for role in roles {
            let name = role.huggingFaceName
            if role.shape(in: weights.configuration).count == 1 {
                let vector = try weights.vector(role)
                writer.begin(name, shape: [vector.count])
                try writer.append(vector)
            } else if let linear = linears[role] {
                guard linear.scales.allSatisfy(\.isFinite) else {
                    throw WeightsError(
                        path: weights.path, tensor: name,
                        reason: "holds weights that are not finite numbers: the file is damaged; fetch it again")
                }
                writer.begin(name, shape: [linear.rows, linear.columns], type: .i8)
                try writer.append(bytes: UnsafeRawBufferPointer(linear.values))
                writer.begin(name + "_scale", shape: [linear.rows, 1])
                try writer.append(UnsafeBufferPointer(linear.scales))
            } else {
                try writer.append(name, try weights.matrix(role), letGo: weights.releasePages)
            }
        }
        try writer.finish()
    }

    /// Writes the index of all shards.
    ///
    /// - Throws: `WeightsError` when a shard is missing or the index cannot be written.
    package func writeIndex() throws(WeightsError) {
        var map = JSONObject()
        var byteCount = 0
        for shard in 0...head {
            let file = try SafetensorsFile(path: path(shard))
            for name in file.names {
                map[name] = .string(fileName(shard))
                byteCount += try file.tensor(name).byteCount
            }
        }
        let index: JSONValue = ["metadata": ["total_size": .integer(byteCount)], "weight_map": .object(map)]
        let path = folder + "/model.safetensors.index.json"
        do {
            try Data(index.jsonText.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw WeightsError(path: path, reason: "cannot be written: \(error.localizedDescription)")
        }
    }

    private func path(_ shard: Int) -> String { folder + "/" + fileName(shard) }

    private func fileName(_ shard: Int) -> String {
        func digits(_ number: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, 5 - text.count)) + text
        }
        return "model-\(digits(shard + 1))-of-\(digits(head + 1)).safetensors"
    }
}

extension SafetensorsWriter {
    /// Writes a float matrix row by row: f16 and bf16 as they are kept, all else as f32.
    ///
    /// - Parameter letGo: called now and then, since an embedding can be larger than all that is computed at a time.
    fileprivate func append(_ name: String, _ matrix: any WeightRows, letGo: () -> Void) throws(WeightsError) {
        let type: ElementType = matrix.elementType == .f16 || matrix.elementType == .bf16 ? matrix.elementType : .f32
        begin(name, shape: [matrix.rows, matrix.columns], type: type)
        var values = [Float](repeating: 0, count: matrix.columns)
        for piece in RowPieces.of(rows: matrix.rows, bytesPerRow: matrix.columns * type.blockByteCount) {
            for row in piece {
                values.withUnsafeMutableBufferPointer { matrix.read(rows: row..<row + 1, into: $0) }
                try append(row: values, as: type)
            }
            letGo()
        }
    }

    private func append(row: [Float], as type: ElementType) throws(WeightsError) {
        switch type {
        case .f16: try append(elements: row.map { Float16($0).bitPattern })
        // Exact: only what a file stores as bf16 is kept as bf16.
        case .bf16: try append(elements: row.map { UInt16(truncatingIfNeeded: $0.bitPattern >> 16) })
        default: try append(row)
        }
    }

    private func append(elements: [UInt16]) throws(WeightsError) {
        try elements.withUnsafeBufferPointer { buffer throws(WeightsError) in
            try append(bytes: UnsafeRawBufferPointer(buffer))
        }
    }
}
