import Foundation
import OctavoEngine
import OctavoLlama
import OctavoTestSupport
import Testing

@Suite struct AttentionKernelTests {
    /// Head dimensions with and without padding, groups of query heads, and every length up to some blocks.
    @Test(arguments: KVCachePrecision.allCases, [8, 16, 24, 64])
    func `attention has the specification's bits, and is right`(
        precision: KVCachePrecision, headDimension: Int
    ) throws {
        var generator = SeededGenerator(seed: UInt64(headDimension))
        for group in 1...4 {
            let context = try CachedContext(
                length: 70, headDimension: headDimension, precision: precision,
                blockLength: [16, 16, 32, 48][group - 1],
                using: &generator)
            let queries = (0..<group).flatMap { _ in [Float].random(headDimension, in: -1...1, using: &generator) }
            for length in 1...70 {
                let expected = context.attend(queries, heads: group, length: length, .specification)
                for kernels in Kernels.others {
                    let found = context.attend(queries, heads: group, length: length, kernels)
                    #expect(found.bits == expected.bits, "\(kernels.name), group \(group), length \(length)")
                }
                let exact = context.reference(queries, heads: group, length: length)
                for (value, exact) in zip(expected, exact) { #expect(abs(Double(value) - exact) < 2e-6) }
            }
        }
    }

    @Test(arguments: KVCachePrecision.allCases, [8, 24, 64, 128])
    func `positions taken together get the bits that each gets alone`(
        precision: KVCachePrecision, headDimension: Int
    ) throws {
        var generator = SeededGenerator(seed: UInt64(headDimension))
        for (heads, positions) in [(1, 16), (2, 3), (3, 5), (4, 16), (8, 2)] {
            let context = try CachedContext(
                length: 70, headDimension: headDimension, precision: precision, blockLength: 32, using: &generator)
            let queries = (0..<heads * positions).map { _ in
                [Float].random(headDimension, in: -1...1, using: &generator)
            }
            for first in [1, 15, 31, 40, 70 - positions + 1] {
                let alone = (0..<positions).flatMap { position in
                    context.attend(
                        Array(queries[position * heads..<(position + 1) * heads].joined()), heads: heads,
                        length: first + position, .specification)
                }
                for kernels in Kernels.available {
                    let together = context.attend(
                        Array(queries.joined()), heads: heads, length: first, positions: positions, kernels)
                    #expect(together.bits == alone.bits, "\(kernels.name), \(heads) heads from \(first)")
                }
            }
        }
    }

    @Test func `scores far apart leave the nearest key alone`() throws {
        var generator = SeededGenerator(seed: 5)
        let context = try CachedContext(
            length: 40, headDimension: 16, precision: .f32, blockLength: 16, keyRange: -300...300, using: &generator)
        let queries = [Float].random(16, in: -10...10, using: &generator)
        for kernels in Kernels.available {
            let found = context.attend(queries, heads: 1, length: 40, kernels)
            #expect(found.bits == context.attend(queries, heads: 1, length: 40, .specification).bits)
            #expect(found.allSatisfy { $0.isFinite })
        }
    }
}

/// A sequence of keys and values in a cache whose blocks are out of order.
private struct CachedContext {
    let cache: KVCache
    let sequence: SequenceID
    let headDimension: Int
    let precision: KVCachePrecision
    let keys: [[Float]]
    let values: [[Float]]
    // The second of three layers and heads, with strangers all around.
    private static let place = (layer: 1, head: 1)

    init(
        length: Int, headDimension: Int, precision: KVCachePrecision, blockLength: Int,
        keyRange: ClosedRange<Float> = -1...1, using generator: inout SeededGenerator
    ) throws {
        self.headDimension = headDimension
        self.precision = precision
        let shape = KVCache.Shape(
            layerCount: 3, headCount: 3, headSize: Kernels.padded(headDimension), blockLength: blockLength,
            precision: precision)
        let cache = KVCache(shape: shape, byteCount: 64 * shape.blockBytes)
        self.cache = cache
        // Sequences of one block each, given back in a random order, leave free blocks shuffled.
        let others = try (0..<cache.blockCount).map { _ in try cache.makeSequence(length: 1) }
        for other in others.shuffled(using: &generator) { cache.release(other) }
        sequence = try cache.makeSequence(length: length)
        cache.extend(sequence, by: length)
        keys = (0..<length).map { _ in [Float].random(headDimension, in: keyRange, using: &generator) }
        values = (0..<length).map { _ in [Float].random(headDimension, in: -1...1, using: &generator) }
        let stranger = [Float](repeating: .nan, count: shape.headSize)
        let blocks = cache.blocks(of: sequence)
        for position in 0..<length {
            for (layer, head) in [(0, 1), (1, 0), (1, 1), (1, 2), (2, 1)] {
                let isOurs = (layer, head) == Self.place
                cache.store(
                    key: isOurs ? keys[position] : stranger, value: isOurs ? values[position] : stranger,
                    blocks: blocks, position: position, layer: layer, head: head, kernels: .best)
            }
        }
    }

    func attend(_ queries: [Float], heads: Int, length: Int, positions: Int = 1, _ kernels: Kernels) -> [Float] {
        let longest = length + positions - 1
        let scores = GuardedBuffer(
            Kernels.scoreCount(
                positions: positions, heads: heads, headSize: Kernels.padded(headDimension), length: longest),
            canary: floatCanary)
        let output = GuardedBuffer(positions * heads * headDimension, canary: floatCanary)
        let view = cache.view(cache.blocks(of: sequence), layer: Self.place.layer, head: Self.place.head)
        kernels.attend(
            Kernels.Attention(
                queries: queries, queryStride: heads * Kernels.padded(headDimension), positions: positions,
                heads: heads, headSize: Kernels.padded(headDimension), headDimension: headDimension, cache: view,
                length: length, scores: scores.base, output: output.base, outputStride: heads * headDimension))
        #expect(output.isIntact && scores.isIntact)
        return output.contents
    }

    /// The formula in double precision, of keys and values as the cache holds them.
    func reference(_ queries: [Float], heads: Int, length: Int) -> [Double] {
        (0..<heads).flatMap { head -> [Double] in
            let query = queries.dropFirst(head * Kernels.padded(headDimension))
            let scores = (0..<length).map { position -> Double in
                zip(query, stored(keys[position])).reduce(0.0) { sum, pair in sum + Double(pair.0) * pair.1 }
            }
            let largest = scores.max() ?? 0
            let weights = scores.map { exp($0 - largest) }
            let total = weights.reduce(0, +)
            let rows = values[..<length].map { stored($0) }
            return (0..<headDimension).map { element in
                zip(weights, rows).reduce(0.0) { sum, pair in sum + pair.0 * pair.1[element] } / total
            }
        }
    }

    private func stored(_ row: [Float]) -> [Double] {
        switch precision {
        case .f32: return row.map { Double($0) }
        case .f16: return row.map { Double(Float16($0)) }
        case .int8:
            return withUnsafeTemporaryAllocation(of: Int8.self, capacity: row.count) { integers in
                let scale = Kernels.specification.quantizeCached(row, count: row.count, into: integers.baseAddress!)
                return integers.map { Double($0) * Double(scale) }
            }
        }
    }
}
