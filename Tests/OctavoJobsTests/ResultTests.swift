import OctavoCore
import OctavoJobs
import Testing

@Suite struct ResultTests {
    private func answer(_ id: String, _ texts: String..., row: JSONObject = [:], reason: String = "stop")
        -> RowAnswer
    {
        let choices = texts.enumerated().map { index, text -> JSONValue in
            [
                "index": .integer(index), "message": ["content": .string(text)], "logprobs": nil,
                "finish_reason": .string(reason),
            ]
        }
        return RowAnswer(
            customID: id, row: row, response: ["model": "m", "choices": .array(choices), "usage": ["total_tokens": 3]])
    }

    @Test func `columns take text and values from row and answer`() throws {
        let recipe = try JobRecipe(
            yaml: """
                prompt: "{{q}}"
                output:
                  columns:
                    id: "{{custom_id}}"
                    pair: "{{q}} -> {{answer.text}}"
                    score: {value: answer.json.score}
                    usage: {value: answer.usage}
                """, file: "x.yaml")
        var results = JobResults(recipe)
        let rows = results.rows(for: [answer("a", #"{"score": 4}"#, row: ["q": "Q"])])
        #expect(
            rows == [["id": "a", "pair": #"Q -> {"score": 4}"#, "score": 4, "usage": ["total_tokens": 3]]])
        let none = results.rows(for: [answer("b", "no json", row: ["q": "Q"])])
        #expect(none == [])
        #expect(results.dropped.map(\.reason) == ["no answer.json.score"])
        #expect(results.written == 1)
    }

    @Test func `filters and dedup drop rows, and count them`() throws {
        let recipe = try JobRecipe(
            yaml: """
                prompt: "{{q}}"
                schema: {type: object}
                filters:
                  - {finish_reason: stop, min_chars: 3, max_chars: 20}
                  - {column: a, matches: ["^[A-Z]"], matches_not: sorry}
                dedup: a
                output: {columns: {a: "{{answer.text}}"}}
                """, file: "x.yaml")
        var results = JobResults(recipe)
        let texts = ["Good.", "ab", "A long text beyond the limit", "lower case", "I am sorry", "good!", "GOOD"]
        let kept = texts.flatMap { results.rows(for: [answer("x", $0)]) }
        #expect(kept == [["a": "Good."]])
        _ = results.rows(for: [answer("x", "Cut off", reason: "length")])
        let dropped = Dictionary(uniqueKeysWithValues: results.dropped.map { ($0.reason, $0.count) })
        #expect(
            dropped == [
                "min_chars": 1, "max_chars": 1, "a matches": 2, "a matches_not": 1, "duplicate": 1,
                "finish_reason": 1,
            ])
        #expect(results.written == 1)
    }

    @Test func `each choice can be a row`() throws {
        let recipe = try JobRecipe(
            yaml: "prompt: x\noutput: {each: choice, columns: {i: '{{answer.index}}', a: '{{answer.text}}'}}",
            file: "x.yaml")
        var results = JobResults(recipe)
        let rows = results.rows(for: [answer("a", "one", "two")])
        #expect(rows == [["i": "0", "a": "one"], ["i": "1", "a": "two"]])
    }

    @Test func `variants stand side by side in a row`() throws {
        let recipe = try JobRecipe(
            yaml: """
                prompt: x
                variants: {good: {temperature: 0}, bad: {temperature: 2}}
                output: {columns: {id: "{{custom_id}}", good: "{{good.text}}", bad: "{{bad.text}}"}}
                """, file: "x.yaml")
        var results = JobResults(recipe)
        let rows = results.rows(for: [answer("r:good", "1"), answer("r:bad", "2")])
        #expect(rows == [["id": "r", "good": "1", "bad": "2"]])
    }
}

@Suite struct OutputRuleTests {
    private static let schema: JSONValue = [
        "type": "object", "required": ["label"], "additionalProperties": false,
        "properties": [
            "label": ["enum": ["a", "b"]], "score": ["type": "integer", "minimum": 1, "maximum": 5],
            "tags": ["type": "array", "items": ["type": "string", "maxLength": 3], "maxItems": 2],
            "either": ["anyOf": [["type": "null"], ["type": "number"]]],
        ],
    ]

    @Test(
        arguments: [
            (#"{"label": "a"}"#, nil), (#"{"label": "a", "score": 5, "tags": ["x"], "either": null}"#, nil),
            ("[]", "the answer is not of type object, but array"), ("{}", "label is missing"),
            (#"{"label": "c"}"#, "label is none of the allowed values"),
            (#"{"label": "a", "more": 1}"#, "more is not in the schema"),
            (#"{"label": "a", "score": 0}"#, "score is below minimum"),
            (#"{"label": "a", "score": 1.5}"#, "score is not of type integer, but number"),
            (#"{"label": "a", "tags": ["x", "four"]}"#, "tags[1] is above maxLength"),
            (#"{"label": "a", "tags": ["x", "y", "z"]}"#, "tags is above maxItems"),
            (#"{"label": "a", "either": "x"}"#, "either fits none of the alternatives"),
        ] as [(String, String?)])
    func `a schema names the first place that differs`(text: String, expected: String?) throws {
        #expect(try JSONSchemaCheck(Self.schema).violation(in: JSONValue.parse(text)) == expected)
    }

    @Test func `the last attempt is final, or kept`() {
        var rules = OutputRules([.empty, .length], retries: 2)
        #expect(rules.rejection(of: "x", finishReason: .stop, attempts: 0) == nil)
        #expect(rules.rejection(of: " \n", finishReason: .stop, attempts: 1)?.isFinal == false)
        #expect(rules.rejection(of: "x", finishReason: .length, attempts: 2)?.isFinal == true)
        rules.keepsLast = true
        #expect(rules.rejection(of: "x", finishReason: .length, attempts: 1)?.isFinal == false)
        #expect(rules.rejection(of: "x", finishReason: .length, attempts: 2) == nil)
    }
}
