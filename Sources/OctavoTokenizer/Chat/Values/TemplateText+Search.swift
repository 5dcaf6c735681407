extension TemplateText {
    /// The ranges of the occurrences of `needle`, from the left, none overlapping another; an empty needle has none.
    ///
    /// Knuth, Morris and Pratt's search: linear whatever the texts are, since a template may search a user's text for
    /// another's.
    ///
    /// - Parameter limit: the most ranges to find.
    func ranges(of needle: TemplateText, limit: Int = .max) -> [Range<Int>] {
        guard !needle.isEmpty, needle.bytes.count <= bytes.count, limit > 0 else { return [] }
        let borders = needle.borders
        var matched = 0
        var ranges: [Range<Int>] = []
        for (offset, byte) in bytes.enumerated() {
            while matched > 0, byte != needle.bytes[matched] { matched = borders[matched - 1] }
            if byte == needle.bytes[matched] { matched += 1 }
            guard matched == needle.bytes.count else { continue }
            ranges.append(offset + 1 - matched..<offset + 1)
            if ranges.count == limit { break }
            matched = 0
        }
        return ranges
    }

    /// The ranges of the occurrences of `needle` from the right, which may be others than those from the left.
    private func rangesFromEnd(of needle: TemplateText, limit: Int) -> [Range<Int>] {
        let mirrored = TemplateText(bytes: bytes.reversed(), isTrusted: true)
        let mirroredNeedle = TemplateText(bytes: needle.bytes.reversed(), isTrusted: true)
        return mirrored.ranges(of: mirroredNeedle, limit: limit).map {
            bytes.count - $0.upperBound..<bytes.count - $0.lowerBound
        }
    }

    /// The range of the last occurrence of `needle`.
    func lastRange(of needle: TemplateText) -> Range<Int>? { rangesFromEnd(of: needle, limit: 1).first }

    /// For each prefix, the length of the longest proper prefix that is also its suffix.
    private var borders: [Int] {
        var borders = [Int](repeating: 0, count: bytes.count)
        var length = 0
        for index in bytes.indices.dropFirst() {
            while length > 0, bytes[index] != bytes[length] { length = borders[length - 1] }
            if bytes[index] == bytes[length] { length += 1 }
            borders[index] = length
        }
        return borders
    }

    /// Whether `needle` occurs; an empty one does.
    func contains(_ needle: TemplateText) -> Bool {
        needle.isEmpty || !ranges(of: needle, limit: 1).isEmpty
    }

    func hasPrefix(_ prefix: TemplateText) -> Bool { bytes.starts(with: prefix.bytes) }

    func hasSuffix(_ suffix: TemplateText) -> Bool { bytes.suffix(suffix.bytes.count) == suffix.bytes[...] }
}

// MARK: - Splitting

extension TemplateText {
    /// The pieces between occurrences of `separator`, split at most `limit` times from the left.
    func split(on separator: TemplateText, limit: Int) -> [TemplateText] {
        pieces(between: ranges(of: separator, limit: limit))
    }

    /// The pieces between occurrences of `separator`, split at most `limit` times from the right.
    func splitFromEnd(on separator: TemplateText, limit: Int) -> [TemplateText] {
        pieces(between: rangesFromEnd(of: separator, limit: limit).reversed())
    }

    private func pieces(between separators: [Range<Int>]) -> [TemplateText] {
        var pieces: [TemplateText] = []
        var start = 0
        for range in separators {
            pieces.append(self[start..<range.lowerBound])
            start = range.upperBound
        }
        pieces.append(self[start..<bytes.count])
        return pieces
    }

    /// The words between runs of white space, split at most `limit` times; what is left over keeps the white space
    /// inside it and at its far end.
    func splitOnSpace(limit: Int, fromEnd: Bool) -> [TemplateText] {
        let words = wordRanges
        guard words.count > limit else { return words.map { self[$0] } }
        if fromEnd {
            let rest = words.count - limit - 1
            return [self[0..<words[rest].upperBound]] + words[(rest + 1)...].map { self[$0] }
        }
        return words[..<limit].map { self[$0] } + [self[words[limit].lowerBound..<bytes.count]]
    }

    private var wordRanges: [Range<Int>] {
        var ranges: [Range<Int>] = []
        var start: Int?
        var offset = 0
        while offset < bytes.count {
            let next = self.offset(after: offset)
            if PythonCharacter.isSpace(scalar(in: offset..<next)) {
                if let start { ranges.append(start..<offset) }
                start = nil
            } else if start == nil {
                start = offset
            }
            offset = next
        }
        if let start { ranges.append(start..<bytes.count) }
        return ranges
    }

    /// The lines, without their ends: Python's `splitlines`, which knows more line ends than most.
    func lines(keepingEnds: Bool) -> [TemplateText] {
        var lines: [TemplateText] = []
        var start = 0
        var offset = 0
        while offset < bytes.count {
            var next = self.offset(after: offset)
            guard PythonCharacter.isLineEnd(scalar(in: offset..<next)) else {
                offset = next
                continue
            }
            if bytes[offset] == 0x0D, next < bytes.count, bytes[next] == 0x0A { next += 1 }
            lines.append(self[start..<(keepingEnds ? next : offset)])
            start = next
            offset = next
        }
        if start < bytes.count { lines.append(self[start..<bytes.count]) }
        return lines
    }
}
