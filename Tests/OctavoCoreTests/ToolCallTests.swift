import OctavoCore
import Testing

/// What is a call of a tool and what is not.
@Suite struct ToolCallTests {
    private static let tools: Set<String> = ["get_weather", "find", "brave_search"]

    private func read(
        _ text: String, afterTag: Bool = false, tools: Set<String> = tools
    ) -> [String]? {
        ToolCall.calls(in: text, followsTag: afterTag, tools: tools)?.map { "\($0.name) \($0.arguments)" }
    }

    @Test(
        arguments: [
            (#"{"name": "find", "parameters": {"q": "x"}}"#, [#"find {"q":"x"}"#]),
            (#"{"name": "find", "arguments": {"q": "x"}}"#, [#"find {"q":"x"}"#]),
            (#"{"type": "function", "function": null, "name": "find", "parameters": {}}"#, ["find {}"]),
            (#"{"parameters": null, "name": "find"}"#, ["find {}"]),
            (
                " \n{\"name\" : \"find\" , \"parameters\" : { \"z\" : 1.50, \"a\": [ 1e5 , -0 ] } }\n ",
                [#"find {"z":1.50,"a":[1e5,-0]}"#]
            ),
            (
                #"{"name": "find", "parameters": {"q": "a { b } \" c \\", "日本": "\u00e9 é 🙂"}}"#,
                [#"find {"q":"a { b } \" c \\","日本":"\u00e9 é 🙂"}"#]
            ),
            (
                #"{"name": "find", "parameters": {"a": {"b": {}}}}; {"name": "get_weather", "parameters": {}}"#,
                [#"find {"a":{"b":{}}}"#, "get_weather {}"]
            ),
            (
                "{\"name\": \"find\", \"parameters\": {}}\n{\"name\": \"find\", \"parameters\": {}};",
                ["find {}", "find {}"]
            ),
            (
                #"[{"name": "find", "arguments": {"n": 12345678901234567890}}, {"name": "find", "arguments": {}}]"#,
                [#"find {"n":12345678901234567890}"#, "find {}"]
            ),
            (#"<function=find>{"q": "x > y"}</function>"#, [#"find {"q":"x > y"}"#]),
            (
                "<function=find> {} </function>\n<function=get_weather>{\"c\": 1}</function>",
                ["find {}", #"get_weather {"c":1}"#]
            ),
            (#"brave_search.call(query="gold price")"#, [#"brave_search {"query":"gold price"}"#]),
            (#"brave_search.call(query="gold "price"")"#, [#"brave_search {"query":"gold \"price\""}"#]),
            (#"find.call(a=1.0, b=[True], c=None, d="x\"y")"#, nil),
            (#"find.call(a=1.0, b=True, c=None, d="x\"y")"#, [#"find {"a":1.0,"b":true,"c":null,"d":"x\"y"}"#]),
            ("find.call()", ["find {}"]),
        ] as [(String, [String]?)])
    func `calls are read in every form, and their arguments kept as written`(text: String, expected: [String]?) {
        #expect(read(text) == expected)
    }

    @Test(arguments: [
        "", "   ", "It is sunny.", "{}", "[]", "null", "7", #""find""#,
        #"{"name": "unknown", "parameters": {}}"#, #"{"name": "find"}"#, #"{"parameters": {}}"#,
        #"{"name": "find", "parameters": "x"}"#, #"{"name": "find", "parameters": [1]}"#,
        #"{"name": 7, "parameters": {}}"#, #"{"name": "find", "parameters": {}"#,
        #"{"name": "find", "parameters": {"a": 01}}"#, #"{'name': 'find', 'parameters': {}}"#,
        #"{"name": "find", "parameters": {}} and that is all"#, #"Sure: {"name": "find", "parameters": {}}"#,
        #"{"name": "find", "parameters": {}}; {"name": "unknown", "parameters": {}}"#,
        #"[{"name": "find", "parameters": {}}, 1]"#, #"[{"name": "find", "parameters": {}}"#,
        #"[{"name": "find", "parameters": {}}] x"#, "{\"name\": \"find\", \"parameters\": {\"q\": \"a\nb\"}}",
        "<function=find>{}", "<function=find></function>", "<function=unknown>{}</function>", "<b>bold</b>",
        "<function=find>{}</function> done", "find.call(", "find.call(q=)", "find.call(q=1", "find(q=1)",
        "find.call(q=1) x", "unknown.call(q=1)", #"find.call(q="a) b"#,
    ])
    func `anything else is an answer in words`(text: String) {
        #expect(read(text) == nil)
        #expect(read(text, afterTag: true) == nil)
    }

    @Test func `after the tag a declared interpreter's program is a call`() {
        let tools: Set = ["code_interpreter", "find"]
        #expect(
            read("print(\"a\")\n", afterTag: true, tools: tools) == [#"code_interpreter {"code":"print(\"a\")\n"}"#])
        #expect(read(#"{"name": "find", "parameters": {}}"#, afterTag: true, tools: tools) == ["find {}"])
        #expect(read("print(1)", tools: tools) == nil)
        #expect(read("print(1)", afterTag: true) == nil)
    }

    @Test func `deep nesting is no call and no trap`() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(read(#"{"name": "find", "parameters": {"a": \#(deep)"#) == nil)
        #expect(read(deep) == nil)
    }

    @Test func `damaged calls are never a trap`() {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(state: seed)
        let bases = [
            #"{"name": "find", "parameters": {"a": "b\u00e9"}}; {"name": "find", "parameters": {}}"#,
            #"[{"name": "find", "arguments": {}}]"#, #"<function=find>{"a": 1}</function>"#,
            #"find.call(a="x", b=1)"#,
        ].map { Array($0.utf8) }
        for _ in 0..<20_000 {
            var bytes = bases.randomElement(using: &generator) ?? []
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: place)
                default: bytes.insert(bytes[place], at: place)
                }
                if bytes.isEmpty { bytes = [0x7B] }
            }
            for call in ToolCall.calls(in: String(decoding: bytes, as: UTF8.self), followsTag: false, tools: Self.tools)
                ?? []
            {
                #expect(throws: Never.self, "seed \(seed)") { try JSONValue.parse(call.arguments) }
            }
        }
    }
}
