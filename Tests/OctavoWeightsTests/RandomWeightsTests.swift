import OctavoWeights
import Testing

@Suite struct RandomWeightsTests {
    private static let roles: [TensorRole] = [
        .query(0), .key(0), .value(0), .attentionOutput(0), .gate(0), .up(0), .down(0), .down(29),
    ]

    /// Rows of a matrix as INT8, read together.
    private func integers(_ matrix: any WeightRows, _ rows: Range<Int>) -> [Int8] {
        [Int8](unsafeUninitializedCapacity: rows.count * matrix.columns) { buffer, count in
            matrix.readInt8(rows: rows, into: buffer)
            count = rows.count * matrix.columns
        }
    }

    private func floats(_ matrix: any WeightRows, _ rows: Range<Int>) -> [Float] {
        [Float](unsafeUninitializedCapacity: rows.count * matrix.columns) { buffer, count in
            matrix.read(rows: rows, into: buffer)
            count = rows.count * matrix.columns
        }
    }

    @Test(arguments: ModelShape.allCases) func `every tensor of a shape has its sizes`(shape: ModelShape) throws {
        let weights = RandomWeights(shape.configuration, seed: 1)
        for role in TensorRole.stored(in: shape.configuration) {
            let expected = role.shape(in: shape.configuration)
            if expected.count == 2 {
                let matrix = try weights.matrix(role)
                #expect([matrix.rows, matrix.columns] == expected, "\(role)")
                #expect((matrix.channelScales == nil) == (role == .tokenEmbedding), "\(role)")
            } else {
                #expect(try weights.vector(role).count == expected[0], "\(role)")
            }
        }
    }

    @Test(arguments: roles) func `a weight depends on seed, tensor and place alone`(role: TensorRole) throws {
        let configuration = ModelShape.smolLM2Of135M.configuration
        let matrix = try RandomWeights(configuration, seed: 1).matrix(role)
        let again = try RandomWeights(configuration, seed: 1).matrix(role)
        let together = integers(matrix, 3..<6)
        #expect(together == integers(again, 3..<4) + integers(again, 4..<5) + integers(again, 5..<6))
        #expect(integers(matrix, 3..<4) != integers(matrix, 4..<5))
        #expect(together != integers(try RandomWeights(configuration, seed: 2).matrix(role), 3..<6))
        for other in Self.roles where other != role {
            #expect(
                integers(try RandomWeights(configuration, seed: 1).matrix(other), 3..<4).prefix(64)
                    != together.prefix(64))
        }
    }

    @Test func `weights are Gaussian, and keep the variance of what they are multiplied by`() throws {
        let configuration = ModelShape.smolLM2Of135M.configuration
        let matrix = try RandomWeights(configuration, seed: 1).matrix(.gate(7))
        let values = floats(matrix, 0..<256)
        let mean = values.reduce(0, +) / Float(values.count)
        let variance = values.reduce(0) { $0 + $1 * $1 } / Float(values.count)
        #expect(abs(mean) < 0.001)
        #expect(abs(variance * Float(matrix.columns) - 1) < 0.02)
        let far = values.count { $0 * $0 > 4 * variance }
        // 4.6% of a Gaussian lie beyond two standard deviations.
        #expect((0.040...0.052).contains(Double(far) / Double(values.count)))
        #expect(integers(matrix, 0..<256).allSatisfy { $0 > -128 })
    }

    @Test func `the embedding is exact in its own type`() throws {
        let matrix = try RandomWeights(ModelShape.smolLM2Of135M.configuration, seed: 1).matrix(.tokenEmbedding)
        #expect(matrix.elementType == .bf16)
        #expect(floats(matrix, 100..<101).allSatisfy { $0.bitPattern & 0xFFFF == 0 })
    }

    @Test func `a block that the shape lacks is an error, and so is a vector as a matrix`() {
        let weights = RandomWeights(ModelShape.smolLM2Of135M.configuration, seed: 1)
        #expect(throws: WeightsError.self) { try weights.matrix(.query(30)) }
        #expect(throws: WeightsError.self) { try weights.matrix(.outputNorm) }
        #expect(throws: WeightsError.self) { try weights.vector(.gate(0)) }
    }
}
