import OctavoCore
import OctavoJobs
import Testing

@Suite struct TemplateTests {
    /// What a template makes of a row, or the column that it misses.
    private func render(_ template: String, _ row: JSONObject) throws -> String {
        let yaml = JSONValue.object(["prompt": .string(template), "endpoint": "completions"]).jsonText
        let recipe = try JobRecipe(yaml: yaml, file: "x.yaml")
        do {
            return try recipe.requests(for: row, number: 1)[0].body["prompt"]?.stringValue ?? ""
        } catch {
            return "missing \(error.column)"
        }
    }

    @Test(arguments: [
        ("{{a}}{{{a}}}{{&a}}", #"<"é">"# + #"<"é">"# + #"<"é">"#),
        ("{{missing}}", "missing missing"),
        ("{{null}}", "missing null"),
        ("x{{#missing}} {{missing}}{{/missing}}", "x"),
        ("x{{^missing}}none{{/missing}}", "xnone"),
        ("{{#empty}}some{{/empty}}{{^empty}}none{{/empty}}", "none"),
        ("{{empty}}|", "|"),
        ("{{#list}}{{name}};{{/list}}", "one;two;"),
        ("{{#list}}{{nam}};{{/list}}", "missing nam"),
        ("{{#words}}{{.}},{{/words}}", "x,y,"),
        ("{{words}} {{object}} {{number}}", #"["x","y"] {"k":1} 2.5"#),
        ("{{object.k}}", "1"),
        ("{{object.l}}", "missing object.l"),
        ("{{#object}}{{k}}{{/object}}", "1"),
        ("{{#no}}x{{/no}}{{! a comment }}", ""),
        ("{{#a}}\nline\n{{/a}}\nend", "line\nend"),
    ])
    func `templates make text of columns`(template: String, expected: String) throws {
        let row: JSONObject = [
            "a": #"<"é">"#, "null": nil, "empty": "", "list": [["name": "one"], ["name": "two"]],
            "words": ["x", "y"], "object": ["k": 1], "number": 2.5, "no": false,
        ]
        #expect(try render(template, row) == expected)
    }

    @Test func `what a row says is never taken for a template`() throws {
        #expect(try render("{{a}}", ["a": "{{b}} {{#c}}"]) == "{{b}} {{#c}}")
    }
}
