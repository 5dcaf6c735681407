/// What `attribute=` names: a path such as `function.name` or `0.id`, or nothing for the value itself.
struct TemplateAttributePath {
    private let keys: [TemplateValue]
    private let isCaseless: Bool
    private let fallback: TemplateValue?

    init(_ attribute: TemplateValue?, isCaseless: Bool = false, fallback: TemplateValue? = nil) throws {
        self.isCaseless = isCaseless
        self.fallback = fallback
        switch attribute {
        case nil, TemplateValue.none?: keys = []
        case .text(let text)?:
            keys = text.split(on: ".", limit: .max).map { part in
                part.bytes.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
                    ? Int(part.string).map(TemplateValue.integer) ?? .text(part) : .text(part)
            }
        case let key?: keys = [key]
        }
    }

    func value(in item: TemplateValue, _ evaluator: TemplateEvaluator) throws -> TemplateValue {
        var value = item
        for key in keys {
            value = try evaluator.element(key, of: value)
            if value.isUndefined, let fallback { value = fallback }
        }
        return isCaseless ? TemplateSorting.caseless(value) : value
    }
}
