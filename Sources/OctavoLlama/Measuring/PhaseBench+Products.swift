package import OctavoWeights

extension PhaseBench {
    /// The linear layers that a step multiplies by, those that share an input together.
    package enum Product: String, CaseIterable, Sendable {
        case queryKeyValue = "query+key+value"
        case attentionOutput = "attention output"
        case gateUp = "gate+up"
        /// Its input in groups of features.
        case down
        /// Its input in two planes.
        case head

        var roles: [TensorRole] {
            switch self {
            case .queryKeyValue: [.query(0), .key(0), .value(0)]
            case .attentionOutput: [.attentionOutput(0)]
            case .gateUp: [.gate(0), .up(0)]
            case .down: [.down(0)]
            case .head: [.outputHead]
            }
        }
    }

    /// The INT8 product for several numbers of rows, handed to `measure` one by one. A head that the engine keeps as
    /// floats is left out, and so are more rows of it than a step gives.
    package func products(
        _ product: Product, rows: [Int], measure: (Workload) -> Void
    ) throws(WeightsError) {
        let isHead = product == .head
        if isHead, !QuantizationScheme.rotated.quantizesHead(weights: sizes.vocabularySize * sizes.hiddenSize) {
            return
        }
        let copies = try copies(of: product)
        let most = isHead ? Self.mostLogits : Self.mostTokens
        prepareActivations(for: copies[0], rows: most, planes: isHead)
        let weightCount = product.roles.reduce(0) { $0 + $1.shape(in: sizes).reduce(1, *) }
        for count in rows where count <= most {
            let cost = Cost(
                int8: count * weightCount * (isHead ? 2 : 1),
                bytes: copies[0].panels.byteCount + copies[0].scales.byteCount)
            let parameters = [("layer", product.rawValue), ("rows", "\(count)")]
            measure(
                Workload(name: "int8 product", parameters: parameters, cost: cost) { [self] repetition in
                    multiply(product, rows: count, by: copies[repetition % copies.count])
                })
        }
    }

    private func multiply(_ product: Product, rows: Int, by matrix: QuantizedMatrix) {
        let layer = LinearLayer.int8(matrix)
        // The product reads the quantized rows; of these it takes the number alone.
        let input = runner.normalizedRows(rows)
        switch product {
        case .queryKeyValue:
            runner.multiply(
                input, by: layer, into: memory.queryKeyValue.base, stride: memory.queryKeyValueStride, phases)
        case .gateUp:
            runner.multiply(input, by: layer, into: memory.gateUp.base, stride: 2 * memory.intermediate, phases)
        case .attentionOutput, .down:
            runner.multiply(
                input, by: layer, into: memory.residual.base, stride: memory.hidden, accumulates: true, phases)
        case .head: runner.multiply(outputs: rows, byHead: layer, phases)
        }
    }

    /// As many copies as the working set holds.
    private func copies(of product: Product) throws(WeightsError) -> [QuantizedMatrix] {
        var matrices: [any WeightRows] = []
        for role in product.roles { matrices.append(try weights.matrix(role)) }
        let groups = product == .down ? QuantizationScheme.rotated.downGroups(features: sizes.intermediateSize) : 1
        let arena = WeightArena()
        var copies: [QuantizedMatrix] = []
        repeat {
            copies.append(QuantizedMatrix(stacking: matrices, groups: groups, in: arena, threads: runner.threads))
        } while copies.reduce(0) { $0 + $1.panels.byteCount } < workingSet
        return copies
    }

    private func prepareActivations(for matrix: QuantizedMatrix, rows: Int, planes: Bool) {
        let row = AlignedBuffer<Float>(count: Kernels.padded(matrix.depth))
        for column in 0..<matrix.depth { row.base[column] = Float((column * 7919) % 255 - 127) / 127 }
        for index in 0..<rows {
            if planes {
                runner.kernels.quantizePlanes(
                    row.base, count: matrix.depth, into: memory.outputPlanes(for: matrix), row: index)
            } else {
                runner.kernels.quantize(
                    row.base, count: matrix.depth, into: memory.activations(for: matrix), row: index)
            }
        }
    }
}
