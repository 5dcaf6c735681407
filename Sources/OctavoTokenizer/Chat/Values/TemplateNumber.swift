internal import Foundation

/// A number of the template language; booleans count as 0 and 1, as in Python.
enum TemplateNumber {
    case integer(Int)
    case double(Double)

    /// Nothing for a value that is no number. An integer beyond 64 bits stands as its nearest double.
    init?(_ value: TemplateValue) {
        switch value {
        case .bool(let value): self = .integer(value ? 1 : 0)
        case .integer(let value): self = .integer(value)
        case .double(let value): self = .double(value)
        case .bigInteger(let digits): self = .double(Double(digits) ?? .infinity)
        default: return nil
        }
    }

    var double: Double {
        switch self {
        case .integer(let value): Double(value)
        case .double(let value): value
        }
    }

    var value: TemplateValue {
        switch self {
        case .integer(let value): .integer(value)
        case .double(let value): .double(value)
        }
    }
}

// MARK: - Arithmetic

extension TemplateNumber {
    private static func checked(_ result: (partialValue: Int, overflow: Bool)) throws -> Int {
        guard !result.overflow else { throw TemplateFault.evaluation("an integer beyond 64 bits") }
        return result.partialValue
    }

    static func sum(_ left: TemplateNumber, _ right: TemplateNumber) throws -> TemplateNumber {
        guard case (.integer(let one), .integer(let two)) = (left, right) else {
            return .double(left.double + right.double)
        }
        return .integer(try checked(one.addingReportingOverflow(two)))
    }

    static func difference(_ left: TemplateNumber, _ right: TemplateNumber) throws -> TemplateNumber {
        guard case (.integer(let one), .integer(let two)) = (left, right) else {
            return .double(left.double - right.double)
        }
        return .integer(try checked(one.subtractingReportingOverflow(two)))
    }

    static func product(_ left: TemplateNumber, _ right: TemplateNumber) throws -> TemplateNumber {
        guard case (.integer(let one), .integer(let two)) = (left, right) else {
            return .double(left.double * right.double)
        }
        return .integer(try checked(one.multipliedReportingOverflow(by: two)))
    }

    static func quotient(_ left: TemplateNumber, _ right: TemplateNumber) throws -> TemplateNumber {
        guard right.double != 0 else { throw TemplateFault.evaluation("division by zero") }
        return .double(left.double / right.double)
    }

    /// Python's `//`: rounded down.
    static func floorQuotient(
        _ left: TemplateNumber, _ right: TemplateNumber
    ) throws -> TemplateNumber {
        guard right.double != 0 else { throw TemplateFault.evaluation("division by zero") }
        guard case (.integer(let one), .integer(let two)) = (left, right) else {
            return .double((left.double / right.double).rounded(.down))
        }
        let (quotient, overflow) = one.dividedReportingOverflow(by: two)
        let isRoundedUp = one % (overflow ? 1 : two) != 0 && (one < 0) != (two < 0)
        return .integer(try checked((quotient - (isRoundedUp ? 1 : 0), overflow)))
    }

    /// Python's `%`: of the sign of the divisor.
    static func remainder(_ left: TemplateNumber, _ right: TemplateNumber) throws -> TemplateNumber {
        guard right.double != 0 else { throw TemplateFault.evaluation("modulo by zero") }
        guard case (.integer(let one), .integer(let two)) = (left, right) else {
            let remainder = left.double.truncatingRemainder(dividingBy: right.double)
            let isOffSign = remainder != 0 && (remainder < 0) != (right.double < 0)
            return .double(isOffSign ? remainder + right.double : remainder)
        }
        let remainder = one.remainderReportingOverflow(dividingBy: two).partialValue
        return .integer(remainder != 0 && (remainder < 0) != (two < 0) ? remainder + two : remainder)
    }

    static func power(_ base: TemplateNumber, _ exponent: TemplateNumber) throws -> TemplateNumber {
        guard base.double != 0 || exponent.double >= 0 else { throw TemplateFault.evaluation("division by zero") }
        guard case (.integer(var square), .integer(var bits)) = (base, exponent), bits >= 0 else {
            return .double(pow(base.double, exponent.double))
        }
        var result = 1
        while bits > 0 {
            if bits & 1 == 1 { result = try checked(result.multipliedReportingOverflow(by: square)) }
            bits >>= 1
            if bits > 0 { square = try checked(square.multipliedReportingOverflow(by: square)) }
        }
        return .integer(result)
    }
}
