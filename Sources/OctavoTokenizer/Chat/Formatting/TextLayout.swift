/// What Python's `str` does that can make more text than it was given.
enum TextLayout {
    enum Alignment { case left, center, right }

    /// `ljust`, `center` and `rjust`: the text filled up to `width` characters.
    static func padded(
        _ text: TemplateText, to width: Int, _ alignment: Alignment, with filling: TemplateText = " ",
        _ budget: TemplateBudget
    ) throws -> TemplateText {
        let missing = max(0, width.subtractingReportingOverflow(text.scalarCount).partialValue)
        let before =
            switch alignment {
            case .left: 0
            // Where the halves differ, CPython's `center` puts the larger before an odd width's text.
            case .center: missing / 2 + (missing & width & 1)
            case .right: missing
            }
        var result = TemplateTextBuilder(budget)
        try result.append(filling, count: before)
        try result.append(text)
        try result.append(filling, count: missing - before)
        return result.text
    }

    /// `replace`: occurrences of `old` replaced from the left, all of them if `limit` is negative.
    static func replacing(
        _ old: TemplateText, in text: TemplateText, with new: TemplateText, limit: Int, _ budget: TemplateBudget
    ) throws -> TemplateText {
        let limit = limit < 0 ? Int.max : limit
        // An empty text occurs before every character and at the end.
        let ranges =
            old.isEmpty
            ? text.scalarOffsets.prefix(limit).map { $0..<$0 } : text.ranges(of: old, limit: limit)
        guard !ranges.isEmpty else { return text }
        var result = TemplateTextBuilder(budget)
        var start = 0
        for range in ranges {
            try result.append(text[start..<range.lowerBound])
            try result.append(new)
            start = range.upperBound
        }
        try result.append(text[start..<text.bytes.count])
        return result.text
    }

    /// `join`: the pieces with `separator` between them.
    static func joined(
        _ pieces: [TemplateText], by separator: TemplateText, _ budget: TemplateBudget
    ) throws -> TemplateText {
        var result = TemplateTextBuilder(budget)
        for (index, piece) in pieces.enumerated() {
            if index > 0 { try result.append(separator) }
            try result.append(piece)
        }
        return result.text
    }
}
