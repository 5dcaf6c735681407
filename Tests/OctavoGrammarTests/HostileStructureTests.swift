import OctavoCore
import OctavoGrammar
import OctavoTestSupport
import Testing

/// Structures that are made to take all time and memory there is.
@Suite struct HostileStructureTests {
    @Test func `schemas that are nested deeply are refused`() throws {
        var schema: JSONValue = ["type": "null"]
        for _ in 0..<10_000 { schema = ["type": "array", "items": schema] }
        #expect(OutputStructure.Language.jsonSchema(schema).refusal()?.contains("nested deeper") == true)
        let parentheses = String(repeating: "(", count: 10_000) + String(repeating: ")", count: 10_000)
        #expect(OutputStructure.Language.regex(parentheses).refusal()?.contains("nested deeper") == true)
        // Taken apart one by one, since taking all apart at once would be deep, too.
        while let inner = schema["items"] { schema = inner }
    }

    @Test func `long chains of references are followed`() throws {
        var definitions = JSONObject()
        for index in 0..<3000 {
            definitions["d\(index)"] = [
                "anyOf": [["$ref": .string("#/$defs/d\(index + 1)")], ["const": .integer(index)]]
            ]
        }
        definitions["d3000"] = ["type": "array", "items": ["$ref": "#/$defs/d0"]]
        let language = OutputStructure.Language.jsonSchema(["$ref": "#/$defs/d0", "$defs": .object(definitions)])
        #expect(try language.accepts("[17,[2999],[]]"))
        #expect(try !language.accepts("3000"))
    }

    @Test func `bounds of any size cost nothing`() throws {
        let schema: JSONValue = [
            "type": "array", "maxItems": 1_000_000_000,
            "items": ["type": "string", "minLength": 2, "maxLength": .bigInteger("1000000000000000000000")],
        ]
        #expect(try OutputStructure.Language.jsonSchema(schema).accepts(#"["ab","cde"]"#))
        #expect(try OutputStructure.Language.regex("(a{1,100000}b){1,100000}").accepts("aabab"))
        let impossible: JSONValue = ["type": "string", "minLength": .integer(.max)]
        #expect(OutputStructure.Language.jsonSchema(impossible).refusal()?.contains("minLength") == true)
    }

    @Test(arguments: [
        "((a{1,1000}){1,1000}){1,1000}", "(a|a?)*(a|aa)*(aaa|a)*b", "(.*a){12}", "(a*)*(a*)*", ".*a.{500}",
        "(((a?){9}){9}){9}",
    ])
    func `expressions of exponentially many states are followed, or given up`(pattern: String) throws {
        let library = StructureLibrary(vocabularySize: 256, decoding: SingleBytes())
        do {
            var matcher = try library.matcher(for: OutputStructure(.regex(pattern), parameter: "regex"))
            for _ in 0..<3000 {
                _ = try matcher.mask()
                guard try matcher.advance(over: Array("a".utf8)) else { break }
            }
        } catch {
            #expect(error.reason.contains("too large or too ambiguous"))
        }
    }

    @Test func `large schemas are followed, and larger ones refused`() throws {
        func schema(_ count: Int) -> OutputStructure.Language {
            var properties = JSONObject()
            let members = (0..<count).map { JSONObject.Member(key: "property\($0)", value: ["type": "integer"]) }
            properties = JSONObject(members: members)
            return .jsonSchema(["type": "object", "properties": .object(properties)])
        }
        #expect(try schema(1000).accepts(#"{"property7":1,"property999":2}"#))
        #expect(schema(300_000).refusal()?.contains("too large") == true)
        let words = (0..<5000).map { "word number \($0)" }
        #expect(try OutputStructure.Language.choice(words).accepts("word number 4999"))
    }

    /// Schemas with members that do not belong there, and expressions of random characters.
    @Test func `random structures are followed, or refused`() throws {
        let values = [
            "-1", "0", "1e300", "-0.5", "99999999999999999999999", "\"\"", "\"(a|b)*\"", "[]", "{}", "null", "true",
            "false", "[1, \"a\"]", "\"#/properties\"", "\"#\"", "{\"type\": \"string\"}", "[{\"$ref\": \"#\"}]",
        ]
        let keys = [
            "type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "properties", "required", "items",
            "prefixItems",
            "additionalProperties", "minItems", "maxItems", "minLength", "maxLength", "pattern", "format", "minimum",
            "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "$defs", "description",
        ]
        let characters = Array("ab\\dwsx0u{}[]()*+?|^$.-,1é😀nP<=!:")
        try FuzzCampaign.current.run("structures") { random in
            var text = RandomSchema.make(depth: 2, &random).json.jsonText
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let places = text.indices.filter { text[$0] == "{" }
                guard let place = places.randomElement(using: &random) else { break }
                let member = "\"\(keys.randomElement(using: &random)!)\":\(values.randomElement(using: &random)!)"
                let isEmpty = text[text.index(after: place)...].hasPrefix("}")
                text.insert(contentsOf: isEmpty ? member : member + ",", at: text.index(after: place))
            }
            // A brace within a pattern is no place for a member.
            if let schema = try? JSONValue.parse(text) { try Self.follow(.jsonSchema(schema), &random) }
            let length = Int.random(in: 1...12, using: &random)
            let pattern = String((0..<length).map { _ in characters.randomElement(using: &random)! })
            try Self.follow(.regex(pattern), &random)
        }
    }

    /// Goes some way through a structure by bytes that its masks allow, of which there is always one until it is complete.
    private static func follow(_ language: OutputStructure.Language, _ random: inout SeededGenerator) throws {
        guard language.refusal() == nil else { return }
        let structure = OutputStructure(language, parameter: "structure")
        var matcher = try SingleBytes.library.matcher(for: structure, isAlone: true)
        for _ in 0..<20 where !matcher.isFinished {
            let mask = try matcher.mask()
            let allowed = (0..<256).filter { mask.contains(TokenID($0)) }
            guard let byte = allowed.randomElement(using: &random) else {
                Issue.record("\(random): a dead end in \(language)")
                return
            }
            #expect(try matcher.advance(over: [UInt8(byte)]))
        }
    }

    @Test func `a structure that takes all room leaves others theirs`() throws {
        let library = StructureLibrary(vocabularySize: 256, decoding: SingleBytes())
        let structure = OutputStructure(.jsonObject, parameter: "response_format")
        var bystander = try library.matcher(for: structure)
        var greedy = try library.matcher(
            for: OutputStructure(.regex("((a{1,1000}){1,1000}){1,1000}"), parameter: "regex"))
        while !greedy.isExhausted, (try? greedy.advance(over: [UInt8(ascii: "a")])) == true {}
        #expect(bystander.isExhausted == greedy.isExhausted)
        var alone = try library.matcher(for: structure, isAlone: true)
        #expect(try alone.advance(over: Array(#"{"a": 1"#.utf8)))
        #expect(!alone.isExhausted)
        _ = try? bystander.advance(over: Array("{".utf8))
        // Those who come later get new room.
        var later = try library.matcher(for: structure)
        #expect(try later.advance(over: Array(#"{"a": 1}"#.utf8)))
        #expect(later.isFinished)
    }
}
