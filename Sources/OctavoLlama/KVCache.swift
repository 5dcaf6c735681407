package import OctavoCore
package import OctavoEngine

/// How keys and values are stored.
public enum KVCachePrecision: String, Sendable, CaseIterable {
    /// 32-bit floats, as computed.
    case f32
    /// 16-bit floats: half the memory and bandwidth.
    case f16
    /// 8-bit integers with a 32-bit scale for each position and head: about a quarter.
    case int8

    /// Bytes of one head's key, or value, at one position.
    package func byteCount(headSize: Int) -> Int {
        switch self {
        case .f32: 4 * headSize
        case .f16: 2 * headSize
        case .int8: headSize + MemoryLayout<Float>.size
        }
    }
}

/// Keys and values of every sequence, in blocks of positions.
///
/// A block holds `blockLength` positions of one sequence for all layers: `[layer][keys, values][head]`, and for each
/// head keys as `[headSize][position]`, so that one query meets several positions in one vector, values as
/// `[position][headSize]`; in INT8, the scales of its positions lie behind either. Sequences reserve their blocks at the
/// start, so that a batch admitted can always be finished; those that begin alike share the blocks of what they have in
/// common.
package final class KVCache {
    /// The blocks of one sequence as attention reads them, for one layer and head.
    package struct View {
        var keys: UnsafeRawPointer
        var values: UnsafeRawPointer
        var blocks: UnsafePointer<Int32>
        var blockCount: Int
        var blockLength: Int
        /// Bytes from a block to the next.
        var blockStride: Int
        var precision: KVCachePrecision

        /// The keys of the first block.
        var firstKeys: UnsafeRawPointer { keys + Int(blocks[0]) * blockStride }
    }

    /// The sizes that fix the layout of a block.
    package struct Shape {
        package var layerCount: Int
        package var headCount: Int
        /// The head dimension with its padding.
        package var headSize: Int
        package var blockLength: Int
        package var precision: KVCachePrecision

        package init(
            layerCount: Int, headCount: Int, headSize: Int, blockLength: Int, precision: KVCachePrecision
        ) {
            self.layerCount = layerCount
            self.headCount = headCount
            self.headSize = headSize
            self.blockLength = blockLength
            self.precision = precision
        }

        /// Bytes of one layer's keys (or values) of one head in a block.
        var headBytes: Int { blockLength * precision.byteCount(headSize: headSize) }
        package var blockBytes: Int { layerCount * 2 * headCount * headBytes }
    }

    let shape: Shape
    package var blockCount: Int { pool.blockCount }
    private let storage: AlignedBuffer<UInt8>
    private var pool: BlockPool

    /// A cache of as many blocks as fit `byteCount` bytes, at least one.
    package init(shape: Shape, byteCount: Int) {
        precondition(shape.blockLength % Kernels.lanes == 0, "a block's positions are whole vectors")
        self.shape = shape
        let blockCount = min(max(1, byteCount / shape.blockBytes), Int(Int32.max))
        storage = AlignedBuffer(count: blockCount * shape.blockBytes)
        pool = BlockPool(blockCount: blockCount, blockLength: shape.blockLength)
    }

    /// Reserves blocks for `length` positions, of which those wholly within `prefix` may be shared.
    package func makeSequence(prefix: ArraySlice<TokenID> = [], length: Int) throws(EngineError) -> SequenceID {
        guard let index = pool.makeSequence(prefix: prefix, length: length) else {
            throw .outOfMemory(positions: length)
        }
        return SequenceID(index: index)
    }

    /// Gives a sequence's blocks back.
    package func release(_ id: SequenceID) { pool.release(id.index) }

    /// Positions that a sequence holds.
    package func length(of id: SequenceID) -> Int { pool.length(of: id.index) }

    /// Positions that a sequence holds after it has moved past what others computed; `nil` while another computes what
    /// it needs next.
    package func heldPositions(of id: SequenceID) -> Int? { pool.heldPositions(of: id.index) }

    /// Counts `count` further positions as held; their keys and values are then stored layer by layer.
    package func extend(_ id: SequenceID, by count: Int) { pool.extend(id.index, by: count) }

    /// Makes a sequence forget all but its first `length` positions.
    package func truncate(_ id: SequenceID, to length: Int) { pool.truncate(id.index, to: length) }

    /// The block table of a sequence, for the time of a step.
    package func blocks(of id: SequenceID) -> AlignedBuffer<Int32> { pool.blocks(of: id.index) }

    /// Makes an empty sequence hold what another holds, in blocks of its own.
    package func copy(_ source: SequenceID, to target: SequenceID) {
        extend(target, by: length(of: source))
        let (from, to) = (blocks(of: source).base, blocks(of: target).base)
        for index in 0..<(length(of: source) + shape.blockLength - 1) / shape.blockLength {
            (storage.base + Int(to[index]) * shape.blockBytes)
                .update(from: storage.base + Int(from[index]) * shape.blockBytes, count: shape.blockBytes)
        }
    }

    /// What attention of one layer and head reads of a sequence.
    package func view(_ blocks: AlignedBuffer<Int32>, layer: Int, head: Int) -> View {
        let keys = storage.base + (layer * 2 * shape.headCount + head) * shape.headBytes
        return View(
            keys: keys, values: keys + shape.headCount * shape.headBytes, blocks: blocks.base,
            blockCount: blocks.count, blockLength: shape.blockLength, blockStride: shape.blockBytes,
            precision: shape.precision)
    }

    /// Stores the key and the value of one head at one position, `[headSize]` each.
    package func store(
        key: UnsafePointer<Float>, value: UnsafePointer<Float>, blocks: AlignedBuffer<Int32>, position: Int,
        layer: Int, head: Int, kernels: Kernels
    ) {
        let block = Int(blocks.base[position / shape.blockLength])
        let slot = position % shape.blockLength
        let keys = UnsafeMutableRawPointer(
            storage.base + block * shape.blockBytes + (layer * 2 * shape.headCount + head) * shape.headBytes)
        let values = keys + shape.headCount * shape.headBytes
        switch shape.precision {
        case .f32:
            spread(key, over: keys.assumingMemoryBound(to: Float.self) + slot)
            let row = values.assumingMemoryBound(to: Float.self) + slot * shape.headSize
            row.update(from: value, count: shape.headSize)
        case .f16:
            withUnsafeTemporaryAllocation(of: UInt16.self, capacity: shape.headSize) { halves in
                guard let halves = halves.baseAddress else { return }
                kernels.convert(key, count: shape.headSize, toF16: halves)
                spread(halves, over: keys.assumingMemoryBound(to: UInt16.self) + slot)
            }
            let row = values.assumingMemoryBound(to: UInt16.self) + slot * shape.headSize
            kernels.convert(value, count: shape.headSize, toF16: row)
        case .int8:
            withUnsafeTemporaryAllocation(of: Int8.self, capacity: shape.headSize) { integers in
                guard let integers = integers.baseAddress else { return }
                scales(behind: keys)[slot] = kernels.quantizeCached(key, count: shape.headSize, into: integers)
                spread(integers, over: keys.assumingMemoryBound(to: Int8.self) + slot)
            }
            let row = values.assumingMemoryBound(to: Int8.self) + slot * shape.headSize
            scales(behind: values)[slot] = kernels.quantizeCached(value, count: shape.headSize, into: row)
        }
    }

    /// The scales of a block's INT8 keys, or values.
    private func scales(behind block: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Float> {
        (block + shape.blockLength * shape.headSize).assumingMemoryBound(to: Float.self)
    }

    /// Writes one position's column of a block's keys.
    private func spread<Element>(_ key: UnsafePointer<Element>, over column: UnsafeMutablePointer<Element>) {
        for index in 0..<shape.headSize { column[index * shape.blockLength] = key[index] }
    }
}
