/// The tags of a Mustache template, as far as they tell which columns it needs.
///
/// Templates of recipes are a subset of Mustache: variables, sections, inverted sections and comments. What else Mustache
/// knows (partials, inheritance, other delimiters, pragmas, functions) is refused here, since it would reach beyond the
/// row, or print nothing where a column is misspelt.
struct TemplateTags {
    /// A tag that cannot be used, with what to do instead.
    struct Refusal: Error {
        var line: Int
        var reason: String
        var remedy: String
    }

    /// The variables outside of sections, in order.
    private(set) var variables: [String] = []
    /// The names that sections ask about: these may be missing.
    private(set) var tested: Set<String> = []

    /// The columns without which the template has no meaning.
    var required: [String] { variables.filter { !tested.contains($0) } }

    /// Reads the tags of a template.
    ///
    /// - Throws: `Refusal` for a tag that is not part of the subset.
    init(_ text: String) throws(Refusal) {
        var rest = text[...]
        var line = 1
        var depth = 0
        while let open = rest.firstRange(of: "{{") {
            line += rest[..<open.lowerBound].count(where: \.isNewline)
            rest = rest[open.upperBound...]
            let closing = rest.first == "{" ? "}}}" : "}}"
            guard let close = rest.firstRange(of: closing) else {
                throw Refusal(line: line, reason: "a tag is not closed", remedy: "Close it with \(closing).")
            }
            try add(rest[..<close.lowerBound], line: line, depth: &depth)
            line += rest[..<close.lowerBound].count(where: \.isNewline)
            rest = rest[close.upperBound...]
        }
    }

    private mutating func add(_ tag: Substring, line: Int, depth: inout Int) throws(Refusal) {
        let sigil = tag.first.map { "#^/!{&><$=%".contains($0) } == true ? tag.first : nil
        let name = tag.dropFirst(sigil == nil ? 0 : 1).trimmed
        if sigil == "!" { return }
        if let sigil, "><$=%".contains(sigil) {
            throw Refusal(
                line: line, reason: "{{\(sigil)…}} is not part of templates here",
                remedy: "Use {{column}}, {{#column}}…{{/column}} and {{^column}}…{{/column}}.")
        }
        let letters = "._-?*"
        guard !name.isEmpty,
            name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || letters.contains($0)) })
        else {
            throw Refusal(
                line: line, reason: "\"\(name)\" is no name of a column",
                remedy: "Names have letters, digits, -, _ and, between the parts of a path, dots. Rename the column.")
        }
        switch sigil {
        case "#", "^":
            tested.insert(name)
            depth += 1
        case "/": depth -= 1
        default: if depth == 0, name != "." { variables.append(name) }
        }
    }
}

extension Substring {
    /// Without white space at its ends.
    var trimmed: String {
        let start = firstIndex { !$0.isWhitespace } ?? endIndex
        let end = lastIndex { !$0.isWhitespace }.map(index(after:)) ?? start
        return String(self[start..<end])
    }
}
