extension TemplateValue {
    /// Python's `==`.
    ///
    /// Values may share their parts, so that walking one takes far longer than making it: the walk is paid for.
    func equals(_ other: TemplateValue, _ budget: TemplateBudget) throws -> Bool {
        switch (self, other) {
        case (.undefined, .undefined), (.none, .none): true
        case (.text(let left), .text(let right)): try Self.equal(left, right, budget)
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            try Self.equal(left.elements, right.elements, budget)
        case (.mapping(let left), .mapping(let right)): try Self.equal(left, right, budget)
        case (.bigInteger(let left), .bigInteger(let right)): left == right
        case (.iterator(let left), .iterator(let right)): left === right
        case (.namespace(let left), .namespace(let right)): left === right
        case (.loop(let left), .loop(let right)): left === right
        case (.callable(let left), .callable(let right)): left === right
        default:
            switch (TemplateNumber(self), TemplateNumber(other)) {
            case (.integer(let left)?, .integer(let right)?): left == right
            case (let left?, let right?): left.double == right.double
            default: false
            }
        }
    }

    private static func equal(_ left: TemplateText, _ right: TemplateText, _ budget: TemplateBudget) throws -> Bool {
        guard left.bytes.count == right.bytes.count else { return false }
        try budget.charge(left.bytes.count / 64)
        return left == right
    }

    private static func equal(
        _ left: [TemplateValue], _ right: [TemplateValue], _ budget: TemplateBudget
    ) throws -> Bool {
        guard left.count == right.count else { return false }
        return try zip(left, right).allSatisfy { one, another in
            try budget.charge()
            return try one.equals(another, budget)
        }
    }

    private static func equal(
        _ left: TemplateMapping, _ right: TemplateMapping, _ budget: TemplateBudget
    ) throws -> Bool {
        guard left.entries.count == right.entries.count else { return false }
        return try left.entries.allSatisfy { entry in
            try budget.charge()
            return try right[entry.key]?.equals(entry.value, budget) ?? false
        }
    }

    /// Python's `<`, which only values of a kind have.
    func isLess(than other: TemplateValue, _ budget: TemplateBudget) throws -> Bool {
        try budget.charge()
        switch (self, other) {
        case (.undefined(let undefined), _), (_, .undefined(let undefined)): throw undefined.fault
        case (.text(let left), .text(let right)):
            try budget.charge(min(left.bytes.count, right.bytes.count) / 64)
            return left < right
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            for (one, another) in zip(left.elements, right.elements) where try !one.equals(another, budget) {
                return try one.isLess(than: another, budget)
            }
            return left.elements.count < right.elements.count
        default:
            switch (TemplateNumber(self), TemplateNumber(other)) {
            case (.integer(let left)?, .integer(let right)?): return left < right
            case (let left?, let right?): return left.double < right.double
            default: throw TemplateFault.evaluation("'\(typeName)' and '\(other.typeName)' cannot be ordered")
            }
        }
    }
}
