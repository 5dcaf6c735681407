extension TemplateEvaluator {
    /// `value.name`: a method or attribute first, then the element of that key.
    func attribute(_ name: String, of value: TemplateValue) throws -> TemplateValue {
        switch value {
        case .undefined(let undefined): throw undefined.fault
        case .namespace(let namespace):
            return namespace.attributes[name] ?? .undefined(.attribute(name, of: "Namespace"))
        case .loop(let loop): return try loop.attribute(name, self)
        default: break
        }
        if let method = TemplateMethods.method(name, of: value) { return method }
        if case .mapping(let mapping) = value, let element = mapping[name] { return element }
        return .undefined(.attribute(name, of: value.typeName))
    }

    /// `value[key]`: the element of that key first, then the method or attribute.
    func element(_ key: TemplateValue, of value: TemplateValue) throws -> TemplateValue {
        switch (value, TemplateNumber(key)) {
        case (.undefined(let undefined), _): throw undefined.fault
        case (.mapping(let mapping), _):
            if let element = mapping[key] { return element }
        case (.list(let sequence), .integer(let index)?), (.tuple(let sequence), .integer(let index)?):
            if let place = position(index, count: sequence.elements.count) { return sequence.elements[place] }
        case (.text(let text), .integer(let index)?):
            let offsets = text.scalarOffsets
            if let place = position(index, count: offsets.count - 1) {
                return .text(text[offsets[place]..<offsets[place + 1]])
            }
        default: break
        }
        guard case .text(let name) = key else { return .undefined(.element(of: value.typeName)) }
        if case .mapping = value {} else { return try attribute(name.string, of: value) }
        // Names that come with the request stay out of messages.
        return TemplateMethods.method(name.string, of: value)
            ?? .undefined(.attribute(name.isTrusted ? name.string : "…", of: "dict"))
    }

    /// The place of Python's `index`, which counts from the end when negative.
    private func position(_ index: Int, count: Int) -> Int? {
        if index < 0 { return index >= -count ? index + count : nil }
        return index < count ? index : nil
    }

    // MARK: - Slices

    func slice(_ slice: TemplateExpression.Slice, of value: TemplateValue) throws -> TemplateValue {
        let start = try bound(slice.start)
        let stop = try bound(slice.stop)
        let step = try bound(slice.step) ?? 1
        guard step != 0 else { throw TemplateFault.evaluation("slice step cannot be zero") }
        switch value {
        case .undefined(let undefined): throw undefined.fault
        case .list(let sequence):
            let places = places(from: start, to: stop, by: step, count: sequence.elements.count)
            return .list(places.map { sequence.elements[$0] })
        case .tuple(let sequence):
            let places = places(from: start, to: stop, by: step, count: sequence.elements.count)
            return .tuple(places.map { sequence.elements[$0] })
        case .text(let text):
            let offsets = text.scalarOffsets
            let places = places(from: start, to: stop, by: step, count: offsets.count - 1)
            if step == 1 {
                guard let first = places.first, let last = places.last else { return .text(TemplateText()) }
                return .text(text[offsets[first]..<offsets[last + 1]])
            }
            var result = TemplateTextBuilder(budget)
            for place in places { try result.append(text[offsets[place]..<offsets[place + 1]]) }
            return .text(result.text)
        default: throw TemplateFault.evaluation("'\(value.typeName)' object cannot be sliced")
        }
    }

    private func bound(_ expression: TemplateExpression?) throws -> Int? {
        guard let expression else { return nil }
        switch try evaluate(expression) {
        case .none: return nil
        case let value: return try Optional(value).integer("slice")
        }
    }

    /// The places that Python's slice `start:stop:step` selects of `count` elements.
    private func places(from start: Int?, to stop: Int?, by step: Int, count: Int) -> [Int] {
        // Without bounds a backward slice runs from the last place to just before the first, which is -1.
        let (lowest, highest) = step > 0 ? (0, count) : (-1, count - 1)
        func clamped(_ bound: Int) -> Int {
            min(max(bound < 0 ? max(bound, -count - 1) + count : bound, lowest), highest)
        }
        let first = start.map(clamped) ?? (step > 0 ? lowest : highest)
        let end = stop.map(clamped) ?? (step > 0 ? highest : lowest)
        // A step longer than the sequence selects at most one element; longer ones would only overflow.
        return Array(stride(from: first, to: end, by: min(max(step, -count - 1), count + 1)))
    }
}
