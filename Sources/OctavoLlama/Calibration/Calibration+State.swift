internal import Foundation
internal import OctavoWeights

// What the blocks so far made of the sample, kept in a file: one tensor, with the next block's number beside it.

extension Calibration {
    private static let identityKey = "octavo"
    private static let blockKey = "block"
    private static let tensorName = "residual"

    /// Writes the state, replacing an earlier one.
    ///
    /// - Throws: `WeightsError` when it cannot be written.
    func save(to path: String, identity: String) throws(WeightsError) {
        let writer = try SafetensorsWriter(
            path: path, metadata: [(Self.identityKey, identity), (Self.blockKey, String(nextBlock))])
        writer.begin(Self.tensorName, shape: [residual.count])
        try writer.append(UnsafeBufferPointer(start: residual.base, count: residual.count))
        try writer.finish()
    }

    /// Goes on from a state of the same identity, if there is one that can be read.
    func restore(from path: String, identity: String) {
        guard let file = try? SafetensorsFile(path: path), file.metadata[Self.identityKey] == identity,
            let block = file.metadata[Self.blockKey].flatMap({ Int($0) }), block > 0,
            let values = try? file.readFloats(Self.tensorName), values.count == residual.count
        else { return }
        residual.base.update(from: values, count: values.count)
        nextBlock = block
    }
}
