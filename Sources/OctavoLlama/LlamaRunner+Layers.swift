import OctavoCore
import OctavoEngine
import OctavoWeights

// The step's arithmetic, in the order in which a token meets it: embedding, then per layer attention and feed-forward,
// then the head. Each `threads.run` is one phase between two barriers; threads split tokens, output channels or heads,
// never a sum.

extension LlamaRunner {
    /// Writes the tokens' embeddings to the residual stream and computes their angles.
    func embed(_ tokens: [StepToken]) {
        let half = model.configuration.headDimension / 2
        threads.run { [self] index in
            for row in threads.share(tokens.count, index: index) {
                let token = Int(tokens[row].id)
                precondition(token >= 0 && token < model.embedding.rows, "token \(token) is not in the vocabulary")
                kernels.convert(
                    model.embedding.address(ofRow: token), precision: model.embedding.precision, count: memory.hidden,
                    into: memory.residual.base + row * memory.hidden)
                Kernels.rotation(
                    position: tokens[row].position, inverseFrequencies: model.inverseFrequencies,
                    cosines: memory.cosines.base + row * half, sines: memory.sines.base + row * half)
            }
        }
    }

    /// x = x + attention(norm(x)).
    func attend(_ layer: Int, _ tokens: [StepToken]) {
        let weights = model.layers[layer]
        let sizes = model.configuration
        normalizeAndQuantize(tokens.count, weight: weights.attentionNorm)
        multiply(
            sizes.hiddenSize, rows: tokens.count, by: weights.queryKeyValue, into: memory.queryKeyValue,
            stride: memory.queryKeyValueStride)
        rotateAndStore(layer, tokens)
        attendHeads(layer, tokens)
        let attentionSize = sizes.headCount * sizes.headDimension
        threads.run { [self] index in
            for row in threads.share(tokens.count, index: index) {
                kernels.quantize(
                    memory.attention.base + row * memory.attentionStride, count: attentionSize,
                    into: memory.activations(attentionSize), row: row)
            }
        }
        multiply(
            attentionSize, rows: tokens.count, by: weights.attentionOutput, into: memory.residual,
            stride: memory.hidden, accumulates: true)
    }

    /// x = x + down(silu(gate(norm(x))) * up(norm(x))).
    func feedForward(_ layer: Int, _ tokens: [StepToken]) {
        let weights = model.layers[layer]
        let sizes = model.configuration
        normalizeAndQuantize(tokens.count, weight: weights.feedForwardNorm)
        multiply(
            sizes.hiddenSize, rows: tokens.count, by: weights.gateUp, into: memory.gateUp,
            stride: 2 * memory.intermediate)
        threads.run { [self] index in
            for row in threads.share(tokens.count, index: index) {
                let gate = memory.gateUp.base + row * 2 * memory.intermediate
                kernels.siluMultiply(
                    gate: gate, up: gate + memory.intermediate, count: memory.intermediate, into: gate)
                kernels.quantize(
                    gate, count: sizes.intermediateSize, into: memory.activations(sizes.intermediateSize), row: row)
            }
        }
        multiply(
            sizes.intermediateSize, rows: tokens.count, by: weights.down, into: memory.residual,
            stride: memory.hidden, accumulates: true)
    }

    /// The logits of some tokens, in order; returns how many.
    func computeLogits(_ rows: [Int]) -> Int {
        precondition(rows.count <= maximumStepLogits, "\(rows.count) rows of logits are too many for one step")
        guard !rows.isEmpty else { return 0 }
        threads.run { [self] index in
            for output in threads.share(rows.count, index: index) {
                kernels.normalize(
                    memory.residual.base + rows[output] * memory.hidden, weight: model.outputNorm.base,
                    epsilon: model.configuration.rmsNormEpsilon, count: model.configuration.hiddenSize,
                    into: memory.outputs.base + output * memory.hidden)
            }
        }
        threads.run { [self] index in
            kernels.multiply(
                memory.outputs.base, rows: rows.count, by: model.head,
                columns: threads.share(vocabularySize, index: index, unit: 4), into: memory.logits.base,
                stride: vocabularySize)
        }
        return rows.count
    }
}

// MARK: - Phases

extension LlamaRunner {
    private func normalizeAndQuantize(_ count: Int, weight: AlignedBuffer<Float>) {
        let sizes = model.configuration
        threads.run { [self] index in
            for row in threads.share(count, index: index) {
                let normalized = memory.normalized.base + row * memory.hidden
                kernels.normalize(
                    memory.residual.base + row * memory.hidden, weight: weight.base, epsilon: sizes.rmsNormEpsilon,
                    count: sizes.hiddenSize, into: normalized)
                kernels.quantize(
                    normalized, count: sizes.hiddenSize, into: memory.activations(sizes.hiddenSize), row: row)
            }
        }
    }

    private func multiply(
        _ features: Int, rows: Int, by matrix: QuantizedMatrix, into output: AlignedBuffer<Float>, stride: Int,
        accumulates: Bool = false
    ) {
        threads.run { [self] index in
            kernels.multiply(
                memory.activations(features), rows: rows, by: matrix,
                panels: threads.share(matrix.panelCount, index: index), into: output.base, stride: stride,
                accumulates: accumulates)
        }
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
                        Kernels.rotate(
                            projected + head * sizes.headDimension, cosines: cosines, sines: sines, half: half,
                            scale: scale, paddedCount: memory.headSize,
                            into: memory.queries.base + (row * sizes.headCount + head) * memory.headSize)
                    }
                    for head in 0..<sizes.keyValueHeadCount {
                        let column = head * sizes.headDimension
                        Kernels.rotate(
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

    /// Attention of every token and key-value head; the threads take them in turn, since later positions cost more.
    private func attendHeads(_ layer: Int, _ tokens: [StepToken]) {
        let sizes = model.configuration
        let group = sizes.headCount / sizes.keyValueHeadCount
        let count = tokens.count * sizes.keyValueHeadCount
        threads.run { [self] index in
            for item in stride(from: index, to: count, by: threads.count) {
                let (row, head) = item.quotientAndRemainder(dividingBy: sizes.keyValueHeadCount)
                let firstQuery = row * sizes.headCount + head * group
                kernels.attend(
                    Kernels.Attention(
                        queries: memory.queries.base + firstQuery * memory.headSize, heads: group,
                        headSize: memory.headSize, headDimension: sizes.headDimension,
                        cache: cache.view(tokens[row].blocks, layer: layer, head: head),
                        length: tokens[row].position + 1, scores: memory.scores.base + index * memory.scoreStride,
                        output: memory.attention.base + row * memory.attentionStride
                            + head * group * sizes.headDimension))
            }
        }
    }
}
