import OctavoLlama
import Testing

@Suite struct WeightArenaTests {
    @Test func `buffers of an arena begin at cache lines, are zero, and share nothing but their region`() {
        let arena = WeightArena()
        let buffers = [1, 63, 64, 65, 0, 100_000].map { AlignedBuffer<UInt8>(count: $0, in: arena) }
        for (index, buffer) in buffers.enumerated() {
            #expect(Int(bitPattern: buffer.base) % 64 == 0)
            #expect((0..<buffer.count).allSatisfy { buffer.base[$0] == 0 })
            #expect(buffer.region === buffers[0].region)
            buffer.base.update(repeating: UInt8(index + 1), count: buffer.count)
        }
        for (index, buffer) in buffers.enumerated() {
            #expect((0..<buffer.count).allSatisfy { buffer.base[$0] == UInt8(index + 1) })
        }
    }

    @Test func `what no region has room for begins another`() {
        let arena = WeightArena()
        let small = AlignedBuffer<Float>(count: 16, in: arena)
        // Address space alone: nothing of it is touched.
        let large = AlignedBuffer<Float>(count: 256 << 20, in: arena)
        #expect(large.region !== small.region)
        large.base[large.count - 1] = 1
        #expect(small.base[15] == 0)
    }

    @Test func `memory goes with the last buffer in it`() {
        var buffers = [AlignedBuffer<Float>]()
        weak var region: MemoryRegion?
        do {
            let arena = WeightArena()
            buffers = [AlignedBuffer(count: 100, in: arena), AlignedBuffer(count: 100, in: arena)]
            region = buffers[0].region
        }
        buffers.removeFirst()
        #expect(region != nil)
        buffers[0].base[99] = 1
        buffers.removeAll()
        #expect(region == nil)
    }
}
