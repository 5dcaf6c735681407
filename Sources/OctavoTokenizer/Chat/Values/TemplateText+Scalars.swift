extension TemplateText {
    /// The number of Unicode scalars: what Python calls the length.
    var scalarCount: Int {
        bytes.count { !Self.isContinuation($0) }
    }

    /// Where each scalar begins, and the end: one offset more than there are scalars.
    var scalarOffsets: [Int] {
        bytes.indices.filter { !Self.isContinuation(bytes[$0]) } + [bytes.count]
    }

    /// The scalars, each as a text of its own.
    var characters: [TemplateText] {
        let offsets = scalarOffsets
        return zip(offsets, offsets.dropFirst()).map { self[$0..<$1] }
    }

    static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

    /// The end of the scalar that begins at `offset`.
    func offset(after offset: Int) -> Int {
        var next = offset + 1
        while next < bytes.count, Self.isContinuation(bytes[next]) { next += 1 }
        return next
    }

    /// The beginning of the scalar that ends at `offset`.
    func offset(before offset: Int) -> Int {
        var previous = offset - 1
        while previous > 0, Self.isContinuation(bytes[previous]) { previous -= 1 }
        return previous
    }

    /// The scalar of the bytes in `range`.
    func scalar(in range: Range<Int>) -> Unicode.Scalar {
        if range.count == 1 { return Unicode.Scalar(bytes[range.lowerBound]) }
        return String(decoding: bytes[range], as: UTF8.self).unicodeScalars.first ?? "\u{FFFD}"
    }
}

// MARK: - Trimming

extension TemplateText {
    /// Which ends of a text are trimmed.
    struct Ends: OptionSet {
        let rawValue: Int
        static let leading = Ends(rawValue: 1)
        static let trailing = Ends(rawValue: 2)
        static let both: Ends = [.leading, .trailing]
    }

    /// The text without the scalars at its ends that satisfy `predicate`.
    func trimmed(_ ends: Ends, where predicate: (Unicode.Scalar) -> Bool) -> TemplateText {
        var lower = 0
        var upper = bytes.count
        while ends.contains(.leading), lower < upper {
            let next = offset(after: lower)
            guard predicate(scalar(in: lower..<next)) else { break }
            lower = next
        }
        while ends.contains(.trailing), lower < upper {
            let previous = offset(before: upper)
            guard predicate(scalar(in: previous..<upper)) else { break }
            upper = previous
        }
        return self[lower..<upper]
    }

    /// The text without the given characters at its ends; without white space if none are given.
    func trimmed(_ ends: Ends, of characters: TemplateText?) -> TemplateText {
        guard let characters else { return trimmed(ends, where: PythonCharacter.isSpace) }
        let set = Set(characters.string.unicodeScalars)
        return trimmed(ends, where: set.contains)
    }
}

// MARK: - Case

extension TemplateText {
    /// The text with each scalar mapped to its full upper-case form.
    var uppercased: TemplateText { mapScalars { $0.properties.uppercaseMapping } }

    /// The text with each scalar mapped to its full lower-case form.
    var lowercased: TemplateText { mapScalars { $0.properties.lowercaseMapping } }

    /// The text with its first scalar in title case and the rest in lower case.
    var capitalized: TemplateText {
        guard !isEmpty else { return self }
        let first = offset(after: 0)
        return self[0..<first].mapScalars { $0.properties.titlecaseMapping } + self[first..<bytes.count].lowercased
    }

    /// The text in which each run of cased letters begins with title case and goes on in lower case.
    var titlecased: TemplateText {
        var afterCased = false
        return mapScalars { scalar in
            defer { afterCased = scalar.properties.isCased }
            return afterCased ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
        }
    }

    private func mapScalars(_ transform: (Unicode.Scalar) -> String) -> TemplateText {
        mapRuns { run in
            String(decoding: run, as: UTF8.self).unicodeScalars.flatMap { Array(transform($0).utf8) }
        }
    }
}
