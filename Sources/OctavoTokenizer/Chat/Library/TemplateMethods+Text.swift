extension TemplateMethods {
    static let ofText: [String: Method<TemplateText>] = [
        caseMethods, searchMethods, splitMethods, layoutMethods, questions,
    ]
    .reduce(into: [:]) { $0.merge($1) { first, _ in first } }

    private static let caseMethods: [String: Method<TemplateText>] = [
        "capitalize": { _, text, _ in .text(text.capitalized) },
        "casefold": { _, text, _ in .text(text.lowercased) },
        "lower": { _, text, _ in .text(text.lowercased) },
        "title": { _, text, _ in .text(text.titlecased) },
        "upper": { _, text, _ in .text(text.uppercased) },
    ]

    // MARK: - Searching

    private static let searchMethods: [String: Method<TemplateText>] = [
        "count": { _, text, arguments in
            let (needle, start, end) = try needle(arguments, in: text, "count")
            guard let start else { return .integer(0) }
            let count = needle.isEmpty ? text[start..<end].scalarCount + 1 : text[start..<end].ranges(of: needle).count
            return .integer(count)
        },
        "endswith": { _, text, arguments in
            try hasAffix(text, arguments, "endswith") { $0.hasSuffix($1) }
        },
        "find": { _, text, arguments in .integer(try place(text, arguments, "find", last: false) ?? -1) },
        "index": { _, text, arguments in .integer(try found(place(text, arguments, "index", last: false))) },
        "rfind": { _, text, arguments in .integer(try place(text, arguments, "rfind", last: true) ?? -1) },
        "rindex": { _, text, arguments in .integer(try found(place(text, arguments, "rindex", last: true))) },
        "startswith": { _, text, arguments in
            try hasAffix(text, arguments, "startswith") { $0.hasPrefix($1) }
        },
    ]

    /// What to search for, and the bytes to search in: `find(needle, start, end)`. No start if it is beyond the end.
    private static func needle(
        _ arguments: TemplateArguments, in text: TemplateText, _ callee: String
    ) throws -> (needle: TemplateText, start: Int?, end: Int) {
        let bound = try arguments.bound(callee, to: "sub", "start", "end")
        let (start, end) = try window(bound[1], bound[2], of: text, callee)
        return (try bound[0].text(callee), start, end)
    }

    /// The offsets between which a method looks, of the places that `start` and `end` name.
    private static func window(
        _ start: TemplateValue?, _ end: TemplateValue?, of text: TemplateText, _ callee: String
    ) throws -> (start: Int?, end: Int) {
        let offsets = text.scalarOffsets
        let count = offsets.count - 1
        func clamped(_ index: Int) -> Int { min(index < 0 ? max(index, -count) + count : index, count) }
        let first = try start.integer(callee, default: 0)
        let last = clamped(try end.integer(callee, default: count))
        let isOutside = first > count || clamped(first) > last
        return (isOutside ? nil : offsets[clamped(first)], offsets[last])
    }

    private static func place(
        _ text: TemplateText, _ arguments: TemplateArguments, _ callee: String, last: Bool
    ) throws -> Int? {
        let (needle, start, end) = try needle(arguments, in: text, callee)
        guard let start else { return nil }
        let window = text[start..<end]
        let offset: Int? =
            if needle.isEmpty {
                last ? window.bytes.count : 0
            } else if last {
                window.lastRange(of: needle)?.lowerBound
            } else {
                window.ranges(of: needle, limit: 1).first?.lowerBound
            }
        return offset.map { text[0..<start + $0].scalarCount }
    }

    private static func found(_ place: Int?) throws -> Int {
        guard let place else { throw TemplateFault.evaluation("substring not found") }
        return place
    }

    /// Whether a text begins or ends in a given text, or in one of a tuple of them.
    private static func hasAffix(
        _ text: TemplateText, _ arguments: TemplateArguments, _ callee: String,
        _ matches: (TemplateText, TemplateText) -> Bool
    ) throws -> TemplateValue {
        let bound = try arguments.bound(callee, to: "affix", "start", "end")
        var affixes = [bound[0]]
        if case .tuple(let sequence)? = bound[0] { affixes = sequence.elements }
        let texts = try affixes.map { try $0.text(callee) }
        let (start, end) = try window(bound[1], bound[2], of: text, callee)
        guard let start else { return .bool(false) }
        return .bool(texts.contains { matches(text[start..<end], $0) })
    }

    // MARK: - Cutting

    private static let splitMethods: [String: Method<TemplateText>] = [
        "lstrip": { _, text, arguments in .text(try stripped(text, .leading, arguments, "lstrip")) },
        "partition": { _, text, arguments in
            let separator = try separator(arguments, "partition")
            let range = text.ranges(of: separator, limit: 1).first
            return parts(text, around: range ?? text.bytes.count..<text.bytes.count)
        },
        "removeprefix": { _, text, arguments in
            let prefix = try arguments.bound("removeprefix", to: "prefix")[0].text("removeprefix")
            return .text(text.hasPrefix(prefix) ? text[prefix.bytes.count..<text.bytes.count] : text)
        },
        "removesuffix": { _, text, arguments in
            let suffix = try arguments.bound("removesuffix", to: "suffix")[0].text("removesuffix")
            return .text(text.hasSuffix(suffix) ? text[0..<text.bytes.count - suffix.bytes.count] : text)
        },
        "rpartition": { _, text, arguments in
            let separator = try separator(arguments, "rpartition")
            return parts(text, around: text.lastRange(of: separator) ?? 0..<0)
        },
        "rsplit": { _, text, arguments in try split(text, arguments, "rsplit", fromEnd: true) },
        "rstrip": { _, text, arguments in .text(try stripped(text, .trailing, arguments, "rstrip")) },
        "split": { _, text, arguments in try split(text, arguments, "split", fromEnd: false) },
        "splitlines": { _, text, arguments in
            let keepsEnds = try arguments.bound("splitlines", to: "keepends")[0].isTrue(default: false)
            return .list(text.lines(keepingEnds: keepsEnds).map(TemplateValue.text))
        },
        "strip": { _, text, arguments in .text(try stripped(text, .both, arguments, "strip")) },
    ]

    private static func stripped(
        _ text: TemplateText, _ ends: TemplateText.Ends, _ arguments: TemplateArguments, _ callee: String
    ) throws -> TemplateText {
        text.trimmed(ends, of: try arguments.bound(callee, to: "chars")[0].optionalText(callee))
    }

    private static func separator(
        _ arguments: TemplateArguments, _ callee: String
    ) throws -> TemplateText {
        let separator = try arguments.bound(callee, to: "sep")[0].text(callee)
        guard !separator.isEmpty else { throw TemplateFault.evaluation("empty separator") }
        return separator
    }

    private static func parts(_ text: TemplateText, around range: Range<Int>) -> TemplateValue {
        .tuple([
            .text(text[0..<range.lowerBound]), .text(text[range]), .text(text[range.upperBound..<text.bytes.count]),
        ])
    }

    private static func split(
        _ text: TemplateText, _ arguments: TemplateArguments, _ callee: String, fromEnd: Bool
    ) throws -> TemplateValue {
        let bound = try arguments.bound(callee, to: "sep", "maxsplit")
        let written = try bound[1].integer(callee, default: -1)
        let limit = written < 0 ? Int.max : written
        guard let separator = try bound[0].optionalText(callee) else {
            return .list(text.splitOnSpace(limit: limit, fromEnd: fromEnd).map(TemplateValue.text))
        }
        guard !separator.isEmpty else { throw TemplateFault.evaluation("empty separator") }
        let pieces = fromEnd ? text.splitFromEnd(on: separator, limit: limit) : text.split(on: separator, limit: limit)
        return .list(pieces.map(TemplateValue.text))
    }

    // MARK: - Building

    private static let layoutMethods: [String: Method<TemplateText>] = [
        "center": { evaluator, text, arguments in try padded(evaluator, text, arguments, "center", .center) },
        "format": { evaluator, text, arguments in .text(try BraceFormat.text(text, arguments, evaluator)) },
        "join": { evaluator, text, arguments in
            guard let iterable = try arguments.bound("join", to: "iterable")[0] else {
                throw TemplateFault.evaluation("join() needs something to join")
            }
            let pieces = try evaluator.elements(of: iterable).map { try Optional($0).text("join") }
            return .text(try TextLayout.joined(pieces, by: text, evaluator.budget))
        },
        "ljust": { evaluator, text, arguments in try padded(evaluator, text, arguments, "ljust", .left) },
        "replace": { evaluator, text, arguments in
            let bound = try arguments.bound("replace", to: "old", "new", "count")
            let (old, new) = (try bound[0].text("replace"), try bound[1].text("replace"))
            let limit = try bound[2].integer("replace", default: -1)
            return .text(try TextLayout.replacing(old, in: text, with: new, limit: limit, evaluator.budget))
        },
        "rjust": { evaluator, text, arguments in try padded(evaluator, text, arguments, "rjust", .right) },
        "zfill": { evaluator, text, arguments in
            let width = try arguments.bound("zfill", to: "width")[0].integer("zfill")
            let sign = text.bytes.first == UInt8(ascii: "-") || text.bytes.first == UInt8(ascii: "+") ? 1 : 0
            let digits = text[sign..<text.bytes.count]
            let filled = try TextLayout.padded(digits, to: width - sign, .right, with: "0", evaluator.budget)
            return .text(text[0..<sign] + filled)
        },
    ]

    private static func padded(
        _ evaluator: TemplateEvaluator, _ text: TemplateText, _ arguments: TemplateArguments, _ callee: String,
        _ alignment: TextLayout.Alignment
    ) throws -> TemplateValue {
        let bound = try arguments.bound(callee, to: "width", "fillchar")
        let filling = try bound[1].text(callee, default: " ")
        guard filling.scalarCount == 1 else {
            throw TemplateFault.evaluation("the fill character must be exactly one character long")
        }
        let width = try bound[0].integer(callee)
        return .text(try TextLayout.padded(text, to: width, alignment, with: filling, evaluator.budget))
    }

    // MARK: - Asking

    private static let questions: [String: Method<TemplateText>] = [
        "isalnum": { _, text, _ in
            .bool(text.isMade { PythonCharacter.isLetter($0) || $0.properties.numericType != nil })
        },
        "isalpha": { _, text, _ in .bool(text.isMade(of: PythonCharacter.isLetter)) },
        "isascii": { _, text, _ in .bool(text.bytes.allSatisfy { $0 < 0x80 }) },
        "isdecimal": { _, text, _ in .bool(text.isMade { $0.properties.numericType == .decimal }) },
        "isdigit": { _, text, _ in
            .bool(text.isMade { $0.properties.numericType == .decimal || $0.properties.numericType == .digit })
        },
        "islower": { _, text, _ in .bool(text.isLowercase) },
        "isnumeric": { _, text, _ in .bool(text.isMade { $0.properties.numericType != nil }) },
        "isprintable": { _, text, _ in .bool(text.isEmpty || text.isMade(of: PythonCharacter.isPrintable)) },
        "isspace": { _, text, _ in .bool(text.isMade(of: PythonCharacter.isSpace)) },
        "isupper": { _, text, _ in .bool(text.isUppercase) },
    ]
}

extension TemplateText {
    /// Whether there are scalars, all of which satisfy `predicate`.
    fileprivate func isMade(of predicate: (Unicode.Scalar) -> Bool) -> Bool {
        !isEmpty && string.unicodeScalars.allSatisfy(predicate)
    }
}
