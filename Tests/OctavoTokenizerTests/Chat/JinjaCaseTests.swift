import OctavoCore
import OctavoTokenizer
import Testing

/// One construct of the language each, with what Jinja 3.1 makes of it.
@Suite struct JinjaCaseTests {
    @Test(arguments: ["core", "extra"])
    func `every construct renders as the reference does`(level: String) throws {
        let cases = try ChatFixtures.ownLines("jinja_cases.jsonl").filter { $0["level"]?.stringValue == level }
        #expect(!cases.isEmpty)
        for testCase in cases {
            let source = try #require(testCase["source"]?.stringValue)
            let variables = try #require(testCase["context"]?.objectValue)
            let now = try variables["now"]?.stringValue.map(ChatFixtures.date)
            let render = { try ChatTemplate(source: source).render(variables: variables, now: now).text }
            if testCase["error"] != nil {
                #expect(throws: ChatTemplateError.self, "\(source)") { try render() }
            } else {
                do {
                    let text = try render()
                    #expect(
                        text.unicodeScalars.elementsEqual(
                            testCase["text"]?.stringValue?.unicodeScalars ?? "".unicodeScalars),
                        "\(source) gave \(text)")
                } catch {
                    Issue.record("\(source) failed: \(error)")
                }
            }
        }
    }
}
