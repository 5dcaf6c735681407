/// What the pre-tokenizers want to know of a character; none of these is "other" (punctuation, marks, symbols).
struct CharacterClass: OptionSet {
    let rawValue: UInt8

    static let letter = CharacterClass(rawValue: 1)
    static let number = CharacterClass(rawValue: 2)
    static let whitespace = CharacterClass(rawValue: 4)
    /// Carriage return or line feed; they are whitespace too.
    static let newline = CharacterClass(rawValue: 8)
    /// A number as SmolLM2's digit splitter sees it: by a newer version of Unicode than the other rules.
    static let splitNumber = CharacterClass(rawValue: 16)
    /// An ASCII character that Llama 3's rule takes into the piece of a word behind it, whatever the word is.
    static let wordPrefix = CharacterClass(rawValue: 32)
    /// The space, U+0020.
    static let space = CharacterClass(rawValue: 64)
}

/// The class of every code point, in a table of two levels: which page, then which character in the page.
///
/// Pages of 128 code points make page 0 the ASCII table; most of the others are shared, so that all of Unicode takes
/// about 40 KB.
struct UnicodeClasses: Sendable {
    private static let pageBits: UInt32 = 7
    private static let pageSize = 1 << Int(pageBits)

    /// The one table; built on first use.
    static let shared = UnicodeClasses()

    private let pageOfBlock: FrozenArray<UInt16>
    private let pages: FrozenArray<UInt8>

    private init() {
        var flat = [UInt8](repeating: 0, count: 0x110000)
        func mark(_ ranges: [UInt32], as classes: CharacterClass) {
            for index in stride(from: 0, to: ranges.count, by: 2) {
                for scalar in ranges[index]...ranges[index + 1] { flat[Int(scalar)] |= classes.rawValue }
            }
        }
        mark(UnicodeClassRanges.letters, as: .letter)
        mark(UnicodeClassRanges.numbers, as: [.number, .splitNumber])
        mark(UnicodeClassRanges.newerNumbers, as: .splitNumber)
        mark(UnicodeClassRanges.whitespace, as: .whitespace)
        mark([0x0A, 0x0A, 0x0D, 0x0D], as: .newline)
        // All but newlines, letters, numbers and the apostrophe, which may begin a contraction.
        mark([0x00, 0x09, 0x0B, 0x0C, 0x0E, 0x26, 0x28, 0x2F, 0x3A, 0x40, 0x5B, 0x60, 0x7B, 0x7F], as: .wordPrefix)
        mark([0x20, 0x20], as: .space)

        var known: [ArraySlice<UInt8>: UInt16] = [:]
        var pageOfBlock: [UInt16] = []
        var pages: [UInt8] = []
        for start in stride(from: 0, to: flat.count, by: Self.pageSize) {
            let block = flat[start..<start + Self.pageSize]
            let page = known[block] ?? UInt16(known.count)
            if known.updateValue(page, forKey: block) == nil { pages.append(contentsOf: block) }
            pageOfBlock.append(page)
        }
        self.pageOfBlock = FrozenArray(pageOfBlock)
        self.pages = FrozenArray(pages)
    }

    /// The class of an ASCII character.
    @inline(__always)
    func ofASCII(_ byte: UInt8) -> CharacterClass { CharacterClass(rawValue: pages[Int(byte)]) }

    /// The class of a code point up to U+10FFFF.
    @inline(__always)
    func of(_ scalar: UInt32) -> CharacterClass {
        let page = Int(pageOfBlock[Int(scalar >> Self.pageBits)])
        return CharacterClass(rawValue: pages[page << Int(Self.pageBits) | Int(scalar) & (Self.pageSize - 1)])
    }
}
