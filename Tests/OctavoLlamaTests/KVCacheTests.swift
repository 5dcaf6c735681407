import Foundation
import OctavoEngine
import OctavoLlama
import Testing

@Suite struct KVCacheTests {
    private func makeCache(blocks: Int, slack: Int = 0) -> KVCache {
        let shape = KVCache.Shape(layerCount: 2, headCount: 2, headSize: 16, blockLength: 16, precision: .f16)
        return KVCache(shape: shape, byteCount: blocks * shape.blockBytes + slack)
    }

    @Test func `a cache has as many whole blocks as its bytes hold, and at least one`() {
        #expect(makeCache(blocks: 5, slack: 100).blockCount == 5)
        #expect(makeCache(blocks: 0, slack: 1).blockCount == 1)
    }

    @Test func `sequences own their blocks alone`() throws {
        let cache = makeCache(blocks: 10)
        let sequences = try [1, 16, 17, 48].map { try cache.makeSequence(length: $0) }
        let blocks = sequences.map { sequence in
            let table = cache.blocks(of: sequence)
            return (0..<table.count).map { table.base[$0] }
        }
        #expect(blocks.map(\.count) == [1, 1, 2, 3])
        #expect(Set(blocks.joined()).count == 7)
        #expect(blocks.joined().allSatisfy { (0..<10).contains($0) })
        #expect(Set(sequences).count == 4)
    }

    @Test func `a reservation beyond the room is refused whole, and what is given back serves again`() throws {
        let cache = makeCache(blocks: 4)
        let first = try cache.makeSequence(length: 32)
        let second = try cache.makeSequence(length: 17)
        #expect(throws: EngineError.outOfMemory(positions: 1)) { try cache.makeSequence(length: 1) }
        cache.release(first)
        #expect(throws: EngineError.outOfMemory(positions: 33)) { try cache.makeSequence(length: 33) }
        let third = try cache.makeSequence(length: 32)
        cache.release(first)
        #expect(throws: EngineError.outOfMemory(positions: 1)) { try cache.makeSequence(length: 1) }
        cache.release(second)
        cache.release(third)
        _ = try cache.makeSequence(length: 64)
    }

    @Test func `lengths grow within the reservation, and a new sequence begins empty`() throws {
        let cache = makeCache(blocks: 2)
        let sequence = try cache.makeSequence(length: 12)
        cache.extend(sequence, by: 5)
        cache.extend(sequence, by: 7)
        #expect(cache.length(of: sequence) == 12)
        cache.release(sequence)
        #expect(cache.length(of: sequence) == 0)
        #expect(cache.length(of: try cache.makeSequence(length: 12)) == 0)
    }

    @Test func `thousands of sequences of all lengths leak nothing`() throws {
        let cache = makeCache(blocks: 50)
        var living: [SequenceID] = []
        for turn in 0..<5000 {
            if let sequence = try? cache.makeSequence(length: turn * 14 % 120) { living.append(sequence) }
            if turn % 3 != 0, !living.isEmpty { cache.release(living.remove(at: turn % living.count)) }
        }
        for sequence in living { cache.release(sequence) }
        _ = try cache.makeSequence(length: 800)
    }

    @Test func `a runner refuses a sequence longer than its context`() throws {
        let path = TinyModel(name: TinyModel.names[0]).folder.appending(path: "hf").path()
        let runner = try TinyModel.runner(path)
        let tooLong = runner.contextLength + 1
        #expect(throws: EngineError.outOfMemory(positions: tooLong)) { try runner.makeSequence(length: tooLong) }
        runner.release(try runner.makeSequence(length: runner.contextLength))
    }
}
