/// Memory for `count` elements of a plain type, aligned to a cache line and zero at first.
///
/// Pages are touched only when used: a buffer sized for the worst case costs what the case at hand needs.
package final class AlignedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
    // Shared by compute threads, each of which writes its own part between two barriers.

    /// The first element.
    package let base: UnsafeMutablePointer<Element>
    /// How many elements there are.
    package let count: Int
    /// The memory it takes once all is touched.
    package let byteCount: Int
    /// What it lies in, alone or beside others.
    package let region: MemoryRegion

    /// Smaller buffers have no large pages of their own: they would hold much that nobody uses.
    private static var leastForLargePages: Int { 4 << 20 }

    /// Allocates zeroed memory: of its own, or beside others'.
    package init(count: Int, in arena: WeightArena? = nil) {
        self.count = count
        byteCount = max(count, 1) * MemoryLayout<Element>.stride
        if let arena {
            let (region, base) = arena.take(byteCount)
            self.region = region
            self.base = base.bindMemory(to: Element.self, capacity: count)
        } else {
            region = MemoryRegion(byteCount: byteCount, largePages: byteCount >= Self.leastForLargePages)
            base = region.base.bindMemory(to: Element.self, capacity: count)
        }
    }
}
