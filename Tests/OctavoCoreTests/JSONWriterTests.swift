import OctavoCore
import Testing

@Suite struct JSONWriterTests {
    @Test func `text is compact and escapes only what it must`() {
        let value: JSONValue = [
            "a\"b\\": "\u{0}\u{1F}\u{7F}\n\r\t/é\u{1F600}", "n": [1, -2, 0.5, 1e21, nil, true],
            "big": .bigInteger("123456789012345678901234567890"),
        ]
        #expect(
            value.jsonText
                == #"{"a\"b\\":"\u0000\u001f"# + "\u{7F}" + #"\n\r\t/é"# + "\u{1F600}"
                + #"","n":[1,-2,0.5,1e+21,null,true],"big":123456789012345678901234567890}"#)
    }

    @Test func `a value is one line for every reader`() throws {
        let value = JSONValue.string("a\u{2028}b\u{2029}c\u{2027}d\u{202A}e\u{85}f\u{84}")
        #expect(value.jsonText == "\"a\\u2028b\\u2029c\u{2027}d\u{202A}e\\u0085f\u{84}\"")
        #expect(try JSONValue.parse(value.jsonText) == value)
    }

    @Test func `numbers that JSON does not have become null`() {
        #expect(JSONValue.array([.double(.nan), .double(.infinity)]).jsonText == "[null,null]")
    }

    @Test(arguments: [0.1, 1 / 3, .leastNonzeroMagnitude, .greatestFiniteMagnitude, -2.5e-7, 123_456_789.123])
    func `doubles come back exactly`(number: Double) throws {
        #expect(try JSONValue.parse(JSONValue.double(number).jsonText) == .double(number))
    }
}
