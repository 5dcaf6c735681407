/// Cuts UTF-8 text into pieces by hand-written scanners that keep the meaning of the regular expressions.
///
/// Every scan is a single pass over bytes; only a whitespace run's end may be looked at twice.
struct PieceScanner {
    /// A stretch of text; valid UTF-8, since it comes from a `String` and is cut between characters.
    private let text: UnsafePointer<UInt8>
    private let count: Int
    private let rule: PreTokenizer
    private let classes = UnicodeClasses.shared

    /// - Parameter text: not empty.
    init(text: UnsafeBufferPointer<UInt8>, rule: PreTokenizer) {
        self.text = text.baseAddress!
        count = text.count
        self.rule = rule
    }

    /// The end of the piece that starts at `start`, which must be inside the text.
    @inline(__always)
    func pieceEnd(from start: Int) -> Int {
        switch rule {
        case .llama3: llama3PieceEnd(from: start)
        case .gpt2: gpt2PieceEnd(from: start, numbers: .number, numbersStandAlone: false)
        case .smollm: gpt2PieceEnd(from: start, numbers: .splitNumber, numbersStandAlone: true)
        }
    }
}

// MARK: - The two rules

extension PieceScanner {
    private static let space = UInt8(ascii: " ")
    private static let apostrophe = UInt8(ascii: "'")

    @inline(__always)
    private func llama3PieceEnd(from start: Int) -> Int {
        if let end = shortASCIIWordEnd(from: start, after: .wordPrefix) { return end }
        let (first, second) = character(at: start)
        if first.contains(.letter) { return letterRunEnd(from: second) }
        if first.contains(.number) { return numberRunEnd(from: second, atMost: 2) }
        if text[start] == Self.apostrophe, let end = foldedContractionEnd(from: start) { return end }
        let (following, third) = second < count ? character(at: second) : (.whitespace, second)
        if following.contains(.letter), !first.contains(.newline) { return letterRunEnd(from: third) }
        if first.isDisjoint(with: .whitespace) {
            return newlineRunEnd(from: otherRunEnd(from: second, until: [.letter, .number, .whitespace]))
        }
        if text[start] == Self.space, following.isDisjoint(with: [.letter, .number, .whitespace]) {
            return newlineRunEnd(from: otherRunEnd(from: third, until: [.letter, .number, .whitespace]))
        }
        let run = whitespaceRun(from: start)
        return run.lastNewlineEnd ?? (run.end == count ? run.end : run.endForWord(after: start))
    }

    /// - Parameter numbersStandAlone: whether a number is cut off before the rule is applied to the rest, which is
    ///   then as if the text ended there.
    @inline(__always)
    private func gpt2PieceEnd(from start: Int, numbers: CharacterClass, numbersStandAlone: Bool) -> Int {
        if let end = shortASCIIWordEnd(from: start, after: .space) { return end }
        let notOther = numbers.union([.letter, .whitespace])
        let (first, second) = character(at: start)
        if first.contains(.letter) { return letterRunEnd(from: second) }
        if !first.isDisjoint(with: numbers) { return numbersStandAlone ? second : numberRunEnd(from: second) }
        if first.isDisjoint(with: .whitespace) {
            if text[start] == Self.apostrophe, let end = contractionEnd(from: start) { return end }
            return otherRunEnd(from: second, until: notOther)
        }
        if text[start] == Self.space, second < count {
            let (following, third) = character(at: second)
            if following.contains(.letter) { return letterRunEnd(from: third) }
            if following.isDisjoint(with: notOther) { return otherRunEnd(from: third, until: notOther) }
            if !numbersStandAlone, following.contains(.number) { return numberRunEnd(from: third) }
        }
        let run = whitespaceRun(from: start)
        if run.end == count { return run.end }
        if numbersStandAlone, !character(at: run.end).class.isDisjoint(with: numbers) { return run.end }
        return run.endForWord(after: start)
    }
}

// MARK: - Characters and runs

extension PieceScanner {
    /// The class of the character at `offset`, and where the next one starts.
    @inline(__always)
    private func character(at offset: Int) -> (class: CharacterClass, next: Int) {
        let lead = text[offset]
        if lead < 0x80 { return (classes.ofASCII(lead), offset + 1) }
        return multibyteCharacter(at: offset)
    }

    private func multibyteCharacter(at offset: Int) -> (class: CharacterClass, next: Int) {
        let lead = UInt32(text[offset])
        func continuation(_ index: Int) -> UInt32 { UInt32(text[offset + index] & 0x3F) }
        if lead < 0xE0 {
            return (classes.of((lead & 0x1F) << 6 | continuation(1)), offset + 2)
        } else if lead < 0xF0 {
            return (classes.of((lead & 0x0F) << 12 | continuation(1) << 6 | continuation(2)), offset + 3)
        } else {
            let scalar = (lead & 0x07) << 18 | continuation(1) << 12 | continuation(2) << 6 | continuation(3)
            return (classes.of(scalar), offset + 4)
        }
    }

    /// The end of the most common pieces: a letter or a character that may stand before a word, and up to fifteen
    /// letters behind it, all ASCII and with another ASCII character at the end; `nil` where there may be something else.
    @inline(__always)
    private func shortASCIIWordEnd(from start: Int, after prefix: CharacterClass) -> Int? {
        guard count - start > 17, text[start] < 0x80 else { return nil }
        let first = classes.ofASCII(text[start])
        guard !first.isDisjoint(with: prefix.union(.letter)) else { return nil }
        let letters = leadingASCIILetters(at: start + 1)
        guard letters > 0 || first.contains(.letter) else { return nil }
        let end = start + 1 + letters
        return letters < 16 && text[end] < 0x80 ? end : nil
    }

    /// How many of the sixteen bytes at `offset`, from the first on, are ASCII letters.
    @inline(__always)
    private func leadingASCIILetters(at offset: Int) -> Int {
        let bytes = UnsafeRawPointer(text + offset)
        let low = Self.nonLetters(in: UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)))
        let high = Self.nonLetters(in: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        return (low != 0 ? low.trailingZeroBitCount : 64 + high.trailingZeroBitCount) >> 3
    }

    /// The top bit of every byte that is no ASCII letter: each byte is compared in its own lane of the word.
    @inline(__always)
    private static func nonLetters(in word: UInt64) -> UInt64 {
        let lanes: UInt64 = 0x0101_0101_0101_0101
        let lowercased = (word | 0x20 &* lanes) & (0x7F &* lanes)
        let atLeastA = lowercased &+ (0x80 - 0x61) &* lanes
        let beyondZ = lowercased &+ (0x80 - 0x7B) &* lanes
        return ~(atLeastA & ~beyondZ & ~word) & (0x80 &* lanes)
    }

    @inline(__always)
    private func letterRunEnd(from start: Int) -> Int {
        var offset = start
        while offset < count {
            let remaining = count - offset
            if remaining >= 16, text[offset] < 0x80 {
                let letters = leadingASCIILetters(at: offset)
                offset += letters
                if letters == 16 { continue }
                if text[offset] < 0x80 { return offset }
            }
            let (kind, next) = character(at: offset)
            if !kind.contains(.letter) { return offset }
            offset = next
        }
        return offset
    }

    @inline(__always)
    private func numberRunEnd(from start: Int, atMost limit: Int = .max) -> Int {
        var offset = start
        var numbers = 0
        while offset < count, numbers < limit {
            let (kind, next) = character(at: offset)
            if !kind.contains(.number) { break }
            offset = next
            numbers += 1
        }
        return offset
    }

    @inline(__always)
    private func otherRunEnd(from start: Int, until stop: CharacterClass) -> Int {
        var offset = start
        while offset < count {
            let (kind, next) = character(at: offset)
            if !kind.isDisjoint(with: stop) { break }
            offset = next
        }
        return offset
    }

    @inline(__always)
    private func newlineRunEnd(from start: Int) -> Int {
        var offset = start
        while offset < count, text[offset] == 0x0A || text[offset] == 0x0D { offset += 1 }
        return offset
    }

    private struct WhitespaceRun {
        var end: Int
        var lastCharacter: Int
        var lastNewlineEnd: Int?

        /// `\s+(?!\S)|\s+` before a word: all but the last character, or that one if there is no other.
        func endForWord(after start: Int) -> Int { lastCharacter > start ? lastCharacter : end }
    }

    private func whitespaceRun(from start: Int) -> WhitespaceRun {
        var run = WhitespaceRun(end: start, lastCharacter: start)
        while run.end < count {
            let (kind, next) = character(at: run.end)
            if !kind.contains(.whitespace) { break }
            run.lastCharacter = run.end
            run.end = next
            if kind.contains(.newline) { run.lastNewlineEnd = next }
        }
        return run
    }
}

// MARK: - Contractions

extension PieceScanner {
    /// `'s|'t|'re|'ve|'m|'ll|'d` at the apostrophe at `start`.
    private func contractionEnd(from start: Int) -> Int? {
        contractionEnd(from: start, caseBit: 0)
    }

    /// The same in any case. Of all characters beyond ASCII, only `ſ` (U+017F) folds to a letter of the list.
    private func foldedContractionEnd(from start: Int) -> Int? {
        if start + 2 < count, text[start + 1] == 0xC5, text[start + 2] == 0xBF { return start + 3 }
        return contractionEnd(from: start, caseBit: 0x20)
    }

    private func contractionEnd(from start: Int, caseBit: UInt8) -> Int? {
        guard start + 1 < count else { return nil }
        switch text[start + 1] | caseBit {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
        default: break
        }
        guard start + 2 < count else { return nil }
        switch (text[start + 1] | caseBit, text[start + 2] | caseBit) {
        case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
            (UInt8(ascii: "l"), UInt8(ascii: "l")):
            return start + 3
        default: return nil
        }
    }
}
