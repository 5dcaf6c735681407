import OctavoWeights

extension PhaseBench {
    /// Rows that stay in the cores' own caches, as a step that decodes has them.
    private static let warmRows = 32

    /// What comes before the products and after the head: once with rows of a decoding step, which are in a cache, and
    /// once with rows that are not.
    package func vectors(measure: (Workload) -> Void) {
        for warm in [true, false] {
            normalization(warm ? Self.warmRows : Self.rows(of: sizes.hiddenSize, in: workingSet), warm, measure)
            gating(warm ? Self.warmRows : Self.rows(of: 2 * sizes.intermediateSize, in: workingSet), warm, measure)
            largest(warm ? Self.warmRows : Self.rows(of: sizes.vocabularySize, in: workingSet), warm, measure)
        }
    }

    private func normalization(_ count: Int, _ warm: Bool, _ measure: (Workload) -> Void) {
        fill(memory.residual, count * memory.hidden)
        // Per element: square and add, two products; magnitude's maximum, product, rounding. Floats are read and
        // written, INT8 written.
        let cost = cost(elements: count * sizes.hiddenSize, operations: 6, bytes: 9, warm)
        let rows = runner.normalizedRows(count)
        measure(
            Workload(name: "rms norm and quantize", parameters: parameters(count, warm), cost: cost) {
                [runner, block, phases] _ in
                runner.prepare(rows, for: block.queryKeyValue, phases) {
                    runner.normalize($0, weight: block.attentionNorm, into: $1)
                }
            })
    }

    private func gating(_ count: Int, _ warm: Bool, _ measure: (Workload) -> Void) {
        fill(memory.gateUp, count * 2 * memory.intermediate)
        // Per element: fourteen operations of the exponential, three around it, three to quantize. Two floats are read,
        // one is written, and INT8.
        let cost = cost(elements: count * sizes.intermediateSize, operations: 20, bytes: 13, warm)
        let rows = FloatRows(
            base: memory.gated.base, count: count, width: sizes.intermediateSize, stride: memory.gatedStride)
        measure(
            Workload(name: "silu, multiply and quantize", parameters: parameters(count, warm), cost: cost) {
                [runner, block, phases] _ in
                runner.prepare(rows, for: block.down, phases) { runner.gate($0, into: $1) }
            })
    }

    private func largest(_ count: Int, _ warm: Bool, _ measure: (Workload) -> Void) {
        fill(memory.logits, count * memory.logitsStride)
        let cost = cost(elements: count * sizes.vocabularySize, operations: 1, bytes: 4, warm)
        measure(
            Workload(name: "largest logit", parameters: parameters(count, warm), cost: cost) { [runner, phases] _ in
                runner.findLargest(count, phases)
            })
    }

    /// What is in a cache need not come from memory.
    private func cost(elements: Int, operations: Int, bytes: Int, _ warm: Bool) -> Cost {
        Cost(floats: elements * operations, bytes: warm ? 0 : elements * bytes)
    }

    private func parameters(_ rows: Int, _ warm: Bool) -> [(String, String)] {
        [("rows", "\(rows)"), ("from", warm ? "cache" : "memory")]
    }

    private func fill(_ buffer: AlignedBuffer<Float>, _ count: Int) {
        runner.threads.run { [threads = runner.threads] index in
            for element in threads.share(count, index: index) {
                buffer.base[element] = Float((element &* 7919) % 255 - 127) / 127
            }
        }
    }
}
