extension TemplateEvaluator {
    func compute(
        _ symbol: TemplateExpression.Operator, _ left: TemplateValue, _ right: TemplateValue
    ) throws -> TemplateValue {
        if let value = try computeOnSequences(symbol, left, right) { return value }
        guard let one = TemplateNumber(left), let two = TemplateNumber(right) else {
            throw unsupported(symbol, left, right)
        }
        switch (left, right) {
        case (.bigInteger, _), (_, .bigInteger):
            throw TemplateFault.evaluation("arithmetic with an integer beyond 64 bits")
        default: break
        }
        return switch symbol {
        case .add: try TemplateNumber.sum(one, two).value
        case .subtract: try TemplateNumber.difference(one, two).value
        case .multiply: try TemplateNumber.product(one, two).value
        case .divide: try TemplateNumber.quotient(one, two).value
        case .floorDivide: try TemplateNumber.floorQuotient(one, two).value
        case .remainder: try TemplateNumber.remainder(one, two).value
        case .power: try TemplateNumber.power(one, two).value
        }
    }

    /// What `+`, `*` and `%` mean for text and lists; nothing where they mean arithmetic.
    private func computeOnSequences(
        _ symbol: TemplateExpression.Operator, _ left: TemplateValue, _ right: TemplateValue
    ) throws -> TemplateValue? {
        switch (symbol, left, right) {
        case (.add, .text(let one), .text(let two)):
            let isSafe = one.isSafe || two.isSafe
            var sum = TemplateTextBuilder(budget)
            try sum.append(isSafe ? one.escaped : one)
            try sum.append(isSafe ? two.escaped : two)
            return .text(isSafe ? sum.text.safe : sum.text)
        case (.add, .list(let one), .list(let two)):
            try budget.charge(one.elements.count + two.elements.count)
            return .list(one.elements + two.elements)
        case (.add, .tuple(let one), .tuple(let two)):
            try budget.charge(one.elements.count + two.elements.count)
            return .tuple(one.elements + two.elements)
        case (.multiply, .text, _), (.multiply, .list, _), (.multiply, .tuple, _):
            return try repeated(left, count: right)
        case (.multiply, _, .text), (.multiply, _, .list), (.multiply, _, .tuple):
            return try repeated(right, count: left)
        case (.remainder, .text(let format), _):
            return .text(try PercentFormat.text(format, right, budget))
        default: return nil
        }
    }

    private func repeated(_ value: TemplateValue, count: TemplateValue) throws -> TemplateValue {
        guard case .integer(let count)? = TemplateNumber(count) else { throw unsupported(.multiply, value, count) }
        switch value {
        case .text(let text):
            var product = TemplateTextBuilder(budget)
            try product.append(text, count: count)
            return .text(text.isSafe ? product.text.safe : product.text)
        case .list(let sequence): return .list(try repeated(sequence.elements, count: count))
        case .tuple(let sequence): return .tuple(try repeated(sequence.elements, count: count))
        default: throw unsupported(.multiply, value, .integer(count))
        }
    }

    private func repeated(_ elements: [TemplateValue], count: Int) throws -> [TemplateValue] {
        guard count > 0, !elements.isEmpty else { return [] }
        let (total, overflow) = elements.count.multipliedReportingOverflow(by: count)
        try budget.charge(overflow ? .max : total)
        return (0..<count).flatMap { _ in elements }
    }

    private func unsupported(
        _ symbol: TemplateExpression.Operator, _ left: TemplateValue, _ right: TemplateValue
    ) -> TemplateFault {
        for case .undefined(let undefined) in [left, right] { return undefined.fault }
        return .evaluation(
            "unsupported operand type(s) for \(symbol.rawValue): '\(left.typeName)' and '\(right.typeName)'")
    }

    func number(_ value: TemplateValue, _ use: String) throws -> TemplateNumber {
        switch value {
        case .undefined(let undefined): throw undefined.fault
        case .bool, .integer, .double:
            if let number = TemplateNumber(value) { return number }
        default: break
        }
        throw TemplateFault.evaluation("bad operand type for \(use): '\(value.typeName)'")
    }

    func negated(_ value: TemplateValue) throws -> TemplateValue {
        if case .bigInteger(let digits) = value {
            return .bigInteger(digits.hasPrefix("-") ? String(digits.dropFirst()) : "-" + digits)
        }
        return switch try number(value, "unary -") {
        case .double(let value): .double(-value)
        case let number: try TemplateNumber.difference(.integer(0), number).value
        }
    }

    // MARK: - Comparison

    func compared(
        _ first: TemplateExpression,
        _ rest: [(comparison: TemplateExpression.Comparison, operand: TemplateExpression)]
    ) throws -> TemplateValue {
        var left = try evaluate(first)
        for (comparison, operand) in rest {
            let right = try evaluate(operand)
            guard try holds(comparison, left, right) else { return .bool(false) }
            left = right
        }
        return .bool(true)
    }

    func holds(
        _ comparison: TemplateExpression.Comparison, _ left: TemplateValue, _ right: TemplateValue
    ) throws -> Bool {
        switch comparison {
        case .equal: try left.equals(right, budget)
        case .unequal: try !left.equals(right, budget)
        case .less: try left.isLess(than: right, budget)
        case .greater: try right.isLess(than: left, budget)
        case .lessOrEqual: try left.isLess(than: right, budget) || left.equals(right, budget)
        case .greaterOrEqual: try right.isLess(than: left, budget) || left.equals(right, budget)
        case .contained: try contains(right, left)
        case .notContained: try !contains(right, left)
        }
    }

    /// Python's `value in container`.
    func contains(_ container: TemplateValue, _ value: TemplateValue) throws -> Bool {
        switch container {
        case .undefined: return false
        case .text(let text):
            guard case .text(let needle) = value else {
                throw TemplateFault.evaluation("'in <string>' requires string as left operand, not \(value.typeName)")
            }
            try budget.charge(text.bytes.count / 64)
            return text.contains(needle)
        case .mapping(let mapping):
            switch value {
            case .list, .mapping: throw TemplateFault.evaluation("unhashable type: '\(value.typeName)'")
            default: return mapping[value] != nil
            }
        default: return try elements(of: container).contains { try $0.equals(value, budget) }
        }
    }
}
