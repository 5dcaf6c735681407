/// A file of weights as `torch.save` writes it: a zip file with a pickle that describes tensors, and their bytes.
///
/// - SeeAlso: `torch/serialization.py` in PyTorch.
package struct TorchFile: Sendable {
    /// The names of the weights, in the order of the file.
    package let names: [String]
    /// The weights: floats, or TorchAO's INT8 with its scales.
    let weights: [String: StoredWeight]

    /// Opens the file at `path`.
    ///
    /// - Throws: `WeightsError` when it is no such file, names anything but classes of tensors, or has a tensor that does
    ///   not lie in it or is quantized in a way that Octavo does not compute.
    package init(path: String) throws(WeightsError) { try self.init(MappedFile(path: path)) }

    /// The same from memory, under the name `path`.
    package init(path: String, contents: [UInt8]) throws(WeightsError) {
        try self.init(MappedFile(path: path, contents: contents))
    }

    init(_ file: MappedFile) throws(WeightsError) {
        let archive = try ZipArchive(file)
        guard let pickleName = archive.entries.keys.filter({ $0.hasSuffix("/data.pkl") }).min(),
            let pickle = archive.entries[pickleName]
        else { throw WeightsError(path: file.path, reason: "holds no data.pkl: it is not a file of torch.save's") }
        let root = String(pickleName.dropLast("data.pkl".count))
        if let order = archive.entries[root + "byteorder"], !file.bytes[order].elementsEqual("little".utf8) {
            throw WeightsError(path: file.path, offset: order.lowerBound, reason: "is not in little-endian byte order")
        }
        let document = try PickleMachine.run(file, in: pickle)
        guard let members = document.members(document.root) else {
            throw WeightsError(
                path: file.path, offset: pickle.lowerBound,
                reason: "is not a dictionary of tensors by name: save model.state_dict()")
        }
        let reader = TorchTensorReader(document: document, archive: archive, root: root, file: file)
        var weights: [String: StoredWeight] = [:]
        weights.reserveCapacity(members.count)
        for (name, value) in members {
            guard weights.updateValue(try reader.weight(name, value), forKey: name) == nil else {
                throw WeightsError(path: file.path, tensor: name, reason: "stands in the file twice")
            }
        }
        names = members.map(\.key)
        self.weights = weights
        try refuseExcess(file)
    }

    /// The tensor called `name`; of a quantized weight, its INT8 values.
    ///
    /// - Throws: `WeightsError` when there is none.
    package func tensor(_ name: String) throws(WeightsError) -> StoredTensor {
        guard let weight = weights[name] else {
            throw WeightsError(path: "", tensor: name, reason: "is not in the file")
        }
        return weight.parts[0]
    }

    /// The tensor of scales of the quantized weight called `name`; `nil` for a weight of floats.
    package func scale(of name: String) -> StoredTensor? { weights[name]?.scale }

    /// Refuses tensors that share their bytes so often that the model would be much larger than its file. A tied head,
    /// which the file lists besides the embedding, is within bounds.
    private func refuseExcess(_ file: MappedFile) throws(WeightsError) {
        let byteCount = weights.values.reduce(0) { $0 + ($1.parts.first?.byteCount ?? 0) }
        guard byteCount <= 2 * file.bytes.count else {
            throw WeightsError(
                path: file.path, reason: "its tensors share their bytes: \(byteCount) in a file of \(file.bytes.count)")
        }
    }
}
