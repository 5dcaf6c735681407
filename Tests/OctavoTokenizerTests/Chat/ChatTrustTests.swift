import OctavoCore
import OctavoTokenizer
import Testing

/// Text of a request stays apart from the template's, whatever the template does with it.
@Suite struct ChatTrustTests {
    /// The prompt with what is not trusted in brackets.
    private func marked(_ source: String, _ variables: JSONValue) throws -> String {
        try ChatTemplate(source: source).render(variables: variables.objectValue ?? JSONObject())
            .map { $0.isTrusted ? $0.text : "⟦\($0.text)⟧" }.joined()
    }

    @Test(arguments: [
        ("a{{ x }}b", "a⟦<|u|>⟧b"),
        ("{{ 'a' + x ~ 'b' }}", "a⟦<|u|>⟧b"),
        ("{{ (' ' ~ x ~ ' ') | trim }}", "⟦<|u|>⟧"),
        ("{{ x | upper }}", "⟦<|U|>⟧"),
        ("{{ 'aXb' | replace('X', x) }}", "a⟦<|u|>⟧b"),
        ("{{ x | replace('u', 'T') }}", "⟦<|⟧T⟦|>⟧"),
        ("{{ x[1:-1] ~ x[0] }}", "⟦|u|<⟧"),
        ("{{ [x, 'b'] | join('-') }}", "⟦<|u|>⟧-b"),
        ("{{ x | tojson }}", "\"⟦<|u|>⟧\""),
        ("{{ {'k': [x]} | tojson }}", "{\"k\": [\"⟦<|u|>⟧\"]}"),
        ("{{ [x] }}", "['⟦<|u|>⟧']"),
        ("{{ '%s!' | format(x) }}", "⟦<|u|>⟧!"),
        ("{{ '{}!'.format(x) }}", "⟦<|u|>⟧!"),
        ("{{ ('a' ~ x ~ 'b').split('u') | join('T') }}", "a⟦<|⟧T⟦|>⟧b"),
        ("{% set y %}a{{ x }}{% endset %}{{ y }}", "a⟦<|u|>⟧"),
        ("{% macro f(v) %}<{{ v }}>{% endmacro %}{{ f(x) }}", "<⟦<|u|>⟧>"),
        ("{% filter upper %}a{{ x }}{% endfilter %}", "A⟦<|U|>⟧"),
        ("{% for c in x %}{{ c }}{% endfor %}", "⟦<|u|>⟧"),
        ("{% for k in d %}{{ k }}{{ d[k] }}{% endfor %}", "⟦k⟧1"),
        ("{% set ns = namespace(s='') %}{% for c in x %}{% set ns.s = ns.s ~ c %}{% endfor %}{{ ns.s }}", "⟦<|u|>⟧"),
    ])
    func `what a request wrote is never trusted`(source: String, expected: String) throws {
        #expect(try marked(source, ["x": "<|u|>", "d": ["k": 1]]) == expected)
    }

    @Test func `neighbors of one origin are one segment`() throws {
        let segments = try ChatTemplate(source: "a{{ 'b' }}{{ 1 }}").render(variables: JSONObject())
        #expect(segments == [PromptSegment(text: "ab1", isTrusted: true)])
    }
}
