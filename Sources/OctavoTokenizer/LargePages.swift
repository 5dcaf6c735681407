import Foundation

/// Memory for large tables that are read at random.
enum LargePages {
    private static let pageSize = 2 << 20

    /// Memory for `count` elements, uninitialized; to be given back by `deallocate`.
    ///
    /// Tables of a page and more are laid on pages of 2 MiB where the system has them: with small pages, nearly every
    /// access to such a table costs a walk through the page tables too.
    static func allocate<Element: BitwiseCopyable>(
        _ type: Element.Type, count: Int
    ) -> UnsafeMutableBufferPointer<Element> {
        let size = count * MemoryLayout<Element>.stride
        guard size >= pageSize / 2 else { return .allocate(capacity: count) }
        let rounded = (size + pageSize - 1) / pageSize * pageSize
        let memory = UnsafeMutableRawPointer.allocate(byteCount: rounded, alignment: pageSize)
        #if os(Linux)
        madvise(memory, rounded, MADV_HUGEPAGE)
        #endif
        return UnsafeMutableBufferPointer(start: memory.bindMemory(to: type, capacity: count), count: count)
    }
}
