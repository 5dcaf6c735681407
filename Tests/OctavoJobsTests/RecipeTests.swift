import OctavoCore
import OctavoJobs
import Testing

/// The error that reading a recipe gives.
func error(of yaml: String) throws -> JobError {
    try #require(throws: JobError.self) { _ = try JobRecipe(yaml: yaml, file: "jobs/x.yaml") }
}

@Suite struct RecipeTests {
    @Test func `a recipe makes the conversation that its templates say`() throws {
        let recipe = try JobRecipe(
            yaml: """
                system: You are {{persona}}.
                prompt: |-
                  {{question}} <&>
                few_shot:
                  - question: "1 + 1?"
                    persona: nobody
                    answer: "2"
                sampling: {temperature: 0.5, max_tokens: 9}
                """, file: "jobs/qa.yaml")
        #expect(recipe.name == "qa")
        let requests = try recipe.requests(
            for: ["id": 7, "persona": "\"R&D\"", "question": "Why <b>?"], number: 3)
        #expect(requests.map(\.customID) == ["7"])
        #expect(
            requests[0].body["messages"] == [
                ["role": "system", "content": "You are \"R&D\"."],
                ["role": "user", "content": "1 + 1? <&>"], ["role": "assistant", "content": "2"],
                ["role": "user", "content": "Why <b>? <&>"],
            ])
        #expect(requests[0].body["row"]?["persona"] == "\"R&D\"")
        #expect(recipe.sampling == ["temperature": 0.5, "max_tokens": 9])
    }

    @Test func `a completion's examples stand before its prompt`() throws {
        let recipe = try JobRecipe(
            yaml: """
                endpoint: completions
                prompt: "Q: {{q}} A:"
                few_shot: [{q: a, answer: " b"}]
                """, file: "x.yaml")
        let request = try #require(try recipe.requests(for: ["q": "c"], number: 5).first)
        #expect(request.body["prompt"] == "Q: a A: b\n\nQ: c A:")
        #expect(request.customID == "row-5")
    }

    @Test func `each variant is a request of its own`() throws {
        let recipe = try JobRecipe(
            yaml: "prompt: '{{q}}'\nvariants: {low: {temperature: 0.1}, high: {temperature: 1.5}}", file: "x.yaml")
        let requests = try recipe.requests(for: ["id": "a", "q": "?"], number: 1)
        #expect(requests.map(\.customID) == ["a:low", "a:high"])
        #expect(requests.map { $0.body["temperature"] } == [0.1, 1.5])
    }

    @Test func `a stored recipe is the recipe that was stored`() throws {
        let yaml = "prompt: '{{q}}'\nretry: {when: [schema, length], attempts: 3, then: keep}\nschema: {type: object}"
        let recipe = try JobRecipe(yaml: yaml, file: "a/b.yaml")
        let stored = try JobRecipe(stored: recipe.json)
        #expect(stored.name == "b")
        #expect(stored.json == recipe.json)
        #expect(stored.rules == recipe.rules)
        #expect(OutputRules(job: recipe.json) == recipe.rules)
    }

    @Test func `output, filters and names are no part of a recipe's identity`() throws {
        let one = try JobRecipe(yaml: "prompt: '{{q}}'\ndescription: a", file: "x.yaml")
        let two = try JobRecipe(yaml: "prompt: '{{q}}'\noutput: {columns: {a: '{{q}}'}}", file: "y.yaml")
        let three = try JobRecipe(yaml: "prompt: '{{q}}!'", file: "x.yaml")
        #expect(one.identity == two.identity)
        #expect(one.identity != three.identity)
    }

    @Test(arguments: [
        ("prompt: x\nsampling:\n  temprature: 1", "jobs/x.yaml:3: sampling.temprature: unknown key", "temperature"),
        ("promt: x", "jobs/x.yaml:1: promt: unknown key", "prompt"),
        ("prompt: x\nsampling: {temperature: 101}", "jobs/x.yaml:2: sampling.temperature: must be between", ""),
        ("system: x", "prompt: missing", ""),
        ("prompt: x\nprompt: y", "has \"prompt\" twice", ""),
        ("prompt: [", ": invalid YAML", ""),
        ("- a", "is not a mapping", ""),
        ("prompt: '{{> other}}'", "jobs/x.yaml:1: prompt: line 1 of the template: {{>…}}", ""),
        ("prompt: |\n  a\n  {{#b}}\n", "line 3 of the template: a section is not closed", ""),
        ("prompt: '{{a b}}'", "\"a b\" is no name of a column", ""),
        ("prompt: '{{a'", "a tag is not closed", ""),
        ("prompt: '{{q}}'\nfew_shot: [{answer: x}]", "few_shot[0]: has no q", ""),
        ("prompt: x\nretry: {when: scema}", "jobs/x.yaml:2: retry.when: \"scema\" is not known", "schema"),
        ("prompt: x\nretry: {when: schema}", "the recipe has none", ""),
        ("prompt: x\nendpoint: completions\nsystem: y", "system: is for chats", ""),
        ("prompt: x\noutput: {columns: {a: '{{answer.txt}}'}}", "\"txt\" is not known", "text"),
        ("prompt: x\nfilters: [{min_chars: 3}]", "filters: needs output.columns", ""),
        (
            "prompt: x\nfilters: [{matches: '('}]\noutput: {columns: {a: '{{answer.text}}'}}",
            "filters[0].matches: is no regular expression", ""
        ),
        ("prompt: x\nvariants: {a: {n: 0}}", "variants.a.n: must be between", ""),
    ])
    func `a mistake is named with file, line and key`(yaml: String, expected: String, suggestion: String) throws {
        let description = try error(of: yaml).description
        #expect(description.contains(expected), "\(description)")
        if !suggestion.isEmpty { #expect(description.contains("Did you mean \"\(suggestion)\"?"), "\(description)") }
    }
}
