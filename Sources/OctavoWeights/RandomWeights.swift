internal import Foundation

/// INT8 weights of any shape that mean nothing: those of an untrained model, made row by row when they are read.
///
/// A weight depends on the seed, its tensor, its row and its column alone, and its distribution is Gaussian. Scales are
/// such that a layer passes the variance of its input on, and that the residual stream grows to twice the embeddings'
/// variance over all blocks: activations look like a real model's in size, whatever the depth.
package struct RandomWeights: ModelWeights {
    package let configuration: ModelConfiguration
    /// There is no file; what errors say instead.
    package let path = "random weights"
    private let seed: UInt64

    /// Weights for these sizes.
    ///
    /// - Parameter seed: other seeds give other weights.
    package init(_ configuration: ModelConfiguration, seed: UInt64) {
        self.configuration = configuration
        self.seed = seed
    }

    package func matrix(_ role: TensorRole) throws(WeightsError) -> any WeightRows {
        let shape = role.shape(in: configuration)
        guard shape.count == 2 else { throw absent(role, "a matrix") }
        guard let number = number(of: role) else { throw absent(role, "of this model") }
        // The seed itself is mixed first, so that neighboring seeds share no tensors.
        var generator = SplitMix64(state: seed)
        let key = generator.next() &+ UInt64(number)
        return RandomRows(rows: shape[0], columns: shape[1], key: key, storage: storage(of: role, columns: shape[1]))
    }

    package func vector(_ role: TensorRole) throws(WeightsError) -> [Float] {
        let shape = role.shape(in: configuration)
        guard shape.count == 1 else { throw absent(role, "a vector") }
        return [Float](repeating: 1, count: shape[0])
    }

    /// Nothing is kept.
    package func releasePages() {}

    /// The place of a role among those that have weights.
    private func number(of role: TensorRole) -> Int? {
        let layers = configuration.layerCount
        let place: (layer: Int, index: Int)
        switch role {
        case .tokenEmbedding: return 0
        case .outputHead: return configuration.tiesEmbeddings ? 0 : 1
        case .query(let layer): place = (layer, 2)
        case .key(let layer): place = (layer, 3)
        case .value(let layer): place = (layer, 4)
        case .attentionOutput(let layer): place = (layer, 5)
        case .gate(let layer): place = (layer, 6)
        case .up(let layer): place = (layer, 7)
        case .down(let layer): place = (layer, 8)
        case .outputNorm, .attentionNorm, .feedForwardNorm: return nil
        }
        return (0..<layers).contains(place.layer) ? place.layer * 7 + place.index : nil
    }

    private func storage(of role: TensorRole, columns: Int) -> RandomRows.Storage {
        let unit = 1 / Float(columns).squareRoot()
        return switch role {
        case .tokenEmbedding: .float
        case .outputHead: configuration.tiesEmbeddings ? .float : .int8(deviation: unit)
        // A block adds two terms to the stream; all of them together add the variance that it began with.
        case .attentionOutput, .down: .int8(deviation: unit / Float(2 * configuration.layerCount).squareRoot())
        default: .int8(deviation: unit)
        }
    }

    private func absent(_ role: TensorRole, _ what: String) -> WeightsError {
        WeightsError(path: path, tensor: role.huggingFaceName, reason: "is not \(what)")
    }
}

/// A matrix of random weights.
private struct RandomRows: WeightRows {
    enum Storage {
        /// INT8 with a scale per row, so that weights have this standard deviation.
        case int8(deviation: Float)
        /// bf16 of a standard deviation of about 1.
        case float
    }

    let rows: Int
    let columns: Int
    let elementType: ElementType
    let channelScales: [Float]?
    private let key: UInt64
    /// What an integer stands for, in every row.
    private let scale: Float

    init(rows: Int, columns: Int, key: UInt64, storage: Storage) {
        self.rows = rows
        self.columns = columns
        self.key = key
        switch storage {
        case .int8(let deviation):
            elementType = .i8
            scale = deviation / Self.deviation
            channelScales = [Float](repeating: scale, count: rows)
        case .float:
            elementType = .bf16
            // A power of two: bf16 then holds the products exactly.
            scale = 1 / 32
            channelScales = nil
        }
    }

    func read(rows range: Range<Int>, into buffer: UnsafeMutableBufferPointer<Float>) {
        forEach(in: range, buffer) { Float($0) * scale }
    }

    func readInt8(rows range: Range<Int>, into buffer: UnsafeMutableBufferPointer<Int8>) {
        precondition(channelScales != nil, "the matrix is not kept as INT8")
        forEach(in: range, buffer) { $0 }
    }

    /// Eight weights of each random number.
    private func forEach<Element>(
        in range: Range<Int>, _ buffer: UnsafeMutableBufferPointer<Element>, _ convert: (Int8) -> Element
    ) {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows && buffer.count >= range.count * columns)
        Self.quantiles.withUnsafeBufferPointer { quantiles in
            for row in range {
                var generator = SplitMix64(state: key)
                generator.state = generator.next() ^ UInt64(row) &* 0xD134_2543_DE82_EF95
                let start = (row - range.lowerBound) * columns
                for first in stride(from: 0, to: columns, by: 8) {
                    var bits = generator.next()
                    for column in first..<min(first + 8, columns) {
                        buffer[start + column] = convert(quantiles[Int(bits & 0xFF)])
                        bits >>= 8
                    }
                }
            }
        }
    }

    /// The standard deviation of the integers.
    private static let deviation: Float = {
        let squares = quantiles.reduce(0) { $0 + Float($1) * Float($1) }
        return (squares / Float(quantiles.count)).squareRoot()
    }()

    /// A Gaussian's 256 quantiles in the middle of as many equal parts, the outermost at 127 and -127.
    private static let quantiles: [Int8] = {
        let values = (0..<256).map { quantile(probability: (Double($0) + 0.5) / 256) }
        return values.map { Int8(($0 / values[255] * 127).rounded()) }
    }()

    /// Where the standard Gaussian's distribution function reaches a probability, by bisection.
    private static func quantile(probability: Double) -> Double {
        var (low, high) = (-8.0, 8.0)
        for _ in 0..<60 {
            let middle = (low + high) / 2
            if erfc(-middle / 2.0.squareRoot()) / 2 < probability { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }
}
