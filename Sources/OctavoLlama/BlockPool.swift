package import OctavoCore

/// Which sequence has which blocks of a cache.
///
/// Blocks that sequences of one beginning would fill alike are shared and counted; the first sequence to come to such a
/// block fills it, and the others wait for it. A filled block that nobody has any more is kept, and is shared again by
/// the next sequence of that beginning, until its room is needed: the one idle for longest goes first. (Kwon et al.,
/// "Efficient Memory Management for Large Language Model Serving with PagedAttention", SOSP 2023, share blocks so.)
package struct BlockPool {
    /// What a block holds: its tokens, after what the block before it holds.
    private struct Key: Hashable {
        /// The `content` of the block before.
        var parent: UInt64
        var tokens: [TokenID]
    }

    private struct Block {
        var references = 0
        /// What it is known by, if it may be shared.
        var key: Key?
        /// A number for what it holds, never used again for anything else.
        var content: UInt64 = 0
        var isFilled = false
        /// The sequence that is filling it.
        var filler: Int?
    }

    private struct Sequence {
        var blocks: AlignedBuffer<Int32>
        /// How many of the first blocks may be shared.
        var sharedCount: Int
        var length = 0
    }

    /// Blocks in the pool.
    package let blockCount: Int
    /// Positions in a block.
    package let blockLength: Int
    private var blocks: [Block]
    private var free: [Int32]
    private var idle: IdleBlocks
    private var known: [Key: Int32] = [:]
    private var sequences: [Int: Sequence] = [:]
    private var lastSequence = 0
    private var lastContent: UInt64 = 0

    /// A pool of free blocks.
    package init(blockCount: Int, blockLength: Int) {
        self.blockCount = blockCount
        self.blockLength = blockLength
        blocks = Array(repeating: Block(), count: blockCount)
        free = (0..<Int32(blockCount)).reversed()
        idle = IdleBlocks(blockCount: blockCount)
    }
}

// MARK: - Sequences

extension BlockPool {
    /// Gives a sequence blocks for `length` positions, of which those wholly within `prefix` may be shared; `nil` if there
    /// are not enough.
    package mutating func makeSequence(prefix: ArraySlice<TokenID>, length: Int) -> Int? {
        let count = (length + blockLength - 1) / blockLength
        let sharedCount = min(prefix.count / blockLength, count)
        let found = findShared(prefix, count: sharedCount)
        let revived = found.count { blocks[Int($0)].references == 0 }
        guard count - found.count <= free.count + idle.count - revived else { return nil }
        let table = AlignedBuffer<Int32>(count: count)
        for (index, number) in found.enumerated() {
            table.base[index] = number
            if blocks[Int(number)].references == 0 { idle.remove(number) }
            blocks[Int(number)].references += 1
        }
        for index in found.count..<count {
            table.base[index] = takeBlock()
            guard index < sharedCount else { continue }
            publish(table.base[index], after: index > 0 ? table.base[index - 1] : nil, chunk(index, of: prefix))
        }
        lastSequence += 1
        sequences[lastSequence] = Sequence(blocks: table, sharedCount: sharedCount)
        return lastSequence
    }

    /// Gives a sequence's blocks back.
    package mutating func release(_ id: Int) {
        guard let sequence = sequences.removeValue(forKey: id) else { return }
        // The last first: a block is of use only to those who have all blocks before it.
        for index in (0..<sequence.blocks.count).reversed() {
            let number = sequence.blocks.base[index]
            if blocks[Int(number)].filler == id { blocks[Int(number)].filler = nil }
            blocks[Int(number)].references -= 1
            guard blocks[Int(number)].references == 0 else { continue }
            if blocks[Int(number)].isFilled {
                idle.append(number)
            } else {
                forget(number)
                free.append(number)
            }
        }
    }

    /// The positions that a sequence holds.
    package func length(of id: Int) -> Int { sequences[id]?.length ?? 0 }

    /// The blocks of a sequence, in order.
    package func blocks(of id: Int) -> AlignedBuffer<Int32> { sequence(id).blocks }

    /// Moves past blocks that others filled; returns the positions held, or `nil` while another fills the next block.
    package mutating func heldPositions(of id: Int) -> Int? {
        var sequence = sequence(id)
        defer { sequences[id] = sequence }
        while sequence.length / blockLength < sequence.sharedCount {
            let number = Int(sequence.blocks.base[sequence.length / blockLength])
            if blocks[number].isFilled {
                sequence.length = (sequence.length / blockLength + 1) * blockLength
            } else {
                if blocks[number].filler == nil { blocks[number].filler = id }
                return blocks[number].filler == id ? sequence.length : nil
            }
        }
        return sequence.length
    }

    /// Counts `count` further positions as held.
    package mutating func extend(_ id: Int, by count: Int) {
        var sequence = sequence(id)
        let filled = sequence.length / blockLength
        sequence.length += count
        precondition(sequence.length <= sequence.blocks.count * blockLength, "a sequence outgrew its reservation")
        for index in filled..<max(filled, min(sequence.length / blockLength, sequence.sharedCount)) {
            blocks[Int(sequence.blocks.base[index])].isFilled = true
            blocks[Int(sequence.blocks.base[index])].filler = nil
        }
        if sequence.length % blockLength > 0, sequence.length / blockLength < sequence.sharedCount {
            blocks[Int(sequence.blocks.base[sequence.length / blockLength])].filler = id
        }
        sequences[id] = sequence
    }

    /// Counts only the first `length` positions as held; what may be shared stays.
    package mutating func truncate(_ id: Int, to length: Int) {
        var sequence = sequence(id)
        precondition(
            length >= sequence.sharedCount * blockLength && length <= sequence.length, "no such part of a sequence")
        sequence.length = length
        sequences[id] = sequence
    }

    private func sequence(_ id: Int) -> Sequence {
        guard let sequence = sequences[id] else { preconditionFailure("no sequence \(id)") }
        return sequence
    }
}

// MARK: - Blocks

extension BlockPool {
    private func chunk(_ index: Int, of prefix: ArraySlice<TokenID>) -> [TokenID] {
        Array(prefix.dropFirst(index * blockLength).prefix(blockLength))
    }

    /// The known blocks that hold the first tokens of `prefix`, at most `count`.
    private func findShared(_ prefix: ArraySlice<TokenID>, count: Int) -> [Int32] {
        var found: [Int32] = []
        var parent: UInt64 = 0
        while found.count < count, let next = known[Key(parent: parent, tokens: chunk(found.count, of: prefix))] {
            found.append(next)
            parent = blocks[Int(next)].content
        }
        return found
    }

    /// A block for new content: a free one, or the one idle for longest.
    private mutating func takeBlock() -> Int32 {
        let number: Int32
        if let last = free.popLast() {
            number = last
        } else {
            number = idle.removeOldest()
            forget(number)
        }
        blocks[Int(number)].references = 1
        return number
    }

    /// Makes a block known by the tokens it is going to hold.
    private mutating func publish(_ number: Int32, after previous: Int32?, _ tokens: [TokenID]) {
        let key = Key(parent: previous.map { blocks[Int($0)].content } ?? 0, tokens: tokens)
        lastContent += 1
        blocks[Int(number)].key = key
        blocks[Int(number)].content = lastContent
        known[key] = number
    }

    /// Makes a block unknown. Those after it keep a parent that no block will ever be again, and age out.
    private mutating func forget(_ number: Int32) {
        if let key = blocks[Int(number)].key { known[key] = nil }
        blocks[Int(number)] = Block()
    }
}

/// Blocks in the order in which they fell idle: a doubly linked list over block numbers.
private struct IdleBlocks {
    private var older: [Int32]
    private var newer: [Int32]
    private(set) var count = 0

    /// An empty list. Its two ends meet in a number that is no block's.
    init(blockCount: Int) {
        older = Array(repeating: Int32(blockCount), count: blockCount + 1)
        newer = older
    }

    private var end: Int { older.count - 1 }

    mutating func append(_ block: Int32) {
        older[Int(block)] = older[end]
        newer[Int(block)] = Int32(end)
        newer[Int(older[end])] = block
        older[end] = block
        count += 1
    }

    mutating func remove(_ block: Int32) {
        newer[Int(older[Int(block)])] = newer[Int(block)]
        older[Int(newer[Int(block)])] = older[Int(block)]
        count -= 1
    }

    mutating func removeOldest() -> Int32 {
        precondition(count > 0, "no block is idle")
        let block = newer[end]
        remove(block)
        return block
    }
}
