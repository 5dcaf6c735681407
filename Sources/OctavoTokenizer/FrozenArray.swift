/// Elements that never change, read without bounds checks: tables for the innermost loops, whose indices are masked or
/// come from such a table.
struct FrozenArray<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
    /// Owns the memory; nobody writes to it after `init`, which makes sharing it safe.
    private final class Storage {
        let elements: UnsafeMutableBufferPointer<Element>

        init(_ elements: [Element]) {
            self.elements = LargePages.allocate(Element.self, count: elements.count)
            _ = self.elements.initialize(from: elements)
        }

        deinit { elements.deallocate() }
    }

    private let storage: Storage
    private let base: UnsafeMutablePointer<Element>
    /// The number of elements.
    let count: Int

    /// A frozen copy of `elements`, of which there must be one.
    init(_ elements: [Element]) {
        precondition(!elements.isEmpty, "a table has elements")
        storage = Storage(elements)
        base = storage.elements.baseAddress!
        count = elements.count
    }

    /// The element at `index`, which must be valid.
    @inline(__always)
    subscript(index: Int) -> Element { base[index] }
}
