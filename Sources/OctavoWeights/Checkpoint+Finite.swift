internal import Synchronization

extension Checkpoint {
    /// Refuses a tensor that holds NaN or an infinity: quantized, one such weight would be lost in a row that looks well.
    ///
    /// INT8 weights have none; their scales are checked when the matrix is asked for.
    ///
    /// - Throws: `WeightsError` with the file, the tensor, and the first such element's row and column in the file,
    ///   counted from 0.
    /// - Complexity: O(elements); the tensor's pages are let go.
    package func checkFinite(_ role: TensorRole, parallel: Parallel) throws(WeightsError) {
        let weight = try weight(role, dimensions: role.shape(in: configuration).count)
        guard weight.scale == nil else { return }
        for part in weight.parts {
            guard let (row, column, value) = part.firstNonFinite(parallel) else { continue }
            throw part.failure(
                "the weight in row \(row), column \(column) is \(value), not a finite number: the file is damaged; fetch it "
                    + "again")
        }
    }
}

extension StoredTensor {
    /// An element and its place; a vector's elements are in row 0.
    private typealias Element = (row: Int, column: Int, value: Float)

    /// The first element that is not finite, if there is one.
    fileprivate func firstNonFinite(_ parallel: Parallel) -> (row: Int, column: Int, value: Float)? {
        let first = Mutex<Element?>(nil)
        for piece in RowPieces.of(rows: rowCount, bytesPerRow: byteCount / max(1, rowCount)) {
            parallel(piece.count) { index in
                let row = piece.lowerBound + index
                guard let (column, value) = firstNonFinite(inRow: row) else { return }
                first.withLock { if row < $0?.row ?? .max { $0 = (row, column, value) } }
            }
            file.releasePages()
            if let found = first.withLock({ $0 }) { return found }
        }
        return nil
    }

    private func firstNonFinite(inRow row: Int) -> (column: Int, value: Float)? {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: columnCount) { values in
            guard let base = values.baseAddress else { return nil }
            forEachRun(ofRows: row..<row + 1) { source, first, count in
                ElementDecoder.decode(elementType, from: source, count: count, into: base + first)
            }
            // An exponent of ones makes a number infinite or none; compared as integers, whole rows go at a time.
            let exponent: UInt32 = 0x7F80_0000
            var largest: UInt32 = 0
            for column in 0..<columnCount { largest = max(largest, base[column].bitPattern & exponent) }
            guard largest == exponent else { return nil }
            return values.firstIndex { !$0.isFinite }.map { ($0, base[$0]) }
        }
    }
}
