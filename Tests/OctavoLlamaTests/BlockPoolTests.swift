import OctavoCore
import OctavoLlama
import OctavoTestSupport
import Testing

@Suite struct BlockPoolTests {
    private func tokens(_ count: Int, _ seed: Int = 0) -> [TokenID] { (0..<count).map { TokenID($0 * 7 + seed) } }

    private func table(_ pool: BlockPool, _ sequence: Int) -> [Int32] {
        let blocks = pool.blocks(of: sequence)
        return (0..<blocks.count).map { blocks.base[$0] }
    }

    private func make(_ pool: inout BlockPool, _ prefix: [TokenID], length: Int) throws -> Int {
        let id = pool.makeSequence(prefix: prefix[...], length: length)
        return try #require(id)
    }

    /// Makes a sequence and fills all of it that others have not.
    private func fill(_ pool: inout BlockPool, _ prefix: [TokenID], length: Int) throws -> (id: Int, computed: Int) {
        let id = try make(&pool, prefix, length: length)
        let next = pool.heldPositions(of: id)
        let held = try #require(next)
        pool.extend(id, by: length - held)
        return (id, length - held)
    }

    @Test func `sequences of one beginning share its whole blocks, which are computed once`() throws {
        var pool = BlockPool(blockCount: 20, blockLength: 16)
        let first = try fill(&pool, tokens(40), length: 50)
        let second = try fill(&pool, tokens(40), length: 70)
        #expect(first.computed == 50 && second.computed == 70 - 32)
        #expect(table(pool, first.id).prefix(2) == table(pool, second.id).prefix(2))
        #expect(Set(table(pool, first.id) + table(pool, second.id)).count == 4 + 5 - 2)
        let other = try fill(&pool, tokens(16) + tokens(24, 1), length: 40)
        #expect(other.computed == 24, "a block is shared with those that differ after it")
    }

    @Test func `equal blocks after different beginnings are not shared`() throws {
        var pool = BlockPool(blockCount: 20, blockLength: 16)
        _ = try fill(&pool, tokens(16, 1) + tokens(16), length: 40)
        #expect(try fill(&pool, tokens(16, 2) + tokens(16), length: 40).computed == 40)
    }

    @Test func `a sequence waits while another computes what it needs, and goes on itself when that one leaves`() throws
    {
        var pool = BlockPool(blockCount: 20, blockLength: 16)
        let first = try make(&pool, tokens(48), length: 60)
        let second = try make(&pool, tokens(48), length: 60)
        #expect(pool.heldPositions(of: first) == 0)
        #expect(pool.heldPositions(of: second) == nil)
        pool.extend(first, by: 20)
        #expect(pool.heldPositions(of: second) == nil, "the second block is half full")
        #expect(pool.heldPositions(of: first) == 20)
        pool.release(first)
        #expect(pool.heldPositions(of: second) == 16, "only whole blocks are taken over")
        pool.extend(second, by: 44)
        #expect(pool.length(of: second) == 60)
    }

    @Test func `what is left behind is shared again until its room is needed, the oldest first`() throws {
        var pool = BlockPool(blockCount: 4, blockLength: 16)
        for seed in [1, 2, 3, 4] {
            let sequence = try fill(&pool, tokens(16, seed), length: 16)
            pool.release(sequence.id)
        }
        let again = try fill(&pool, tokens(16, 1), length: 16)
        #expect(again.computed == 0)
        pool.release(again.id)
        let new = try fill(&pool, tokens(16, 5), length: 16)
        pool.release(new.id)
        #expect(try fill(&pool, tokens(16, 1), length: 16).computed == 0, "used since")
        #expect(try fill(&pool, tokens(16, 3), length: 16).computed == 0)
        #expect(try fill(&pool, tokens(16, 2), length: 16).computed == 16, "the oldest")
    }

    @Test func `half-filled blocks are forgotten with the last who has them`() throws {
        var pool = BlockPool(blockCount: 4, blockLength: 16)
        let first = try make(&pool, tokens(32), length: 32)
        _ = pool.heldPositions(of: first)
        pool.extend(first, by: 20)
        pool.release(first)
        #expect(try fill(&pool, tokens(32), length: 32).computed == 16)
    }

    @Test func `sequences that come and go at random never hold a block that is not theirs, and leak none`() throws {
        var generator = SeededGenerator.random()
        var pool = BlockPool(blockCount: 60, blockLength: 16)
        var living: [(id: Int, prefix: [TokenID], length: Int)] = []
        // What each block holds by what was computed into it.
        var contents: [Int32: [TokenID]] = [:]
        for _ in 0..<4000 {
            let prefix = Array(
                (tokens(48, Int.random(in: 0..<4, using: &generator))
                    + tokens(32, Int.random(in: 0..<3, using: &generator))).prefix(
                        Int.random(in: 0...80, using: &generator)))
            let length = prefix.count + Int.random(in: 1...60, using: &generator)
            if let id = pool.makeSequence(prefix: prefix[...], length: length) { living.append((id, prefix, length)) }
            for sequence in living.shuffled(using: &generator).prefix(3) {
                guard let held = pool.heldPositions(of: sequence.id) else { continue }
                let blocks = table(pool, sequence.id)
                for index in 0..<min(held / 16, sequence.prefix.count / 16) {
                    #expect(contents[blocks[index]] == Array(sequence.prefix.prefix(index * 16 + 16)), "\(generator)")
                }
                let count = Int.random(in: 0...min(40, sequence.length - held), using: &generator)
                pool.extend(sequence.id, by: count)
                for index in held / 16..<max(held / 16, (held + count) / 16) {
                    contents[blocks[index]] = Array(sequence.prefix.prefix(index * 16 + 16))
                }
            }
            if !living.isEmpty, Int.random(in: 0..<5, using: &generator) > 1 {
                pool.release(living.remove(at: Int.random(in: 0..<living.count, using: &generator)).id)
            }
        }
        for sequence in living { pool.release(sequence.id) }
        #expect(pool.makeSequence(prefix: [], length: 960) != nil, "\(generator)")
    }
}
