import OctavoCore
import OctavoTestSupport
import Testing

extension CommandLineTests {
    /// Answers that are held to a structure.
    @Suite struct StructuredOutputTests {
        private static let person: JSONValue = [
            "type": "object",
            "properties": [
                "name": ["type": "string", "maxLength": 30], "age": ["type": "integer", "minimum": 0, "maximum": 120],
                "hobbies": [
                    "type": "array", "items": ["type": "string", "maxLength": 20], "minItems": 1, "maxItems": 3,
                ],
                "lives_in": ["enum": ["town", "country"]],
            ],
            "required": ["name", "age", "hobbies", "lives_in"], "additionalProperties": false,
        ]

        private func line(_ prompt: String, _ key: String, _ value: JSONValue) -> JSONValue {
            var body: JSONObject = [
                "messages": [["role": "user", "content": .string(prompt)]], "temperature": 0, "max_tokens": 250,
            ]
            body[key] = value
            return .object(body)
        }

        private func content(_ response: JSONValue) throws -> String {
            let choice = try #require(response["choices"]?.arrayValue?.first, "\(response.jsonText)")
            #expect(choice["finish_reason"] == "stop")
            return try #require(choice["message"]?["content"]?.stringValue)
        }

        @Test(.enabled(if: TestModels.smolLM2 != nil, "\(TestModels.absence)"))
        func `SmolLM2 answers in the form that is asked for`() async throws {
            try await Workbench.withoutDatabase { bench in
                let format: JSONValue = [
                    "type": "json_schema", "json_schema": ["name": "person", "schema": Self.person],
                ]
                let answers = try await bench.filter(
                    "generate", model: TestModels.smolLM2 ?? "",
                    [
                        line("Invent a person. Answer in JSON.", "response_format", format),
                        line(
                            #"Repeat: {"city": "Paris"}"#, "response_format",
                            ["type": "json_object"]),
                        line("Is the sky blue?", "structured_outputs", ["choice": ["yes", "no"]]),
                        line("When did the First World War begin?", "guided_regex", "It began in [0-9]{4}\\."),
                    ])
                let person = try JSONValue.parse(content(answers[0]))
                #expect(person.objectValue?.keys == ["name", "age", "hobbies", "lives_in"])
                #expect((0...120).contains(person["age"]?.integerValue ?? -1))
                #expect(try JSONValue.parse(content(answers[1])) == ["city": "Paris"])
                #expect(try ["yes", "no"].contains(content(answers[2])))
                #expect(try content(answers[3]).wholeMatch(of: /It began in [0-9]{4}\./) != nil)
            }
        }

        @Test func `the cost of structures is measured`() async throws {
            try await Workbench.withoutDatabase { bench in
                let outcome = try await bench.octavo("bench", "structure", TestModels.tiny, "--runs", "1", "--json")
                #expect(outcome.status == 0, "\(outcome.standardError)")
                let lines = try JSONValue.lines(outcome.standardOutput)
                #expect(lines.count { $0["benchmark"] == "structure, known masks" } == 3)
            }
        }
    }
}
