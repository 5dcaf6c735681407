/// Stable sorting by keys that may turn out not to have an order.
enum TemplateSorting {
    /// The items in ascending (or descending) order of their keys; equal ones stay in order either way.
    ///
    /// - Throws: a fault when two keys cannot be compared.
    static func sorted<Item>(
        _ items: [Item], descending: Bool = false, _ budget: TemplateBudget, by key: (Item) throws -> TemplateValue
    ) throws -> [Item] {
        let keyed = try items.enumerated().map { (offset: $0.offset, key: try key($0.element), item: $0.element) }
        return try keyed.sorted { left, right in
            if try left.key.isLess(than: right.key, budget) { return !descending }
            if try right.key.isLess(than: left.key, budget) { return descending }
            return left.offset < right.offset
        }.map(\.item)
    }

    /// The key of a comparison that ignores case.
    static func caseless(_ value: TemplateValue) -> TemplateValue {
        if case .text(let text) = value { .text(text.lowercased) } else { value }
    }
}
