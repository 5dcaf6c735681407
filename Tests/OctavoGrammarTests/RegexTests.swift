import OctavoCore
import OctavoGrammar
import OctavoTestSupport
import Testing

@Suite struct RegexTests {
    @Test(arguments: [
        ("yes|no", ["yes", "no"], ["", "y", "yesno"]),
        (#"\d{3}-\d{4}"#, ["555-0199"], ["5555-0199", "555-019"]),
        (#"[^a-y]+?z{2,}"#, ["zzz", "é-zz"], ["azz", "zz"]),
        (#"(?:a(?<name>b)?)*"#, ["", "a", "abaab"], ["b", "abb"]),
        (#"^(a|^b)$|c$"#, ["a", "b", "c"], ["ab"]),
        (#"[\w.-]{1,4}\.\x41[\]}]"#, ["a-b.A]", "_.A}"], ["é.A]"]),
        (".", ["x", "😀", "\u{E9}"], ["\n", "", "ab"]),
        (#"[😀-😃]\u00e9\u{1F600}?"#, ["😁é", "😃é😀"], ["😄é"]),
        ("a{,3}", ["a{,3}"], ["aa"]),
    ])
    func `an expression matches whole texts`(pattern: String, texts: [String], others: [String]) throws {
        for text in texts { #expect(try OutputStructure.Language.regex(pattern).accepts(text), "\(text)") }
        for text in others { #expect(try !OutputStructure.Language.regex(pattern).accepts(text), "\(text)") }
    }

    @Test(arguments: [
        "a**", "(a", "a)", "[a", "[b-a]", "*", "a{3,2}", #"\1"#, #"\bword"#, "(?i)a", #"\p{L}"#, "a$b", "a^", "[]",
        "a++",
        #"\q"#, #"\ud800"#, "a{9999999999}", "",
    ])
    func `what is no regular expression is refused`(pattern: String) {
        #expect(OutputStructure.Language.regex(pattern).refusal() != nil)
    }

    @Test func `choices are the texts themselves`() throws {
        let language = OutputStructure.Language.choice(["positive", "negative", "pos"])
        for text in ["positive", "negative", "pos"] { #expect(try language.accepts(text)) }
        for text in ["", "posi", "neutral"] { #expect(try !language.accepts(text)) }
        #expect(OutputStructure.Language.choice([]).refusal() != nil)
        #expect(OutputStructure.Language.choice(["a", ""]).refusal() != nil)
    }

    /// Against Swift's own expressions.
    @Test func `random expressions match what Swift says they match`() throws {
        var random = SeededGenerator.random()
        for _ in 0..<300 {
            let pattern = Self.pattern(depth: 3, &random)
            let regex = try Regex(pattern)
            let language = OutputStructure.Language.regex(pattern)
            guard language.refusal() == nil else { continue }
            for _ in 0..<40 {
                let length = Int.random(in: 0...6, using: &random)
                let text = String((0..<length).map { _ in "abcé".randomElement(using: &random)! })
                #expect(
                    try language.accepts(text) == (text.wholeMatch(of: regex) != nil), "\(random): \(pattern), \(text)")
            }
        }
    }

    private static func pattern(depth: Int, _ random: inout SeededGenerator) -> String {
        guard depth > 0 else { return ["a", "b", "c", "é", ".", "[ab]", "[^a]"].randomElement(using: &random)! }
        let part = pattern(depth: depth - 1, &random)
        let other = pattern(depth: depth - 1, &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return "(?:\(part)|\(other))"
        case 1: return "(?:\(part))*"
        case 2: return "(?:\(part)){1,3}"
        case 3: return "(?:\(part))?\(other)"
        default: return part + other
        }
    }
}

@Suite struct NumberRangeTests {
    @Test func `random bounds of integers are kept`() throws {
        var random = SeededGenerator.random()
        for _ in 0..<150 {
            let low = Int.random(in: -1200...1200, using: &random)
            let high = low + Int.random(in: 0...800, using: &random)
            let language = try OutputStructure.Language.schema(
                "{\"type\": \"integer\", \"minimum\": \(low), \"maximum\": \(high)}")
            for value in [low, high, low - 1, high + 1, 0]
                + (0..<30).map({ _ in Int.random(in: -2100...2100, using: &random) })
            {
                #expect(
                    try language.accepts("\(value)") == (low...high).contains(value),
                    "\(random): \(low)...\(high), \(value)")
            }
        }
    }

    @Test func `random bounds of numbers are kept`() throws {
        var random = SeededGenerator.random()
        func number(_ random: inout SeededGenerator) -> Double {
            Double(Int.random(in: -3000...3000, using: &random)) / [1, 10, 100, 1000].randomElement(using: &random)!
        }
        for _ in 0..<150 {
            let bounds = [number(&random), number(&random)].sorted()
            let (low, high) = (bounds[0], bounds[1])
            let isOpen = Bool.random(using: &random) && low < high
            let keys = isOpen ? ["exclusiveMinimum", "exclusiveMaximum"] : ["minimum", "maximum"]
            let language = try OutputStructure.Language.schema(
                "{\"type\": \"number\", \"\(keys[0])\": \(low), \"\(keys[1])\": \(high)}")
            for value in [low, high] + (0..<60).map({ _ in number(&random) }) {
                let isInside = isOpen ? low < value && value < high : low <= value && value <= high
                for text in ["\(value)", "\(value)0"] {
                    #expect(
                        try language.accepts(text) == isInside, "\(random): \(low) to \(high), open \(isOpen), \(text)")
                }
            }
        }
    }
}
