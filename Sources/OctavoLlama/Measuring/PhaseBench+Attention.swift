import OctavoEngine
import OctavoWeights

extension PhaseBench {
    /// Rows that attend together.
    package struct AttentionCase: Sendable {
        /// Rows.
        package var batch: Int
        /// Positions of each that are computed: one when decoding.
        package var positions: Int
        /// Positions that the last of them attends to.
        package var context: Int

        /// Prefill and decoding at usual lengths.
        package static let usual = [
            AttentionCase(batch: 1, positions: 512, context: 512),
            AttentionCase(batch: 1, positions: 512, context: 2048),
            AttentionCase(batch: 1, positions: 1, context: 512),
            AttentionCase(batch: 1, positions: 1, context: 2048),
            AttentionCase(batch: 32, positions: 1, context: 512),
            AttentionCase(batch: 32, positions: 1, context: 2048),
        ]
        /// Of those, the most that are held at once.
        static let mostPositions = 32 * 2048
    }

    /// Attention of one layer; the cost is what scores and sums of values need, and the keys and values once.
    package func attention(_ which: AttentionCase, measure: (Workload) -> Void) {
        guard which.context <= runner.contextLength else { return }
        let position = 2 * shape.headCount * shape.precision.byteCount(headSize: shape.headSize)
        let batchBytes = which.batch * which.context * position
        let sequences = (0..<max(1, workingSet / batchBytes)).map { _ in
            (0..<which.batch).compactMap { _ in sequence(length: which.context) }
        }
        defer { for sequence in sequences.joined() { runner.release(sequence) } }
        guard sequences.allSatisfy({ $0.count == which.batch }) else { return }
        let batches = sequences.map { sequences in
            var stretches: [Stretch] = []
            runner.divide(tokens(which, sequences), into: &stretches)
            return stretches
        }
        let first = which.context - which.positions + 1
        let attended = which.batch * (first...which.context).reduce(0, +)
        let cost = Cost(floats: attended * sizes.headCount * sizes.headDimension * 2, bytes: batchBytes)
        let kind = which.positions > 1 ? ("prefill", "\(which.positions)") : ("decode", "\(which.batch)")
        measure(
            Workload(name: "attention", parameters: [kind, ("context", "\(which.context)")], cost: cost) {
                [runner, phases] repetition in
                runner.attendHeads(0, batches[repetition % batches.count], phases)
            })
    }

    private func tokens(_ which: AttentionCase, _ sequences: [SequenceID]) -> [StepToken] {
        sequences.flatMap { sequence in
            let blocks = runner.cache.blocks(of: sequence)
            return (which.context - which.positions..<which.context).map {
                StepToken(id: 0, position: $0, blocks: blocks)
            }
        }
    }

    /// A sequence full of keys and values, if there is room.
    private func sequence(length: Int) -> SequenceID? {
        guard let sequence = try? runner.makeSequence(length: length) else { return nil }
        runner.cache.extend(sequence, by: length)
        let (blocks, shape) = (runner.cache.blocks(of: sequence), shape)
        runner.threads.run { [runner] index in
            let row = AlignedBuffer<Float>(count: shape.headSize)
            for column in 0..<shape.headSize { row.base[column] = Float((column * 7919) % 255 - 127) / 127 }
            for position in runner.threads.share(length, index: index, unit: shape.blockLength) {
                for head in 0..<shape.headCount {
                    runner.cache.store(
                        key: row.base, value: row.base, blocks: blocks, position: position, layer: 0, head: head,
                        kernels: runner.kernels)
                }
            }
        }
        return sequence
    }
}
