/// The evaluated arguments of a call.
struct TemplateArguments {
    var positional: [TemplateValue] = []
    var keyword: [(name: String, value: TemplateValue)] = []

    /// The arguments in the order of a function's parameters, nothing for those not given.
    ///
    /// - Throws: a fault for an argument that `callee` has no parameter for, or one given twice.
    func bound(_ callee: String, to parameters: String...) throws -> [TemplateValue?] {
        guard positional.count <= parameters.count else {
            throw TemplateFault.evaluation(
                "\(callee)() takes at most \(parameters.count) arguments, not \(positional.count)")
        }
        var values: [TemplateValue?] = positional
        values.append(contentsOf: repeatElement(nil, count: parameters.count - positional.count))
        for (name, value) in keyword {
            guard let index = parameters.firstIndex(of: name) else {
                throw TemplateFault.evaluation("\(callee)() got an unexpected keyword argument '\(name)'")
            }
            guard values[index] == nil else {
                throw TemplateFault.evaluation("\(callee)() got multiple values for argument '\(name)'")
            }
            values[index] = value
        }
        return values
    }

    /// Removes and returns the keyword argument `name`.
    mutating func takeKeyword(_ name: String) -> TemplateValue? {
        keyword.firstIndex { $0.name == name }.map { keyword.remove(at: $0).value }
    }
}

// MARK: - Reading one argument

extension TemplateValue? {
    /// The text of an argument that must be one.
    func text(_ callee: String, default fallback: TemplateText? = nil) throws -> TemplateText {
        switch (self, fallback) {
        case (.text(let text)?, _): return text
        case (nil, let fallback?): return fallback
        default: throw TemplateFault.evaluation("\(callee)() needs a string, not \(self?.typeName ?? "nothing")")
        }
    }

    /// The text of an argument that may be left out or be none.
    func optionalText(_ callee: String) throws -> TemplateText? {
        switch self {
        case nil, TemplateValue.none?: nil
        default: try text(callee)
        }
    }

    /// The integer of an argument that must be one.
    func integer(_ callee: String, default fallback: Int? = nil) throws -> Int {
        switch (self, fallback) {
        case (.integer(let value)?, _): return value
        case (.bool(let value)?, _): return value ? 1 : 0
        case (nil, let fallback?), (TemplateValue.none?, let fallback?): return fallback
        default: throw TemplateFault.evaluation("\(callee)() needs an integer, not \(self?.typeName ?? "nothing")")
        }
    }

    /// The truth of an argument.
    func isTrue(default fallback: Bool) -> Bool { self?.isTrue ?? fallback }
}
