import OctavoCore
import OctavoGrammar
import OctavoTestSupport
import OctavoTokenizer
import Testing

/// Masks, against trying every token.
@Suite struct MaskTests {
    @Test(arguments: Vocabularies.names)
    func `a mask has the tokens whose bytes fit, and no special ones`(vocabulary: String) throws {
        let tokenizer = try Vocabularies.tokenizer(vocabulary)
        let library = StructureLibrary(vocabularySize: tokenizer.vocabularySize + 7, decoding: tokenizer)
        var random = SeededGenerator.random()
        for _ in 0..<(tokenizer.vocabularySize > 1000 ? 3 : 60) {
            let schema = RandomSchema.make(depth: 3, &random)
            let structure = OutputStructure(.jsonSchema(schema.json), parameter: "schema")
            var matcher = try library.matcher(for: structure)
            for token in tokenizer.encode(schema.sample(&random).jsonText) {
                let mask = try matcher.mask()
                var count = 0
                for candidate in 0..<TokenID(tokenizer.vocabularySize) {
                    let bytes = tokenizer.bytes(of: candidate)
                    var next = matcher
                    let fits = try !tokenizer.isSpecial(candidate) && !bytes.isEmpty && next.advance(over: bytes)
                    count += fits ? 1 : 0
                    if fits != mask.contains(candidate) {
                        Issue.record("\(random): token \(candidate) of \(schema.json.jsonText)")
                    }
                }
                #expect(mask.count == count)
                #expect(try matcher.advance(over: tokenizer.bytes(of: token)), "\(random)")
            }
            #expect(matcher.isComplete, "\(random)")
        }
    }

    /// Logits of few values, so that many are equal, in rows that end anywhere.
    @Test(arguments: [256, 250, 200, 17, 2000]) func `a mask finds its largest logit and forbids all others`(
        count: Int
    ) throws {
        var random = SeededGenerator.random()
        for pattern in ["[a-z]", "[^a-z]", "a", ".", "\u{7f}"] {
            let structure = OutputStructure(.regex(pattern), parameter: "regex")
            let mask = try SingleBytes.library.matcher(for: structure).mask()
            var logits = (0..<count).map { _ in Float(Int.random(in: -3...3, using: &random)) }
            let allowed = logits.indices.filter { mask.contains(TokenID($0)) }
            let expected = allowed.max { (logits[$0], -$0) < (logits[$1], -$1) }
            #expect(logits.withUnsafeBufferPointer(mask.largest) == expected.map { TokenID($0) }, "\(random)")
            let forbidden = logits.indices.map { mask.contains(TokenID($0)) ? logits[$0] : -9 }
            logits.withUnsafeMutableBufferPointer { mask.apply(to: $0, banned: -9) }
            #expect(logits == forbidden, "\(random)")
        }
    }

    @Test func `characters may be split over tokens`() throws {
        var matcher = try SingleBytes.library.matcher(
            for: OutputStructure(.jsonSchema(["type": "string", "maxLength": 1]), parameter: "schema"))
        for byte in Array("\"😀".utf8) {
            #expect(try matcher.mask().contains(TokenID(byte)))
            #expect(try matcher.advance(over: [byte]))
        }
        // The character counts as one, and only the quote may follow.
        #expect(try matcher.mask().count == 1)
        #expect(try matcher.mask().contains(TokenID(UInt8(ascii: "\""))))
    }

    @Test func `half a character never stays alone`() throws {
        var matcher = try SingleBytes.library.matcher(
            for: OutputStructure(.jsonSchema(["type": "string"]), parameter: "schema"))
        #expect(try matcher.advance(over: [UInt8(ascii: "\""), 0xE2, 0x82]))
        #expect(try matcher.mask().count == 64)
        #expect(try !matcher.advance(over: [UInt8(ascii: "\"")]))
        #expect(try matcher.advance(over: [0xAC, UInt8(ascii: "\"")]))
        #expect(matcher.isFinished)
    }
}
