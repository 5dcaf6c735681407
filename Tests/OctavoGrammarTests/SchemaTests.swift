import OctavoCore
import OctavoGrammar
import Testing

/// Which texts are instances of a schema, and which schemas are refused.
@Suite struct SchemaTests {
    @Test(arguments: [
        (
            #"{"type": "string"}"#, [#""""#, #""é \" \\ \n \u00e9 \ud83d\ude00""#],
            ["", "\"", "\"\n\"", #""\u0000""#, #""\ud800""#, "1"]
        ),
        (
            #"{"type": "string", "minLength": 2, "maxLength": 3}"#, [#""ab""#, #""日本語""#, #""a\n\ud83d\ude00""#],
            [#""a""#, #""abcd""#]
        ),
        (#"{"type": "integer"}"#, ["0", "-7", "123456789012345678"], ["-0", "01", "1.0", "1234567890123456789", ""]),
        (#"{"type": "integer", "minimum": -3, "exclusiveMaximum": 12}"#, ["-3", "0", "9", "11"], ["-4", "12", "100"]),
        (#"{"type": "number"}"#, ["0", "-0.5", "1e5", "12.25E-3"], [".5", "1.", "1e", "+1", "00", "1e100"]),
        (
            #"{"type": "number", "minimum": 0, "maximum": 1}"#, ["0", "1", "1.0", "0.999", "0.0"],
            ["-0.1", "1.01", "2", "1.00001"]
        ),
        (
            #"{"type": "number", "exclusiveMinimum": 0.25}"#, ["0.26", "0.2500001", "1", "100.5"],
            ["0.25", "0.250", "0.2", "-1", "0"]
        ),
        (#"{"type": ["boolean", "null"]}"#, ["true", "false", "null"], ["True", "nul", "0"]),
        (
            #"{"enum": ["a", 1, null, {"k": [1, 2]}]}"#, [#""a""#, "1", "null", #"{"k": [1, 2]}"#, #"{"k":[1,2]}"#],
            [#""b""#, "2", "{}"]
        ),
        (#"{"const": "x\"y"}"#, [#""x\"y""#], [#""xy""#]),
        (
            #"{"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2}"#,
            ["[1]", "[1, 2]", "[\n  1,\n  2\n]"], ["[]", "[1,2,3]", "[1,]", "[ 1 , 2]"]
        ),
        (
            #"{"type": "array", "prefixItems": [{"const": 1}, {"const": 2}], "items": {"const": 3}, "minItems": 1}"#,
            ["[1]", "[1,2]", "[1,2,3,3]"], ["[]", "[2]", "[1,3]"]
        ),
        (#"{"type": "array", "prefixItems": [{"const": 1}], "items": false}"#, ["[]", "[1]"], ["[1,1]"]),
        (#"{"type": "string", "pattern": "^[a-c]+\\d?$"}"#, [#""a""#, #""abc1""#], [#""""#, #""d""#, #""a12""#]),
        (#"{"type": "string", "pattern": "\"\\\\|\\n"}"#, [#""\"\\""#, #""\n""#], ["\"\n\"", #""\u000a""#]),
        (
            #"{"type": "string", "format": "date"}"#, [#""2024-02-29""#, #""1999-12-31""#],
            [#""2023-02-29""#, #""2024-04-31""#, #""1900-02-29""#]
        ),
        (#"{"type": "string", "format": "uuid"}"#, [#""123e4567-e89b-12d3-a456-426614174000""#], [#""123e4567""#]),
        (#"{"type": "string", "format": "ipv4"}"#, [#""255.0.10.1""#], [#""256.0.0.1""#]),
        ("{}", ["1", "[[], {}]", #"{"a": {"b": [null]}}"#], ["", "{a: 1}"]),
        ("true", ["1", "[]"], ["tru"]),
    ])
    func `a schema has its instances and no others`(schema: String, instances: [String], others: [String]) throws {
        let language = try OutputStructure.Language.schema(schema)
        for text in instances { #expect(try language.accepts(text), "\(text)") }
        for text in others { #expect(try !language.accepts(text), "\(text)") }
    }

    private static let person = #"""
        {"type": "object", "title": "Person", "properties": {
          "name": {"type": "string", "description": "Who"}, "age": {"type": "integer"}, "note": {"type": "string"}},
         "required": ["age"], "additionalProperties": false}
        """#

    @Test(arguments: [
        (
            person, [#"{"age": 1}"#, #"{"name":"x","age":1}"#, "{\n    \"age\": 1,\n    \"note\": \"\"\n}"],
            ["{}", #"{"age":1,"name":"x"}"#, #"{"age":1,"x":1}"#, #"{"age":1,}"#]
        ),
        (
            #"{"properties": {"a": {"const": 1}, "b": {"const": 2}}}"#,
            ["{}", #"{"a":1}"#, #"{"b":2}"#, #"{"a":1, "b":2}"#], [#"{"b":2,"a":1}"#, #"{,"b":2}"#]
        ),
        (
            #"{"type": "object", "properties": {"ab": {"const": 1}}, "additionalProperties": {"type": "null"}}"#,
            ["{}", #"{"ab":1,"a":null}"#, #"{"abc":null,"":null,"é":null}"#],
            [#"{"ab":null}"#, #"{"a":null,"ab":1}"#, #"{"a":1}"#]
        ),
        (#"{"type": "object"}"#, ["{}", #"{"x": [1], "y": {}}"#], ["[]", #"{"x"}"#]),
        (#"{"type": "object", "properties": {}}"#, ["{}"], [#"{"x":1}"#]),
    ])
    func `members come in declared order, and only those declared`(
        schema: String, instances: [String], others: [String]
    ) throws {
        let language = try OutputStructure.Language.schema(schema)
        for text in instances { #expect(try language.accepts(text), "\(text)") }
        for text in others { #expect(try !language.accepts(text), "\(text)") }
    }

    @Test func `schemas may contain themselves`() throws {
        let list = try OutputStructure.Language.schema(
            ##"{"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"value": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}, "required": ["value", "next"]}}}"##
        )
        #expect(try list.accepts(#"{"value": 1, "next": {"value": 2, "next": null}}"#))
        #expect(try !list.accepts(#"{"value": 1, "next": {"value": 2}}"#))
        let tree = try OutputStructure.Language.schema(##"{"type": "array", "items": {"$ref": "#"}}"##)
        #expect(try tree.accepts("[[], [[]]]"))
        #expect(try !tree.accepts("[[]"))
        // As deep as a text can be.
        let deep = String(repeating: "[", count: 20_000) + String(repeating: "]", count: 20_000)
        #expect(try tree.accepts(deep))
        #expect(try OutputStructure.Language.jsonObject.accepts("{\"a\":\(deep)}"))
    }

    @Test func `one of several schemas is taken for any where they cannot overlap`() throws {
        let tagged = try OutputStructure.Language.schema(
            #"{"oneOf": [{"type": "object", "properties": {"kind": {"const": "a"}}, "required": ["kind"]}, {"type": "object", "properties": {"kind": {"const": "b"}, "x": {"type": "number"}}, "required": ["kind", "x"]}]}"#
        )
        #expect(try tagged.accepts(#"{"kind": "b", "x": 1.5}"#))
        #expect(try !tagged.accepts(#"{"kind": "a", "x": 1.5}"#))
        let overlapping = try OutputStructure.Language.schema(#"{"oneOf": [{"type": "integer"}, {"type": "number"}]}"#)
        #expect(overlapping.refusal()?.contains("anyOf") == true)
    }

    @Test func `white space is bounded`() throws {
        let language = try OutputStructure.Language.schema(#"{"type": "array", "items": {"type": "null"}}"#)
        #expect(try language.accepts("[\n" + String(repeating: " ", count: 64) + "null]"))
        #expect(try !language.accepts("[\n" + String(repeating: " ", count: 65) + "null]"))
        #expect(try language.accepts("[\n\t\tnull]"))
        #expect(try !language.accepts("[\n\nnull]"))
        #expect(try !language.accepts(" [null]"))
        #expect(try !language.accepts("[null] "))
    }

    /// The schema, and words of the message.
    @Test(arguments: [
        (
            #"{"type": "object", "properties": {"a": {"type": "array", "uniqueItems": true}}}"#,
            "schema.properties.a.uniqueItems: is not supported"
        ),
        (#"{"patternProperties": {}}"#, "the keyword \"patternProperties\" is not supported"),
        (#"{"not": {}}"#, "\"not\" is not supported"),
        (#"{"type": "integer", "minimum": 5, "maximum": 4}"#, "no number is within"),
        (#"{"type": "integer", "exclusiveMinimum": 4, "exclusiveMaximum": 5}"#, "no integer"),
        (#"{"type": "array", "minItems": 3, "maxItems": 2}"#, "minItems is 3"),
        (#"{"type": "string", "minLength": -1}"#, "schema.minLength: must be a whole number"),
        (#"{"type": "string", "pattern": "("}"#, "schema.pattern: the regular expression has a \"(\" without \")\""),
        (#"{"type": "string", "pattern": "(?=a)b"}"#, "look-around"),
        (#"{"type": "string", "pattern": "a", "maxLength": 3}"#, "\"maxLength\" beside \"pattern\""),
        (#"{"type": "string", "format": "uri"}"#, "schema.format: \"uri\" is not supported"),
        (##"{"$ref": "#/$defs/nothing"}"##, "schema.$ref: \"#/$defs/nothing\" names nothing"),
        (##"{"$ref": "https://example.com/x"}"##, "outside"),
        (##"{"$ref": "#"}"##, "without end"),
        (##"{"anyOf": [{"$ref": "#"}, {"type": "null"}]}"##, "circle"),
        (##"{"type": "object", "properties": {"x": {"$ref": "#"}}, "required": ["x"]}"##, "without end"),
        (#"{"enum": []}"#, "schema.enum: must be an array"),
        (#"{"type": "string", "enum": [1]}"#, "no value of the \"type\""),
        (#"{"type": "text"}"#, "schema.type: \"text\" is no type"),
        (#"{"minLength": 1, "minimum": 1}"#, "string and number"),
        (#"{"type": "object", "properties": {"a": {}}, "required": ["b"]}"#, "schema.required: names \"b\""),
        (#"{"anyOf": [{"type": "string"}, false]}"#, "schema.anyOf[1]: is false"),
        (#"{"allOf": [{}, {}]}"#, "schema.allOf: of more than one"),
        ("3", "schema: must be a schema"),
    ])
    func `what cannot be honored is refused by name and place`(schema: String, words: String) throws {
        let refusal = try OutputStructure.Language.schema(schema).refusal()
        #expect(refusal?.contains(words) == true, "\(refusal ?? "accepted")")
    }

    @Test func `strings that only look alike are different`() throws {
        let composed = try OutputStructure.Language.schema("{\"const\": \"\u{E9}\"}")
        let decomposed = try OutputStructure.Language.schema("{\"const\": \"e\u{301}\"}")
        #expect(try composed.accepts("\"\u{E9}\""))
        #expect(try decomposed.accepts("\"e\u{301}\""))
        #expect(try !composed.accepts("\"e\u{301}\""))
    }
}
