/// Text that grows within a budget: for all that could make more text than it was given.
struct TemplateTextBuilder {
    private(set) var text = TemplateText()
    let budget: TemplateBudget

    init(_ budget: TemplateBudget) { self.budget = budget }

    mutating func append(_ other: TemplateText) throws {
        let limit = budget.limits.outputBytes
        guard text.bytes.count + other.bytes.count <= limit else {
            throw TemplateFault.limit("a text of more than \(limit) bytes")
        }
        try budget.charge(1 + other.bytes.count / 64)
        text.append(other)
    }

    /// Appends `filling` `count` times.
    mutating func append(_ filling: TemplateText, count: Int) throws {
        guard !filling.isEmpty, count > 0 else { return }
        for _ in 0..<count { try append(filling) }
    }
}
