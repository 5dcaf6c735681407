package import OctavoWeights

extension QuantizedRows {
    /// INT8 weights as they are, or floats rounded to the nearest; see `Quantizer`.
    package convenience init(rounding matrix: any WeightRows, threads: ComputeThreads) {
        self.init(rows: matrix.rows, columns: matrix.columns)
        let stored = matrix.channelScales
        threads.run { [self] index in
            let row = AlignedBuffer<Float>(count: matrix.columns)
            let floats = UnsafeMutableBufferPointer(start: row.base, count: matrix.columns)
            for channel in threads.share(matrix.rows, index: index) {
                let integers = UnsafeMutableBufferPointer(
                    rebasing: values[channel * matrix.columns..<(channel + 1) * matrix.columns])
                if let stored {
                    matrix.readInt8(rows: channel..<channel + 1, into: integers)
                    scales[channel] = stored[channel]
                } else {
                    matrix.read(rows: channel..<channel + 1, into: floats)
                    scales[channel] = Quantizer.quantize(UnsafeBufferPointer(floats), into: integers)
                }
            }
        }
    }
}
