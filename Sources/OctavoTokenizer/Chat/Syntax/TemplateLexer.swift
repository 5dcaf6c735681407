/// Cuts template source into text and tags, and tags into words.
///
/// White space around tags goes as chat templates expect it (`trim_blocks`, `lstrip_blocks`): the newline after a
/// block or comment is dropped, and so is white space before one at the start of a line; `-` inside a tag's delimiter
/// drops all white space on that side, `+` keeps it.
struct TemplateLexer {
    let templateName: String
    let source: [UInt8]
    var offset = 0
    var tokens: [TemplateToken] = []
    private var line = 1
    private var countedTo = 0

    static func tokens(of source: String, named name: String) throws(ChatTemplateError) -> [TemplateToken] {
        var lexer = TemplateLexer(templateName: name, source: normalized(source))
        try lexer.scan()
        return lexer.tokens
    }

    private init(templateName: String, source: [UInt8]) {
        self.templateName = templateName
        self.source = source
    }

    /// The source with `\n` for every line end and without the last one.
    private static func normalized(_ source: String) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(source.utf8.count)
        var previous: UInt8 = 0
        for byte in source.utf8 {
            if byte == 0x0D || (byte == 0x0A && previous != 0x0D) {
                bytes.append(0x0A)
            } else if byte != 0x0A {
                bytes.append(byte)
            }
            previous = byte
        }
        if bytes.last == 0x0A { bytes.removeLast() }
        return bytes
    }

    private mutating func scan() throws(ChatTemplateError) {
        while let opening = opening(from: offset) {
            let start = offset
            appendData(start..<opening.offset, before: opening)
            offset = opening.contentStart
            switch opening.kind {
            case .comment: try skipComment(from: opening.offset)
            case .print: try scanTag(begin: .printBegin, end: .printEnd, at: opening.offset)
            case .block:
                if let end = rawBegin(at: offset) {
                    offset = end
                    try scanRaw(from: opening.offset)
                } else {
                    try scanTag(begin: .blockBegin, end: .blockEnd, at: opening.offset)
                }
            }
        }
        appendData(offset..<source.count, before: nil)
        append(.end, at: source.count)
    }

    // MARK: - Positions

    func failure(_ reason: String, at place: Int) -> ChatTemplateError {
        let line = 1 + source[..<min(place, source.count)].count { $0 == 0x0A }
        return .syntax(template: templateName, line: line, reason: reason)
    }

    mutating func append(_ kind: TemplateToken.Kind, at place: Int) {
        if place > countedTo {
            line += source[countedTo..<place].count { $0 == 0x0A }
            countedTo = place
        }
        tokens.append(TemplateToken(kind: kind, line: line))
    }

    func matches(_ text: StaticString, at place: Int) -> Bool {
        let length = text.utf8CodeUnitCount
        guard place >= 0, source.count - place >= length else { return false }
        return (0..<length).allSatisfy { source[place + $0] == text.utf8Start[$0] }
    }

    /// The end of the white space at `place`.
    func endOfSpace(at place: Int) -> Int {
        var place = place
        while place < source.count, let scalar = scalar(at: place), PythonCharacter.isSpace(scalar) {
            place += UTF8.width(scalar)
        }
        return place
    }

    /// The scalar whose first byte is at `place`.
    func scalar(at place: Int) -> Unicode.Scalar? {
        guard place < source.count else { return nil }
        if source[place] < 0x80 { return Unicode.Scalar(source[place]) }
        return String(decoding: source[place..<min(place + 4, source.count)], as: UTF8.self).unicodeScalars.first
    }
}

// MARK: - Text and delimiters

extension TemplateLexer {
    private struct Opening {
        enum Kind { case print, block, comment }
        let kind: Kind
        let offset: Int
        /// `-`, `+` or nothing.
        let sign: UInt8?
        let contentStart: Int
    }

    private func opening(from start: Int) -> Opening? {
        var place = start
        while place + 1 < source.count {
            if source[place] == UInt8(ascii: "{") {
                switch source[place + 1] {
                case UInt8(ascii: "{"): return opening(.print, at: place)
                case UInt8(ascii: "%"): return opening(.block, at: place)
                case UInt8(ascii: "#"): return opening(.comment, at: place)
                default: break
                }
            }
            place += 1
        }
        return nil
    }

    private func opening(_ kind: Opening.Kind, at place: Int) -> Opening {
        let sign = place + 2 < source.count ? source[place + 2] : 0
        let isSigned = sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+")
        return Opening(
            kind: kind, offset: place, sign: isSigned ? sign : nil, contentStart: place + (isSigned ? 3 : 2))
    }

    /// Appends the text of `range`, less the white space that the tag after it takes away.
    private mutating func appendData(_ range: Range<Int>, before opening: Opening?) {
        var text = TemplateText(bytes: Array(source[range]), isTrusted: true)
        if let opening {
            if opening.sign == UInt8(ascii: "-") {
                text = text.trimmed(.trailing, of: nil)
            } else if opening.sign == nil, opening.kind != .print {
                text = withoutIndentation(text, at: range.lowerBound)
            }
        }
        if !text.isEmpty { append(.data(text.bytes), at: range.lowerBound) }
    }

    /// The text without the white space after its last newline, if there is nothing else on that line.
    private func withoutIndentation(_ text: TemplateText, at place: Int) -> TemplateText {
        let newline = text.bytes.lastIndex(of: 0x0A)
        let startsLine = place == 0 || source[place - 1] == 0x0A
        guard newline != nil || startsLine else { return text }
        let lineStart = newline.map { $0 + 1 } ?? 0
        let indentation = text[lineStart..<text.bytes.count]
        return indentation.trimmed(.leading, of: nil).isEmpty ? text[0..<lineStart] : text
    }

    /// Moves past a closing delimiter of two bytes at `place` and the white space that it takes away.
    private mutating func close(at place: Int, sign: UInt8?) {
        offset = place + 2
        if sign == UInt8(ascii: "-") {
            offset = endOfSpace(at: offset)
        } else if sign == nil, offset < source.count, source[offset] == 0x0A {
            offset += 1
        }
    }

    private mutating func skipComment(from start: Int) throws(ChatTemplateError) {
        var place = offset
        while !matches("#}", at: place) {
            guard place < source.count else { throw failure("a comment without its '#}'", at: start) }
            place += 1
        }
        let before = place > offset ? source[place - 1] : 0
        let isSigned = before == UInt8(ascii: "-") || before == UInt8(ascii: "+")
        close(at: place, sign: isSigned ? before : nil)
    }

    /// The end of `raw %}`, if that stands at `place`.
    private func rawBegin(at place: Int) -> Int? {
        let word = endOfSpace(at: place)
        guard matches("raw", at: word) else { return nil }
        let end = endOfSpace(at: word + 3)
        if matches("-%}", at: end) { return endOfSpace(at: end + 3) }
        return matches("%}", at: end) ? end + 2 : nil
    }

    /// Appends everything up to `{% endraw %}` as text.
    private mutating func scanRaw(from start: Int) throws(ChatTemplateError) {
        var place = offset
        while let opening = opening(from: place) {
            place = opening.offset + 1
            let word = endOfSpace(at: opening.contentStart)
            guard opening.kind == .block, matches("endraw", at: word) else { continue }
            let end = endOfSpace(at: word + 6)
            let sign = end < source.count && source[end] != UInt8(ascii: "%") ? source[end] : nil
            let delimiter = end + (sign == nil ? 0 : 1)
            guard matches("%}", at: delimiter) else { continue }
            appendData(offset..<opening.offset, before: opening)
            close(at: delimiter, sign: sign)
            return
        }
        throw failure("'{% raw %}' without its '{% endraw %}'", at: start)
    }

    /// Moves past the end of a tag, if one stands here.
    mutating func closeTag(_ end: TemplateToken.Kind) -> Bool {
        let current = offset < source.count ? source[offset] : 0
        if case .printEnd = end {
            let sign = current == UInt8(ascii: "-") ? current : nil
            let delimiter = offset + (sign == nil ? 0 : 1)
            guard matches("}}", at: delimiter) else { return false }
            // A newline after a printed value stays: '+' is what keeps it.
            close(at: delimiter, sign: sign ?? UInt8(ascii: "+"))
            return true
        }
        let sign = current == UInt8(ascii: "-") || current == UInt8(ascii: "+") ? current : nil
        let delimiter = offset + (sign == nil ? 0 : 1)
        guard matches("%}", at: delimiter) else { return false }
        close(at: delimiter, sign: sign)
        return true
    }
}
