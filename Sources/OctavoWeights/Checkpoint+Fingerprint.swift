internal import Crypto

extension Checkpoint {
    /// The SHA-256 of all that decides what the model computes, in hexadecimal: the configuration, and the name, shape,
    /// type, stored bytes and scales of every tensor in use.
    ///
    /// It is the same for one file and for shards of the same tensors, and differs between formats.
    ///
    /// - Throws: `WeightsError`, though not for a checkpoint that opened.
    /// - Complexity: reads the whole model, at about a gigabyte per second.
    public func fingerprint() throws(WeightsError) -> String {
        var hash = SHA256()
        hash.update(field: configuration.canonicalText)
        for role in TensorRole.stored(in: configuration) {
            let weight = try weight(role, dimensions: role.shape(in: configuration).count)
            let order = rowOrder(of: role) == .halves ? "" : " in pairs"
            hash.update(
                field: "\(role.huggingFaceName) \(weight.shape) \(weight.elementType) \(weight.byteCount)\(order)")
            hash.update(weight)
            if let scale = weight.scale {
                hash.update(field: "scale \(scale.elementType) \(scale.byteCount)")
                hash.update(StoredWeight(scale))
            }
        }
        return hash.finalize().map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}

extension SHA256 {
    /// Adds text and its end.
    fileprivate mutating func update(field: String) { update(data: Array(field.utf8) + [0]) }

    /// Adds the elements as they are stored, row-major, and lets go of their pages.
    fileprivate mutating func update(_ weight: StoredWeight) {
        let type = weight.elementType
        let rows = weight.shape.dropLast().reduce(1, *)
        for piece in RowPieces.of(rows: rows, bytesPerRow: weight.byteCount / max(rows, 1)) {
            weight.forEachRun(ofRows: piece) { source, _, count in
                update(
                    bufferPointer: UnsafeRawBufferPointer(
                        start: source, count: count / type.blockLength * type.blockByteCount))
            }
            weight.releasePages()
        }
    }
}

extension ModelConfiguration {
    /// Every field in one line. Numbers are in Swift's shortest form that reads back exactly.
    fileprivate var canonicalText: String {
        let sizes = [
            hiddenSize, intermediateSize, layerCount, headCount, keyValueHeadCount, headDimension, vocabularySize,
            contextLength,
        ]
        let scaling = ropeScaling.map {
            "\($0.factor) \($0.lowFrequencyFactor) \($0.highFrequencyFactor) \($0.originalContextLength)"
        }
        let divisors = ropeFrequencyDivisors.map { "\($0)" }
        return "\(sizes) \(rmsNormEpsilon) \(ropeTheta) \(scaling ?? "-") \(divisors ?? "-") \(tiesEmbeddings)"
    }
}
