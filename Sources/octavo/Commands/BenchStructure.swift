import ArgumentParser
import OctavoCore
import OctavoGrammar

struct BenchStructure: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "structure",
        abstract: "What structured output costs: making a structure, and finding the tokens that it allows.",
        discussion: """
            Every FILE is a response_format, {"type": "json_schema", ...}; without files there are three of our own. Texts
            are drawn at random from what is allowed. bench engine --response-format measures a whole job.

            Example:
              octavo bench structure models/SmolLM2-135M-Instruct.Q4_1.gguf
            """)
    @OptionGroup var options: TextModelOptions
    @Argument(help: "Files with a response_format each.") var files: [String] = []
    @Option(help: "How often each is measured.") var runs = 5
    @Flag(help: "Print one JSON object a line.") var json = false

    func validate() throws {
        guard (1...1000).contains(runs) else { throw ValidationError("--runs must be between 1 and 1000") }
    }

    func run() throws {
        var structures = try files.map { ($0, try ResponseFormatFile.read($0).language) }
        if structures.isEmpty { structures = try Self.examples() }
        let tokenizer = try options.open().tokenizer
        let report = BenchReport(json: json)
        report.header(threads: 1, kernels: nil, model: options.model)
        let bench = StructureBenchmark(tokenizer: tokenizer, runs: runs, report: report)
        for (name, language) in structures { try bench.measure(name, language) }
    }

    /// A record, a tree with texts, and any object.
    private static func examples() throws -> [(String, OutputStructure.Language)] {
        let record = """
            {"type": "object", "properties": {"name": {"type": "string", "maxLength": 80}, "age": {"type": "integer",
            "minimum": 0, "maximum": 130}, "email": {"type": "string", "format": "email"}, "tags": {"type": "array",
            "items": {"enum": ["new", "regular", "former"]}, "maxItems": 3}, "score": {"type": "number", "minimum": 0,
            "maximum": 1}}, "required": ["name", "age", "email", "tags", "score"], "additionalProperties": false}
            """
        let steps = """
            {"$defs": {"step": {"type": "object", "properties": {"explanation": {"type": "string"}, "result": {"type":
            "string"}, "parts": {"type": "array", "items": {"$ref": "#/$defs/step"}}}, "required": ["explanation", "result",
            "parts"], "additionalProperties": false}}, "type": "object", "properties": {"steps": {"type": "array", "items":
            {"$ref": "#/$defs/step"}}, "answer": {"type": "string"}}, "required": ["steps", "answer"]}
            """
        return [
            ("record", .jsonSchema(try JSONValue.parse(record))), ("steps", .jsonSchema(try JSONValue.parse(steps))),
            ("json_object", .jsonObject),
        ]
    }
}

/// A file with what a body has as `response_format`.
enum ResponseFormatFile {
    /// The structure that a file describes.
    ///
    /// - Throws: status 66 if it cannot be read, 65 if it is no structure that is supported.
    static func read(_ path: String) throws -> OutputStructure {
        let bytes = try TextModel.readBytes(path)
        do {
            var body: JSONObject = ["prompt": "x"]
            body["response_format"] = try JSONValue.parse(bytes)
            guard let structure = try RequestBody.parse(body).sampling.structure else {
                throw CommandFailure(.badData, "\(path): asks for no structure")
            }
            try StructureChecks().check(structure)
            return structure
        } catch let error as RequestError {
            throw CommandFailure(.badData, "\(path): \(error)")
        } catch let error as JSONParseError {
            throw CommandFailure(.badData, "\(path): \(error)")
        }
    }
}
