import OctavoWeights

/// The buffers of a step, allocated once. A row is one token's; strides are padded to whole lanes.
final class StepMemory: Sendable {
    /// The residual stream, `[tokens][hidden]`.
    let residual: AlignedBuffer<Float>
    /// A normalized row and other row-sized results, `[tokens][hidden]`.
    let normalized: AlignedBuffer<Float>
    /// Queries, keys and values as projected, each part at a whole panel, `[tokens][queryKeyValue]`.
    let queryKeyValue: AlignedBuffer<Float>
    /// Queries rotated, `[tokens][heads][headSize]`.
    let queries: AlignedBuffer<Float>
    /// The heads' outputs, `[tokens][attention]`.
    let attention: AlignedBuffer<Float>
    /// Gate and up projections, `[tokens][2 * intermediate]`.
    let gateUp: AlignedBuffer<Float>
    /// What goes into the down projection, `[tokens][gatedStride]`: over the gate for an INT8 model, of its own for a
    /// float model, whose product wants its rows side by side.
    let gated: AlignedBuffer<Float>
    let gatedStride: Int
    /// Quantized rows, `[tokens][depth of the layer that reads them]`.
    let quantized: AlignedBuffer<Int8>
    /// Of each token and group of features, `[tokens][groups]`.
    let scales: AlignedBuffer<Float>
    let sums: AlignedBuffer<Int32>
    /// The angles of each token, `[tokens][headDimension / 2]`.
    let cosines: AlignedBuffer<Float>
    let sines: AlignedBuffer<Float>
    /// Attention scores of a thread, `[threads][scoreCapacity]`.
    let scores: AlignedBuffer<Float>
    /// Normalized rows whose logits are wanted, `[logits][hidden]`.
    let outputs: AlignedBuffer<Float>
    /// The same in two planes of INT8, if the head reads them so, `[logits][2][depth]`.
    let quantizedOutputs: AlignedBuffer<Int8>
    /// Of each plane, `[logits][2]`.
    let outputScales: AlignedBuffer<Float>
    let outputSums: AlignedBuffer<Int32>
    /// `[logits][logitsStride]`.
    let logits: AlignedBuffer<Float>
    let logitsStride: Int
    /// The index of each row's largest logit, or -1 if they are not all finite, `[logits]`.
    let largestLogits: AlignedBuffer<Int32>

    let hidden: Int
    let keyColumn: Int
    let valueColumn: Int
    let queryKeyValueStride: Int
    let headSize: Int
    /// Whether queries and keys are multiplied by a Hadamard matrix: in INT8, what stands out in a few elements of a key
    /// would set the scale of all. It is spread so, and products of queries and keys are what they were but for a factor,
    /// the matrix's order.
    let spreadsHeads: Bool
    /// What queries are multiplied by: 1 / sqrt(head dimension), and without that factor.
    let queryScale: Float
    let attentionStride: Int
    let intermediate: Int
    let scoreCapacity: Int

    /// - Parameter scoreLength: the longest sequence.
    init(
        _ sizes: ModelConfiguration, tokens: Int, logits logitsCount: Int, threads: Int, isFloat: Bool,
        scoreLength: Int,
        spreadsHeads: Bool
    ) {
        // Beside a single row, each thread has one of its own.
        let tokens = max(tokens, 1 + threads)
        hidden = Kernels.padded(sizes.hiddenSize)
        let attentionSize = sizes.headCount * sizes.headDimension
        let keyValueSize = Kernels.padded(sizes.keyValueHeadCount * sizes.headDimension)
        keyColumn = Kernels.padded(attentionSize)
        valueColumn = keyColumn + keyValueSize
        queryKeyValueStride = valueColumn + keyValueSize
        headSize = Kernels.padded(sizes.headDimension)
        self.spreadsHeads = spreadsHeads
        let order = spreadsHeads ? Kernels.hadamardOrder(sizes.headDimension) : 1
        queryScale = 1 / Float(sizes.headDimension).squareRoot() / Float(order)
        attentionStride = Kernels.padded(attentionSize)
        intermediate = Kernels.padded(sizes.intermediateSize)
        scoreCapacity = max(
            Self.usualScoreCapacity,
            Kernels.scoreCount(
                positions: 1, heads: sizes.headCount / sizes.keyValueHeadCount, headSize: headSize,
                length: scoreLength))
        residual = AlignedBuffer(count: tokens * hidden)
        normalized = AlignedBuffer(count: tokens * hidden)
        queryKeyValue = AlignedBuffer(count: tokens * queryKeyValueStride)
        queries = AlignedBuffer(count: tokens * sizes.headCount * headSize)
        attention = AlignedBuffer(count: tokens * attentionStride)
        gateUp = AlignedBuffer(count: tokens * 2 * intermediate)
        gatedStride = isFloat ? intermediate : 2 * intermediate
        gated = isFloat ? AlignedBuffer(count: tokens * intermediate) : gateUp
        let depth = Kernels.paddedDepth(max(sizes.hiddenSize, attentionSize, sizes.intermediateSize))
        quantized = AlignedBuffer(count: tokens * depth)
        let groups = depth / Kernels.paddedDepth(1)
        scales = AlignedBuffer(count: tokens * groups)
        sums = AlignedBuffer(count: tokens * groups)
        cosines = AlignedBuffer(count: tokens * sizes.headDimension / 2)
        sines = AlignedBuffer(count: tokens * sizes.headDimension / 2)
        scores = AlignedBuffer(count: threads * scoreCapacity)
        outputs = AlignedBuffer(count: logitsCount * hidden)
        quantizedOutputs = AlignedBuffer(count: logitsCount * 2 * Kernels.paddedDepth(sizes.hiddenSize))
        outputScales = AlignedBuffer(count: logitsCount * 2)
        outputSums = AlignedBuffer(count: logitsCount * 2)
        logitsStride = Kernels.padded(sizes.vocabularySize)
        logits = AlignedBuffer(count: logitsCount * logitsStride)
        largestLogits = AlignedBuffer(count: logitsCount)
    }

    /// The memory that it takes once all is touched.
    var byteCount: Int {
        let floats = [
            residual, normalized, queryKeyValue, queries, attention, gateUp, scales, cosines, sines, scores, outputs,
            outputScales, logits,
        ]
        let integers = [sums, outputSums, largestLogits].reduce(0) { $0 + $1.byteCount }
        let ownGated = gated === gateUp ? 0 : gated.byteCount
        let quantized = quantized.byteCount + quantizedOutputs.byteCount
        return floats.reduce(quantized + integers + ownGated) { $0 + $1.byteCount }
    }

    /// Scores that stay in a core's second-level cache beside the keys and values: 256 KiB.
    private static let usualScoreCapacity = 1 << 16

    /// The quantized rows as a layer reads them.
    func activations(for matrix: QuantizedMatrix) -> Kernels.Activations {
        Kernels.Activations(
            values: quantized.base, scales: scales.base, sums: sums.base, depth: matrix.depth,
            groups: matrix.groupCount)
    }

    /// The planes of the rows that a quantized head reads.
    func outputPlanes(for head: QuantizedMatrix) -> Kernels.Activations {
        Kernels.Activations(
            values: quantizedOutputs.base, scales: outputScales.base, sums: outputSums.base, depth: head.depth,
            planes: 2)
    }
}
