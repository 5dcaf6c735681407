import OctavoCore
import Testing

/// How bodies ask for structures.
@Suite struct OutputStructureTests {
    private func structure(_ members: String) throws -> OutputStructure? {
        let body = try JSONValue.parse("{\"prompt\": \"x\", \(members)}").objectValue ?? JSONObject()
        return try RequestBody.parse(body).sampling.structure
    }

    @Test func `OpenAI's words and vLLM's ask for the same`() throws {
        let schema: JSONValue = ["type": "integer"]
        #expect(try structure(#""response_format": {"type": "text"}"#) == nil)
        #expect(try structure(#""response_format": null"#) == nil)
        #expect(try structure(#""response_format": {"type": "json_object"}"#)?.language == .jsonObject)
        let openAI = try structure(
            #""response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": true, "schema": {"type": "integer"}}}"#
        )
        #expect(openAI == OutputStructure(.jsonSchema(schema), parameter: "response_format.json_schema.schema"))
        for text in [
            #""structured_outputs": {"json": {"type": "integer"}, "regex": null}"#,
            #""structured_outputs": {"json": "{\"type\": \"integer\"}"}"#, #""guided_json": {"type": "integer"}"#,
        ] {
            #expect(try structure(text)?.language == .jsonSchema(schema))
        }
        #expect(try structure(#""guided_regex": "a+""#)?.language == .regex("a+"))
        #expect(try structure(#""structured_outputs": {"choice": ["a", "b"]}"#)?.language == .choice(["a", "b"]))
        #expect(try structure(#""structured_outputs": {"json_object": true}"#)?.language == .jsonObject)
    }

    @Test(arguments: [
        (#""response_format": {"type": "xml"}"#, "response_format.type"),
        (#""response_format": 1"#, "response_format"),
        (#""response_format": {"type": "json_schema"}"#, "response_format.json_schema"),
        (#""response_format": {"type": "json_schema", "json_schema": {}}"#, "response_format.json_schema.schema"),
        (#""structured_outputs": {"grammar": "root ::= x"}"#, "structured_outputs.grammar"),
        (#""structured_outputs": {"choice": ["a", 1]}"#, "structured_outputs.choice"),
        (#""structured_outputs": {"json": "{"}"#, "structured_outputs.json"),
        (#""guided_grammar": "x""#, "guided_grammar"),
        (#""guided_json": {}, "guided_regex": "a""#, "guided_regex"),
        (#""response_format": {"type": "json_object"}, "guided_regex": "a""#, "guided_regex"),
    ])
    func `what is no structure is refused by its parameter`(members: String, parameter: String) {
        let error = #expect(throws: RequestError.self) { try structure(members) }
        #expect(error?.parameter == parameter)
    }
}
