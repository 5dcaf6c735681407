import Foundation

/// Anonymous memory of the system's, zero at first, given back when the last buffer in it is gone.
///
/// Pages are touched only when used: a region sized for the worst case costs what the case at hand needs.
package final class MemoryRegion: @unchecked Sendable {
    // Never changes; what it lends is others' to share.

    /// Where it begins: at a large page, if it asks for those.
    let base: UnsafeMutableRawPointer
    private let mapped: UnsafeMutableRawPointer
    private let mappedByteCount: Int

    /// The size of a large page on x86-64 and, with the usual base pages, on ARM64.
    static let largePage = 2 << 20

    /// - Parameter largePages: whether to ask for them, which spares TLB misses; a refusal costs nothing.
    init(byteCount: Int, largePages: Bool) {
        // Address space alone, so that the region can begin at a large page.
        mappedByteCount = largePages ? byteCount + Self.largePage : max(byteCount, 1)
        let mapped = mmap(nil, mappedByteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapped, mapped != MAP_FAILED else {
            preconditionFailure("the system has no \(mappedByteCount) bytes of address space")
        }
        self.mapped = mapped
        base = largePages ? mapped.alignedUp(toMultipleOf: Self.largePage) : mapped
        if largePages { madvise(base, byteCount, MADV_HUGEPAGE) }
    }

    deinit { munmap(mapped, mappedByteCount) }
}

/// Hands out memory that lies side by side in regions of large pages.
///
/// A model's matrices are smaller than its weights by far; those of a small model fill no large page of their own. Used
/// by one thread while a model is loaded. What was handed out outlives it.
package final class WeightArena {
    /// Address space of a region. The blocks of Llama 3 8B fit one each; what the last one leaves costs nothing but
    /// the rest of a page.
    private static let regionByteCount = 256 << 20
    private static let cacheLine = 64

    private var region: MemoryRegion?
    private var free = 0..<0

    package init() {}

    /// Zeroed memory at a cache line, and the region that it lives as long as.
    func take(_ byteCount: Int) -> (region: MemoryRegion, base: UnsafeMutableRawPointer) {
        let taken = (byteCount + Self.cacheLine - 1) / Self.cacheLine * Self.cacheLine
        if let region, taken <= free.count { return (region, place(taken, in: region)) }
        let size = max(Self.regionByteCount, taken)
        let region = MemoryRegion(byteCount: size, largePages: true)
        self.region = region
        free = 0..<size
        return (region, place(taken, in: region))
    }

    private func place(_ taken: Int, in region: MemoryRegion) -> UnsafeMutableRawPointer {
        let base = region.base + free.lowerBound
        free = free.lowerBound + taken..<free.upperBound
        return base
    }
}
