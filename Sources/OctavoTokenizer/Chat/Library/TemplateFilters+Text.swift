extension TemplateFilters {
    static let text: [String: TemplateFilter] = [
        "capitalize": rewritten("capitalize", \.capitalized),
        "center": { evaluator, value, arguments in
            let width = try arguments.bound("center", to: "width")[0].integer("center", default: 80)
            return .text(try TextLayout.padded(try evaluator.text(of: value), to: width, .center, evaluator.budget))
        },
        "e": rewritten("e", \.escaped),
        "escape": rewritten("escape", \.escaped),
        "format": { evaluator, value, arguments in
            .text(try PercentFormat.text(try evaluator.text(of: value), formatArguments(arguments), evaluator.budget))
        },
        "indent": indent,
        "lower": rewritten("lower", \.lowercased),
        "replace": { evaluator, value, arguments in
            let bound = try arguments.bound("replace", to: "old", "new", "count")
            let (old, new) = (try argument(bound[0], evaluator), try argument(bound[1], evaluator))
            let limit = try bound[2].integer("replace", default: -1)
            return .text(
                try TextLayout.replacing(
                    old, in: try evaluator.text(of: value), with: new, limit: limit, evaluator.budget))
        },
        "safe": rewritten("safe", \.safe),
        "string": rewritten("string", \.self),
        "title": title,
        "trim": { evaluator, value, arguments in
            let characters = try arguments.bound("trim", to: "chars")[0].optionalText("trim")
            return .text(try evaluator.text(of: value).trimmed(.both, of: characters))
        },
        "truncate": truncate,
        "upper": rewritten("upper", \.uppercased),
        "wordcount": { evaluator, value, _ in
            let scalars = Array(try evaluator.text(of: value).string.unicodeScalars)
            return .integer(scalars.split { !PythonCharacter.isWord($0) }.count)
        },
    ]

    /// A filter without arguments.
    private static func rewritten(
        _ name: String, _ rewrite: @escaping @Sendable (TemplateText) -> TemplateText
    ) -> TemplateFilter {
        { evaluator, value, arguments in
            _ = try arguments.bound(name)
            return .text(rewrite(try evaluator.text(of: value)))
        }
    }

    private static func argument(
        _ value: TemplateValue?, _ evaluator: TemplateEvaluator
    ) throws -> TemplateText {
        guard let value else { throw TemplateFault.evaluation("replace() needs what to replace and by what") }
        return try evaluator.text(of: value)
    }

    /// `%` takes a mapping of the keyword arguments, or a tuple of the positional ones.
    private static func formatArguments(_ arguments: TemplateArguments) throws -> TemplateValue {
        guard !arguments.keyword.isEmpty else { return .tuple(arguments.positional) }
        guard arguments.positional.isEmpty else {
            throw TemplateFault.evaluation("can't handle positional and keyword arguments at the same time")
        }
        return .mapping(try TemplateMapping(arguments.keyword.map { (.text(TemplateText($0.name)), $0.value) }))
    }

    /// Jinja's title case: words begin after white space, a hyphen or an opening bracket.
    private static func title(
        _ evaluator: TemplateEvaluator, _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        var beginsWord = true
        var result = TemplateTextBuilder(evaluator.budget)
        for character in try evaluator.text(of: value).characters {
            try result.append(beginsWord ? character.uppercased : character.lowercased)
            let scalar = character.scalar(in: 0..<character.bytes.count)
            beginsWord = PythonCharacter.isSpace(scalar) || ["-", "(", "{", "[", "<"].contains(scalar)
        }
        return .text(result.text)
    }

    private static func indent(
        _ evaluator: TemplateEvaluator, _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        let bound = try arguments.bound("indent", to: "width", "first", "blank")
        var indentation = TemplateTextBuilder(evaluator.budget)
        if case .text(let text)? = bound[0] {
            try indentation.append(text)
        } else {
            try indentation.append(" ", count: try bound[0].integer("indent", default: 4))
        }
        let indentsBlank = bound[2].isTrue(default: false)
        let text = try evaluator.text(of: value) + "\n"
        var result = TemplateTextBuilder(evaluator.budget)
        for (index, line) in text.lines(keepingEnds: false).enumerated() {
            if index > 0 { try result.append("\n") }
            let isIndented = index == 0 ? bound[1].isTrue(default: false) : indentsBlank || !line.isEmpty
            if isIndented { try result.append(indentation.text) }
            try result.append(line)
        }
        return .text(result.text)
    }

    private static func truncate(
        _ evaluator: TemplateEvaluator, _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws -> TemplateValue {
        let bound = try arguments.bound("truncate", to: "length", "killwords", "end", "leeway")
        let length = try bound[0].integer("truncate", default: 255)
        let end = try bound[2].text("truncate", default: "...")
        let leeway = try bound[3].integer("truncate", default: 5)
        let text = try evaluator.text(of: value)
        let offsets = text.scalarOffsets
        guard length >= end.scalarCount, leeway >= 0 else {
            throw TemplateFault.evaluation("truncate() to less than its ending")
        }
        guard offsets.count - 1 - length > leeway else { return .text(text) }
        let cut = text[0..<offsets[length - end.scalarCount]]
        if bound[1].isTrue(default: false) { return .text(cut + end) }
        return .text((cut.splitFromEnd(on: " ", limit: 1).first ?? cut) + end)
    }
}
