import OctavoCore
import OctavoEngine
import OctavoWeights

// The step's arithmetic, in the order in which a token meets it: embedding, then per layer attention and feed-forward,
// then the head. Each `threads.run` is one phase between two barriers; threads split tokens, output channels or heads,
// never a sum.

extension LlamaRunner {
    /// Writes the tokens' embeddings to the residual stream.
    func embed(_ tokens: [StepToken]) {
        threads.run { [self] index in
            for row in threads.share(tokens.count, index: index) {
                let token = Int(tokens[row].id)
                precondition(token >= 0 && token < model.embedding.rows, "token \(token) is not in the vocabulary")
                kernels.convert(
                    model.embedding.address(ofRow: token), precision: model.embedding.precision, count: memory.hidden,
                    into: memory.residual.base + row * memory.hidden)
            }
        }
    }

    /// Computes the angles by which the tokens' queries and keys turn.
    func computeAngles(_ tokens: [StepToken]) {
        let half = model.configuration.headDimension / 2
        threads.run { [self] index in
            for row in threads.share(tokens.count, index: index) {
                Kernels.rotation(
                    position: tokens[row].position, inverseFrequencies: model.inverseFrequencies,
                    cosines: memory.cosines.base + row * half, sines: memory.sines.base + row * half)
            }
        }
    }

    /// x = x + attention(norm(x)).
    func attend(_ layer: Int, _ tokens: [StepToken], _ stretches: [Stretch]) {
        let weights = model.layers[layer]
        let normalized = normalizedRows(tokens.count)
        normalize(normalized, weight: weights.attentionNorm, for: weights.queryKeyValue)
        observe?(.attention(layer), normalized)
        multiply(
            normalized, by: weights.queryKeyValue, into: memory.queryKeyValue.base, stride: memory.queryKeyValueStride)
        rotateAndStore(layer, tokens)
        attendHeads(layer, stretches)
        let mixed = FloatRows(
            base: memory.attention.base, count: tokens.count,
            width: model.configuration.headCount * model.configuration.headDimension, stride: memory.attentionStride)
        prepare(mixed, for: weights.attentionOutput) { _, _ in }
        observe?(.attentionOutput(layer), mixed)
        multiplyAndAdd(mixed, by: weights.attentionOutput)
    }

    /// x = x + down(silu(gate(norm(x))) * up(norm(x))).
    func feedForward(_ layer: Int, _ tokens: [StepToken]) {
        let weights = model.layers[layer]
        let normalized = normalizedRows(tokens.count)
        normalize(normalized, weight: weights.feedForwardNorm, for: weights.gateUp)
        observe?(.feedForward(layer), normalized)
        multiply(normalized, by: weights.gateUp, into: memory.gateUp.base, stride: 2 * memory.intermediate)
        let gated = FloatRows(
            base: memory.gated.base, count: tokens.count, width: model.configuration.intermediateSize,
            stride: memory.gatedStride)
        gate(gated, for: weights.down)
        observe?(.down(layer), gated)
        multiplyAndAdd(gated, by: weights.down)
        observe?(.block(layer), residualRows(tokens.count))
    }

    /// The logits of some tokens, in order; returns how many.
    func computeLogits(_ rows: [Int]) -> Int {
        precondition(rows.count <= maximumStepLogits, "\(rows.count) rows of logits are too many for one step")
        guard !rows.isEmpty else { return 0 }
        threads.run { [self] index in
            for output in threads.share(rows.count, index: index) {
                let normalized = memory.outputs.base + output * memory.hidden
                kernels.normalize(
                    memory.residual.base + rows[output] * memory.hidden, weight: model.outputNorm.base,
                    epsilon: model.configuration.rmsNormEpsilon, count: model.configuration.hiddenSize,
                    into: normalized)
                guard case .int8(let head) = model.head else { continue }
                kernels.quantizePlanes(
                    normalized, count: model.configuration.hiddenSize, into: memory.outputPlanes(for: head),
                    row: output)
            }
        }
        multiply(outputs: rows.count, byHead: model.head)
        findLargest(rows.count)
        return rows.count
    }

    /// Multiplies the outputs that are prepared by the head.
    func multiply(outputs count: Int, byHead head: LinearLayer) {
        threads.run { [self] index in
            switch head {
            case .int8(let head):
                kernels.multiply(
                    memory.outputPlanes(for: head), rows: count, by: head,
                    panels: threads.share(head.panelCount, index: index), into: memory.logits.base,
                    stride: memory.logitsStride, accumulates: false)
            case .float(let head):
                kernels.multiply(
                    memory.outputs.base, rows: count, by: head,
                    columns: threads.share(vocabularySize, index: index, unit: 4), into: memory.logits.base,
                    stride: memory.logitsStride)
            }
        }
    }

    /// Finds the largest logit of each row.
    func findLargest(_ count: Int) {
        threads.run { [self] index in
            for row in threads.share(count, index: index) {
                memory.largestLogits.base[row] = kernels.largest(logits(ofRow: row)).map(Int32.init) ?? -1
            }
        }
    }

    private func logits(ofRow row: Int) -> UnsafeBufferPointer<Float> {
        UnsafeBufferPointer(start: memory.logits.base + row * memory.logitsStride, count: vocabularySize)
    }
}

// MARK: - Phases

extension LlamaRunner {
    /// Normalizes rows of the residual stream.
    func normalize(_ rows: FloatRows, weight: AlignedBuffer<Float>, for layer: LinearLayer) {
        prepare(rows, for: layer) { [self] row, output in
            kernels.normalize(
                memory.residual.base + row * memory.hidden, weight: weight.base,
                epsilon: model.configuration.rmsNormEpsilon, count: rows.width, into: output)
        }
    }

    /// silu(gate) * up of the rows that are projected.
    func gate(_ rows: FloatRows, for layer: LinearLayer) {
        prepare(rows, for: layer) { [self] row, output in
            let gate = memory.gateUp.base + row * 2 * memory.intermediate
            kernels.siluMultiply(
                gate: gate, up: gate + memory.intermediate, count: memory.intermediate, into: output)
        }
    }

    /// Computes each row of a linear layer's input and, if the layer is INT8, quantizes it while it is in the cache.
    private func prepare(
        _ rows: FloatRows, for layer: LinearLayer,
        _ compute: @Sendable (_ row: Int, _ output: UnsafeMutablePointer<Float>) -> Void
    ) {
        threads.run { [self] index in
            for row in threads.share(rows.count, index: index) {
                compute(row, rows[row])
                guard case .int8(let matrix) = layer else { continue }
                kernels.quantize(rows[row], count: rows.width, into: memory.activations(for: matrix), row: row)
            }
        }
    }

    /// Multiplies rows that are prepared.
    func multiply(
        _ rows: FloatRows, by layer: LinearLayer, into output: UnsafeMutablePointer<Float>, stride: Int,
        accumulates: Bool = false
    ) {
        let output = FloatRows(base: output, count: rows.count, width: stride, stride: stride)
        threads.run { [self] index in
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

    /// Adds the product to the residual stream.
    func multiplyAndAdd(_ rows: FloatRows, by layer: LinearLayer) {
        switch layer {
        case .int8: multiply(rows, by: layer, into: memory.residual.base, stride: memory.hidden, accumulates: true)
        case .float:
            multiply(rows, by: layer, into: memory.normalized.base, stride: memory.hidden)
            for index in 0..<rows.count * memory.hidden { memory.residual.base[index] += memory.normalized.base[index] }
        }
    }

    func normalizedRows(_ count: Int) -> FloatRows {
        FloatRows(
            base: memory.normalized.base, count: count, width: model.configuration.hiddenSize, stride: memory.hidden)
    }

    private func residualRows(_ count: Int) -> FloatRows {
        FloatRows(
            base: memory.residual.base, count: count, width: model.configuration.hiddenSize, stride: memory.hidden)
    }

    /// Rotates queries and keys, and stores keys and values in the cache.
    private func rotateAndStore(_ layer: Int, _ tokens: [StepToken]) {
        let sizes = model.configuration
        let half = sizes.headDimension / 2
        let scale = 1 / Float(sizes.headDimension).squareRoot()
        threads.run { [self] index in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * memory.headSize) { scratch in
                guard let key = scratch.baseAddress else { return }
                let value = key + memory.headSize
                value.update(repeating: 0, count: memory.headSize)
                for row in threads.share(tokens.count, index: index) {
                    let projected = memory.queryKeyValue.base + row * memory.queryKeyValueStride
                    let cosines = memory.cosines.base + row * half
                    let sines = memory.sines.base + row * half
                    for head in 0..<sizes.headCount {
                        kernels.rotate(
                            projected + head * sizes.headDimension, cosines: cosines, sines: sines, half: half,
                            scale: scale, paddedCount: memory.headSize,
                            into: memory.queries.base + (row * sizes.headCount + head) * memory.headSize)
                    }
                    for head in 0..<sizes.keyValueHeadCount {
                        let column = head * sizes.headDimension
                        kernels.rotate(
                            projected + memory.keyColumn + column, cosines: cosines, sines: sines, half: half,
                            scale: 1, paddedCount: memory.headSize, into: key)
                        value.update(from: projected + memory.valueColumn + column, count: sizes.headDimension)
                        cache.store(
                            key: key, value: value, blocks: tokens[row].blocks, position: tokens[row].position,
                            layer: layer, head: head, kernels: kernels)
                    }
                }
            }
        }
    }

    /// Attention of every stretch of positions and key-value head; a thread that is free takes the next, since they
    /// differ in cost.
    func attendHeads(_ layer: Int, _ stretches: [Stretch]) {
        let sizes = model.configuration
        let group = sizes.headCount / sizes.keyValueHeadCount
        threads.run(items: stretches.count * sizes.keyValueHeadCount) { [self] thread, item in
            let (head, index) = item.quotientAndRemainder(dividingBy: stretches.count)
            let stretch = stretches[index]
            let firstQuery = stretch.row * sizes.headCount + head * group
            kernels.attend(
                Kernels.Attention(
                    queries: memory.queries.base + firstQuery * memory.headSize,
                    queryStride: sizes.headCount * memory.headSize, positions: stretch.count, heads: group,
                    headSize: memory.headSize, headDimension: sizes.headDimension,
                    cache: cache.view(stretch.blocks, layer: layer, head: head), length: stretch.position + 1,
                    scores: memory.scores.base + thread * memory.scoreCapacity,
                    output: memory.attention.base + stretch.row * memory.attentionStride
                        + head * group * sizes.headDimension,
                    outputStride: memory.attentionStride))
        }
    }
}
