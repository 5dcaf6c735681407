import OctavoCore
import Testing

/// Texts that RFC 8259 calls JSON, and texts that it does not.
@Suite struct JSONParserTests {
    static let valid: [(String, JSONValue)] = [
        ("null", .null), ("true", true), ("false", false), (" \t\r\n0 \n", 0), ("-0", 0), ("42", 42),
        ("-17", -17), ("1.0", .double(1)), ("-0.5", .double(-0.5)), ("1e2", .double(100)), ("1E+2", .double(100)),
        ("25e-1", .double(2.5)), ("0.0", .double(0)), ("1e-400", .double(0)),
        ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
        ("9223372036854775808", .bigInteger("9223372036854775808")),
        ("-100000000000000000000000000000", .bigInteger("-100000000000000000000000000000")),
        ("\"\"", ""), ("\"é\u{1F600}\"", "é\u{1F600}"), ("[]", []), ("[ ]", []), ("[1,[2],{}]", [1, [2], [:]]),
        ("{}", [:]), ("{ }", [:]), ("{ \"a\" : { \"b\" : [ null ] } }", ["a": ["b": [nil]]]),
        (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u0041\u00e9\u20AC""#, "Aé€"),
        (#""\uD83D\uDE00""#, "\u{1F600}"), (#""\ud800\udc00 \uDBFF\uDFFF""#, "\u{10000} \u{10FFFF}"),
        (#""\u0000""#, "\u{0}"), ("\"\u{7F}\u{2028}\"", "\u{7F}\u{2028}"),
    ]

    @Test(arguments: valid)
    func `valid text gives its value`(text: String, value: JSONValue) throws {
        #expect(try JSONValue.parse(text) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "nulll", "True", "tru", "NaN", "Infinity", "-Infinity", "undefined", "'a'", "a",
        "01", "-01", "00", "+1", ".5", "1.", "1.e2", "1e", "1e+", "-", "--1", "0x10", "1_000", "1e400", "-1e400",
        "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1,,2]", "{", "}", "{\"a\"", "{\"a\":", "{\"a\":1",
        "{\"a\":1,", "{\"a\":1,}", "{,}", "{a:1}", "{1:2}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "1 2", "{} x", "[]]",
        "\"", "\"a", "\"\\", "\"\\\"", "\"\\x\"", "\"\\u\"", "\"\\u12\"", "\"\\u12G4\"", "\"\\u 123\"",
        "\"a\nb\"", "\"a\tb\"", "\"\u{0}\"", "\"\u{1F}\"", "// c\n1", "/* c */1", "\u{FEFF}1", "\u{A0}1",
    ])
    func `invalid text is refused`(text: String) {
        #expect(throws: JSONParseError.self) { try JSONValue.parse(text) }
    }

    @Test(arguments: [
        #""\uD800""#, #""\uDC00""#, #""\uD800x""#, #""\uD800\n""#, #""\uD800\uD800""#, #""\uD800\u0041""#,
        #""\uDE00\uD83D""#, #""\uD83D\u""#, #""\uD83D"#,
    ])
    func `half a surrogate pair is refused`(text: String) {
        #expect(throws: JSONParseError.self) { try JSONValue.parse(text) }
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0x80], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xFF],
        ] as [[UInt8]])
    func `a string that is not UTF-8 is refused`(bytes: [UInt8]) {
        #expect(throws: JSONParseError.self) { try JSONValue.parse([0x22] + bytes + [0x22]) }
    }

    @Test func `an error names the reason and the column`() {
        let error = #expect(throws: JSONParseError.self) { try JSONValue.parse("{\"a\": 1 \"b\": 2}") }
        #expect(error?.description == "expected ',' or '}' at column 9")
    }

    @Test(arguments: ["[", "{\"a\":", "[{\"a\":"])
    func `nesting is refused before it exhausts the stack`(opening: String) {
        let text = String(repeating: opening, count: 1_000_000)
        let error = #expect(throws: JSONParseError.self) { try JSONValue.parse(text) }
        #expect(error?.reason == "nesting deeper than 256")
    }

    @Test func `nesting of 255 arrays is accepted`() throws {
        let text = String(repeating: "[", count: 255) + "1" + String(repeating: "]", count: 255)
        #expect(try JSONValue.parse(text).jsonText == text)
    }

    @Test func `objects keep the order of their keys`() throws {
        let keys = (0..<40).map { "k\($0 * 7 % 40)" }
        let text = "{" + keys.map { "\"\($0)\":1" }.joined(separator: ",") + "}"
        #expect(try JSONValue.parse(text).objectValue?.keys == keys)
        #expect(try JSONValue.parse(text).jsonText == text)
    }

    @Test(arguments: [3, 40])
    func `a key written twice keeps its first place and its last value`(count: Int) throws {
        let filler = (0..<count).map { "\"f\($0)\":0" }.joined(separator: ",")
        let object = try JSONValue.parse("{\"a\":1,\(filler),\"a\":2}").objectValue
        #expect(object?.members.count == count + 1)
        #expect(object?.members.first == JSONObject.Member(key: "a", value: 2))
    }

    @Test func `keys are told apart by their scalars`() throws {
        let object = try #require(try JSONValue.parse("{\"\u{E9}\":1,\"e\u{301}\":2}").objectValue)
        #expect(object.members.count == 2)
        #expect(object["e\u{301}"] == 2)
    }

    @Test func `integers and doubles stay apart`() throws {
        #expect(try JSONValue.parse("1") == .integer(1))
        #expect(try JSONValue.parse("1.0") == .double(1))
        #expect(try JSONValue.parse("1.0").jsonText == "1.0")
        #expect(try JSONValue.parse("1.0").integerValue == 1)
        #expect(try JSONValue.parse("1.5").integerValue == nil)
        #expect(try JSONValue.parse("1e300").integerValue == nil)
    }
}
