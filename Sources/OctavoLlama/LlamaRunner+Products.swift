/// Computes a row of a linear layer's input, into memory for it or elsewhere; returns where it is.
typealias RowWork = @Sendable (_ row: Int, _ output: UnsafeMutablePointer<Float>) -> UnsafePointer<Float>

// Linear layers: rows are computed, quantized if the layer is INT8, and multiplied.

extension LlamaRunner {
    /// Computes rows and multiplies them by a layer.
    ///
    /// Threads share the rows, and the product waits for all. A single row every thread computes for itself: it takes
    /// no longer than waiting for the thread that would.
    ///
    /// - Parameter site: whose rows these are, for those who watch.
    func multiply(
        _ rows: FloatRows, at site: LayerSite, by layer: LinearLayer, into output: UnsafeMutablePointer<Float>,
        stride: Int, accumulates: Bool = false, _ phases: StepPhases, _ compute: RowWork
    ) {
        if case .int8(let matrix) = layer, rows.count == 1, observe == nil {
            return multiplySingleRow(
                rows, by: matrix, into: output, stride: stride, accumulates: accumulates, phases, compute)
        }
        prepare(rows, for: layer, phases, compute)
        observe?(site, rows)
        multiply(rows, by: layer, into: output, stride: stride, accumulates: accumulates, phases)
    }

    /// The same, added to the residual stream.
    func multiplyAndAdd(
        _ rows: FloatRows, at site: LayerSite, by layer: LinearLayer, _ phases: StepPhases, _ compute: RowWork
    ) {
        switch layer {
        case .int8:
            multiply(
                rows, at: site, by: layer, into: memory.residual.base, stride: memory.hidden, accumulates: true,
                phases, compute)
        case .float:
            multiply(rows, at: site, by: layer, into: memory.normalized.base, stride: memory.hidden, phases, compute)
            phases.run { [self] thread in
                for index in threads.share(rows.count * memory.hidden, index: thread) {
                    memory.residual.base[index] += memory.normalized.base[index]
                }
            }
        }
    }

    /// Computes each row of a linear layer's input and, if the layer is INT8, quantizes it while it is in the cache.
    func prepare(_ rows: FloatRows, for layer: LinearLayer, _ phases: StepPhases, _ compute: RowWork) {
        phases.run { [self] index in
            for row in threads.share(rows.count, index: index) {
                let values = compute(row, rows[row])
                guard case .int8(let matrix) = layer else { continue }
                kernels.quantize(values, count: rows.width, into: memory.activations(for: matrix), row: row)
            }
        }
    }

    /// Multiplies rows that are prepared.
    func multiply(
        _ rows: FloatRows, by layer: LinearLayer, into output: UnsafeMutablePointer<Float>, stride: Int,
        accumulates: Bool = false, _ phases: StepPhases
    ) {
        let output = FloatRows(base: output, count: rows.count, width: stride, stride: stride)
        phases.run { [self] index in
            switch layer {
            case .int8(let matrix):
                kernels.multiply(
                    memory.activations(for: matrix), rows: rows.count, by: matrix,
                    panels: threads.share(matrix.panelCount, index: index), into: output.base, stride: stride,
                    accumulates: accumulates)
            case .float(let matrix):
                precondition(rows.stride == matrix.depth && !accumulates)
                kernels.multiply(
                    rows.base, rows: rows.count, by: matrix,
                    columns: threads.share(matrix.rows, index: index, unit: Kernels.panel), into: output.base,
                    stride: stride)
            }
        }
    }

    /// Every thread computes row 0 in the memory of a row of its own, behind those of the step.
    private func multiplySingleRow(
        _ rows: FloatRows, by matrix: QuantizedMatrix, into output: UnsafeMutablePointer<Float>, stride: Int,
        accumulates: Bool, _ phases: StepPhases, _ compute: RowWork
    ) {
        let output = FloatRows(base: output, count: 1, width: stride, stride: stride)
        phases.run { [self] index in
            let own = memory.activations(for: matrix).dropping(rows: 1 + index)
            kernels.quantize(compute(0, rows[1 + index]), count: rows.width, into: own, row: 0)
            kernels.multiply(
                own, rows: 1, by: matrix, panels: threads.share(matrix.panelCount, index: index), into: output.base,
                stride: stride, accumulates: accumulates)
        }
    }
}
