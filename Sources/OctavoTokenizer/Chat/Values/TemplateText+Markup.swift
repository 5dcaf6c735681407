extension TemplateText {
    /// The text with HTML's special characters written as entities, and safe; as it is if it already is safe.
    var escaped: TemplateText {
        if isSafe { return self }
        var result = mapRuns { run in
            run.flatMap { byte in Self.entities[byte].map { Array($0.utf8) } ?? [byte] }
        }
        result.isSafe = true
        return result
    }

    /// The text, not to be escaped any more.
    var safe: TemplateText {
        var result = self
        result.isSafe = true
        return result
    }

    private static let entities: [UInt8: String] = [
        UInt8(ascii: "&"): "&amp;", UInt8(ascii: "<"): "&lt;", UInt8(ascii: ">"): "&gt;", UInt8(ascii: "'"): "&#39;",
        UInt8(ascii: "\""): "&#34;",
    ]
}
