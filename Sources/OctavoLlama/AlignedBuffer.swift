import Foundation

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

    /// Allocates zeroed memory.
    package init(count: Int) {
        self.count = count
        byteCount = max(count, 1) * MemoryLayout<Element>.stride
        let mapped = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapped, mapped != MAP_FAILED else {
            preconditionFailure("the system has no \(byteCount) bytes of address space")
        }
        // Large pages spare TLB misses where the system grants them; a refusal costs nothing.
        if byteCount >= 4 << 20 { madvise(mapped, byteCount, MADV_HUGEPAGE) }
        base = mapped.bindMemory(to: Element.self, capacity: count)
    }

    deinit { munmap(base, byteCount) }
}
