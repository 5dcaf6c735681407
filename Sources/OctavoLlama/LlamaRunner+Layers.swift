import OctavoCore
import OctavoEngine
import OctavoWeights

// The step's arithmetic, in the order in which a token meets it: embedding, then per layer attention and feed-forward,
// then the head. Each `phases.run` is one phase between two barriers; threads split tokens, output channels or heads,
// never a sum. What lies between phases is done by every thread alike, or by the caller alone where someone watches.

extension LlamaRunner {
    /// Writes the tokens' embeddings to the residual stream.
    func embed(_ tokens: [StepToken], _ phases: StepPhases) {
        phases.run { [self] index in
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
    func computeAngles(_ tokens: [StepToken], _ phases: StepPhases) {
        let half = model.configuration.headDimension / 2
        phases.run { [self] index in
            for row in threads.share(tokens.count, index: index) {
                Kernels.rotation(
                    position: tokens[row].position, inverseFrequencies: model.inverseFrequencies,
                    cosines: memory.cosines.base + row * half, sines: memory.sines.base + row * half)
            }
        }
    }

    /// x = x + attention(norm(x)).
    ///
    /// - Parameter apart: whether no stretch follows another of its sequence, so that none waits for the keys and values
    ///   that another stores.
    func attend(
        _ layer: Int, _ tokens: [StepToken], _ stretches: [Stretch], _ phases: StepPhases, apart: Bool = false
    ) {
        let weights = model.layers[layer]
        multiply(
            normalizedRows(tokens.count), at: .attention(layer), by: weights.queryKeyValue,
            into: memory.queryKeyValue.base, stride: memory.queryKeyValueStride, phases
        ) { [self] row, output in normalize(row, weight: weights.attentionNorm, into: output) }
        if apart {
            attendHeads(layer, stretches, phases, storing: tokens)
        } else {
            rotateAndStore(layer, tokens, phases)
            attendHeads(layer, stretches, phases)
        }
        let mixed = FloatRows(
            base: memory.attention.base, count: tokens.count,
            width: model.configuration.headCount * model.configuration.headDimension, stride: memory.attentionStride)
        multiplyAndAdd(mixed, at: .attentionOutput(layer), by: weights.attentionOutput, phases) { row, _ in
            UnsafePointer(mixed[row])
        }
    }

    /// x = x + down(silu(gate(norm(x))) * up(norm(x))).
    func feedForward(_ layer: Int, _ tokens: [StepToken], _ phases: StepPhases) {
        let weights = model.layers[layer]
        multiply(
            normalizedRows(tokens.count), at: .feedForward(layer), by: weights.gateUp, into: memory.gateUp.base,
            stride: 2 * memory.intermediate, phases
        ) { [self] row, output in normalize(row, weight: weights.feedForwardNorm, into: output) }
        let gated = FloatRows(
            base: memory.gated.base, count: tokens.count, width: model.configuration.intermediateSize,
            stride: memory.gatedStride)
        multiplyAndAdd(gated, at: .down(layer), by: weights.down, phases) { [self] row, output in
            gate(row, into: output)
        }
        observe?(.block(layer), residualRows(tokens.count))
    }

    /// Computes the logits of some tokens, in order.
    func computeLogits(_ rows: ArraySlice<Int>, _ phases: StepPhases) {
        precondition(rows.count <= maximumStepLogits, "\(rows.count) rows of logits are too many at a time")
        phases.run { [self] index in
            for output in threads.share(rows.count, index: index) {
                let normalized = memory.outputs.base + output * memory.hidden
                kernels.normalize(
                    memory.residual.base + rows[rows.startIndex + output] * memory.hidden,
                    weight: model.outputNorm.base,
                    epsilon: model.configuration.rmsNormEpsilon, count: model.configuration.hiddenSize,
                    into: normalized)
                guard case .int8(let head) = model.head else { continue }
                kernels.quantizePlanes(
                    normalized, count: model.configuration.hiddenSize, into: memory.outputPlanes(for: head),
                    row: output)
            }
        }
        multiply(outputs: rows.count, byHead: model.head, phases)
        findLargest(rows.count, phases)
    }

    /// Multiplies the outputs that are prepared by the head.
    func multiply(outputs count: Int, byHead head: LinearLayer, _ phases: StepPhases) {
        phases.run { [self] index in
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
    func findLargest(_ count: Int, _ phases: StepPhases) {
        phases.run { [self] index in
            for row in threads.share(count, index: index) {
                memory.largestLogits.base[row] = kernels.largest(logits(ofRow: row)).map(Int32.init) ?? -1
            }
        }
    }

    private func logits(ofRow row: Int) -> UnsafeBufferPointer<Float> {
        UnsafeBufferPointer(start: memory.logits.base + row * memory.logitsStride, count: vocabularySize)
    }
}

// MARK: - Rows

extension LlamaRunner {
    /// Normalizes a row of the residual stream; returns the result.
    func normalize(
        _ row: Int, weight: AlignedBuffer<Float>, into output: UnsafeMutablePointer<Float>
    ) -> UnsafePointer<Float> {
        kernels.normalize(
            memory.residual.base + row * memory.hidden, weight: weight.base,
            epsilon: model.configuration.rmsNormEpsilon, count: model.configuration.hiddenSize, into: output)
        return UnsafePointer(output)
    }

    /// silu(gate) * up of a row that is projected; returns the result.
    func gate(_ row: Int, into output: UnsafeMutablePointer<Float>) -> UnsafePointer<Float> {
        let gate = memory.gateUp.base + row * 2 * memory.intermediate
        kernels.siluMultiply(gate: gate, up: gate + memory.intermediate, count: memory.intermediate, into: output)
        return UnsafePointer(output)
    }

    func normalizedRows(_ count: Int) -> FloatRows {
        FloatRows(
            base: memory.normalized.base, count: count, width: model.configuration.hiddenSize, stride: memory.hidden)
    }

    private func residualRows(_ count: Int) -> FloatRows {
        FloatRows(
            base: memory.residual.base, count: count, width: model.configuration.hiddenSize, stride: memory.hidden)
    }
}

// MARK: - Attention

extension LlamaRunner {
    /// Rotates queries and keys, and stores keys and values in the cache.
    private func rotateAndStore(_ layer: Int, _ tokens: [StepToken], _ phases: StepPhases) {
        phases.run { [self] index in
            for row in threads.share(tokens.count, index: index) {
                for head in 0..<model.configuration.keyValueHeadCount { rotateAndStore(layer, tokens[row], row, head) }
            }
        }
    }

    /// The same of one token: a key-value head and the queries that share it.
    private func rotateAndStore(_ layer: Int, _ token: StepToken, _ row: Int, _ head: Int) {
        let sizes = model.configuration
        let half = sizes.headDimension / 2
        let group = sizes.headCount / sizes.keyValueHeadCount
        let projected = memory.queryKeyValue.base + row * memory.queryKeyValueStride
        let cosines = memory.cosines.base + row * half
        let sines = memory.sines.base + row * half
        for query in head * group..<(head + 1) * group {
            let rotated = memory.queries.base + (row * sizes.headCount + query) * memory.headSize
            kernels.rotate(
                projected + query * sizes.headDimension, cosines: cosines, sines: sines, half: half,
                scale: memory.queryScale, paddedCount: memory.headSize, into: rotated)
            if memory.spreadsHeads { kernels.hadamard(rotated, count: sizes.headDimension) }
        }
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * memory.headSize) { scratch in
            guard let key = scratch.baseAddress else { return }
            let value = key + memory.headSize
            let column = head * sizes.headDimension
            kernels.rotate(
                projected + memory.keyColumn + column, cosines: cosines, sines: sines, half: half, scale: 1,
                paddedCount: memory.headSize, into: key)
            if memory.spreadsHeads { kernels.hadamard(key, count: sizes.headDimension) }
            value.update(from: projected + memory.valueColumn + column, count: sizes.headDimension)
            (value + sizes.headDimension).update(repeating: 0, count: memory.headSize - sizes.headDimension)
            cache.store(
                key: key, value: value, blocks: token.blocks, position: token.position, layer: layer, head: head,
                kernels: kernels)
        }
    }

    /// Attention of every stretch of positions and key-value head; a thread that is free takes the next, since they
    /// differ in cost.
    ///
    /// - Parameter tokens: of the stretches, if their queries, keys and values are still to be rotated and stored.
    func attendHeads(
        _ layer: Int, _ stretches: [Stretch], _ phases: StepPhases, storing tokens: [StepToken] = []
    ) {
        let sizes = model.configuration
        let group = sizes.headCount / sizes.keyValueHeadCount
        phases.run(items: stretches.count * sizes.keyValueHeadCount) { [self] thread, item, next in
            let (head, index) = item.quotientAndRemainder(dividingBy: stretches.count)
            let stretch = stretches[index]
            let following = next.map { next in
                let (head, index) = next.quotientAndRemainder(dividingBy: stretches.count)
                return cache.view(stretches[index].blocks, layer: layer, head: head).firstKeys
            }
            if !tokens.isEmpty {
                for row in stretch.row..<stretch.row + stretch.count { rotateAndStore(layer, tokens[row], row, head) }
            }
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
                    outputStride: memory.attentionStride, following: following))
        }
    }
}
