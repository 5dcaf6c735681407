/// UTF-8 text that knows of each byte whether the template wrote it or its input did.
///
/// Trust follows the bytes through slicing, concatenation, trimming and escaping, so that in the rendered prompt the
/// spelling of a special token counts only where the template put it.
struct TemplateText: Sendable {
    /// The text; always valid UTF-8.
    private(set) var bytes: [UInt8]
    /// Whether it is what Python calls `Markup`: text from `safe` or `escape`. Prompts are not HTML, but adding other
    /// text to such text escapes the other, and some templates do.
    var isSafe = false
    /// Whether the first byte is trusted.
    private var startsTrusted: Bool
    /// The offsets at which trust changes, ascending; never 0 nor the end.
    private var flips: [Int]

    /// An empty text.
    init() { self.init(bytes: [], isTrusted: true) }

    /// Text of one origin.
    init(bytes: [UInt8], isTrusted: Bool) {
        self.bytes = bytes
        startsTrusted = isTrusted
        flips = []
    }

    /// Text of one origin.
    init(_ string: some StringProtocol, isTrusted: Bool = true) {
        self.init(bytes: Array(string.utf8), isTrusted: isTrusted)
    }

    var isEmpty: Bool { bytes.isEmpty }

    var string: String { String(decoding: bytes, as: UTF8.self) }

    /// Whether the template wrote all of it.
    var isTrusted: Bool { isEmpty || (startsTrusted && flips.isEmpty) }

    private var endsTrusted: Bool { startsTrusted != (flips.count % 2 == 1) }

    /// The bytes of `range`, which must begin and end between scalars.
    subscript(range: Range<Int>) -> TemplateText {
        if range == 0..<bytes.count { return self }
        var slice = TemplateText(bytes: Array(bytes[range]), isTrusted: startsTrusted)
        slice.isSafe = isSafe
        guard !flips.isEmpty else { return slice }
        let first = countOfFlips(through: range.lowerBound)
        slice.startsTrusted = startsTrusted != (first % 2 == 1)
        slice.flips = flips[first...].prefix { $0 < range.upperBound }.map { $0 - range.lowerBound }
        return slice
    }

    /// The number of changes of trust at or before `offset`.
    private func countOfFlips(through offset: Int) -> Int {
        var low = 0
        var high = flips.count
        while low < high {
            let middle = (low + high) / 2
            if flips[middle] <= offset { low = middle + 1 } else { high = middle }
        }
        return low
    }

    mutating func append(_ other: TemplateText) {
        guard !other.isEmpty else { return }
        guard !isEmpty else {
            (bytes, startsTrusted, flips) = (other.bytes, other.startsTrusted, other.flips)
            return
        }
        let offset = bytes.count
        if endsTrusted != other.startsTrusted { flips.append(offset) }
        flips.append(contentsOf: other.flips.lazy.map { $0 + offset })
        bytes.append(contentsOf: other.bytes)
    }

    static func + (left: TemplateText, right: TemplateText) -> TemplateText {
        var sum = left
        sum.append(right)
        return sum
    }

    /// The maximal runs of one origin, in order.
    var runs: [(range: Range<Int>, isTrusted: Bool)] {
        guard !isEmpty else { return [] }
        var start = 0
        var isTrusted = startsTrusted
        var runs: [(Range<Int>, Bool)] = []
        for end in flips + [bytes.count] {
            runs.append((start..<end, isTrusted))
            start = end
            isTrusted.toggle()
        }
        return runs
    }

    /// The text with each run rewritten on its own.
    func mapRuns(_ transform: (ArraySlice<UInt8>) -> [UInt8]) -> TemplateText {
        var result = TemplateText()
        result.isSafe = isSafe
        for run in runs { result.append(TemplateText(bytes: transform(bytes[run.range]), isTrusted: run.isTrusted)) }
        return result
    }

    /// The text as prompt segments.
    var segments: [PromptSegment] {
        runs.map { PromptSegment(text: String(decoding: bytes[$0.range], as: UTF8.self), isTrusted: $0.isTrusted) }
    }
}

extension TemplateText: Hashable {
    /// Equal bytes are equal text, whoever wrote them; canonical equivalence plays no part.
    static func == (left: TemplateText, right: TemplateText) -> Bool { left.bytes == right.bytes }

    func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
}

extension TemplateText: Comparable {
    /// The order of code points, which is the order of UTF-8 bytes.
    static func < (left: TemplateText, right: TemplateText) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}

extension TemplateText: ExpressibleByStringLiteral {
    /// Text of our own, as trusted as the template's.
    init(stringLiteral value: String) { self.init(value) }
}
