import Foundation
import OctavoCore
import OctavoEngine
import OctavoGrammar
import OctavoTestSupport
import OctavoTokenizer
import Testing

/// Random schemas: what is generated is valid, and what is valid is accepted.
@Suite struct PropertyTests {
    /// A Python that has `jsonschema`, which knows the standard better than we do.
    private static let python = ProcessInfo.processInfo.environment["OCTAVO_JSONSCHEMA_PYTHON"]

    @Test func `samples of a schema are accepted, and what is accepted of their mutations is valid`() throws {
        var random = SeededGenerator.random()
        for _ in 0..<300 {
            let schema = RandomSchema.make(depth: 3, &random)
            let language = OutputStructure.Language.jsonSchema(schema.json)
            for _ in 0..<5 {
                let sample = schema.sample(&random)
                #expect(try language.accepts(sample.jsonText), "\(random): \(schema.json.jsonText)\n\(sample.jsonText)")
                #expect(try language.accepts(String(sample.indentedText.dropLast())), "\(random)")
                for _ in 0..<10 {
                    let mutation = Self.mutation(of: Array(sample.jsonText.utf8), &random)
                    guard try language.accepts(mutation) else { continue }
                    let text = String(decoding: mutation, as: UTF8.self)
                    let value = try JSONValue.parse(text)
                    #expect(
                        try SchemaValidator.isValid(value, schema.json), "\(random): \(schema.json.jsonText)\n\(text)")
                }
            }
        }
    }

    private static func mutation(of bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes.remove(at: place)
        case 1: bytes[place] = Array("\"\\{}[]:,0123456789-.eE truefalsn".utf8).randomElement(using: &random)!
        case 2: bytes.insert(Array("\"\\{}[],019-. \u{e9}".utf8).randomElement(using: &random)!, at: place)
        default: bytes.swapAt(place, Int.random(in: 0..<bytes.count, using: &random))
        }
        return bytes
    }

    @Test(arguments: Vocabularies.names)
    func `whatever a model says is an instance of the schema`(vocabulary: String) async throws {
        let tokenizer = try Vocabularies.tokenizer(vocabulary)
        var random = SeededGenerator.random()
        let schemas = (0..<60).map { _ in RandomSchema.make(depth: 3, &random).json }
        let completions = await Self.completions(
            of: schemas, tokenizer, seed: Int64.random(in: 0...1000, using: &random))
        #expect(completions.count == schemas.count, "\(random)")
        var finished: [(schema: JSONValue, text: String)] = []
        for (index, completion) in completions where completion.finishReason == .stop {
            let value = try JSONValue.parse(completion.text)
            #expect(
                try SchemaValidator.isValid(value, schemas[index]),
                "\(random): \(schemas[index].jsonText)\n\(completion.text)")
            finished.append((schemas[index], completion.text))
        }
        // Texts that a random model never ends are few.
        #expect(finished.count > schemas.count / 2, "\(random): \(finished.count)")
        try await Self.checkWithPython(finished, "\(random)")
    }

    /// What a random model says to each schema, by its index.
    private static func completions(
        of schemas: [JSONValue], _ tokenizer: Tokenizer, seed: Int64
    ) async -> [Int: Completion] {
        // Without a little help strings would seldom end.
        var boosts: [TokenID: Float] = [:]
        for token in 0..<TokenID(tokenizer.vocabularySize) {
            let bytes = tokenizer.bytes(of: token)
            if !bytes.isEmpty, bytes.allSatisfy({ "\"]}".utf8.contains($0) }) {
                boosts[token] = tokenizer.vocabularySize > 1000 ? 9 : 3
            }
        }
        let engine = LocalEngine(
            runner: RandomRunner(vocabularySize: tokenizer.vocabularySize, boosts: boosts), tokens: tokenizer,
            endTokens: tokenizer.endTokens)
        let requests = schemas.enumerated().map { index, schema in
            var sampling = SamplingParameters()
            sampling.seed = seed
            sampling.maxTokens = 150
            sampling.structure = OutputStructure(.jsonSchema(schema), parameter: "schema")
            return GenerationRequest(id: index, promptTokens: [1, TokenID(index % 100)], sampling: sampling)
        }
        var completions: [Int: Completion] = [:]
        let control = GenerationControl()
        for await event in engine.generate(requests, control: control) {
            if case .finished(let completion) = event { completions[completion.id] = completion }
            if case .checkpoint(let checkpoint) = event { control.acknowledge(checkpoint.number) }
        }
        return completions
    }

    private static func checkWithPython(_ instances: [(schema: JSONValue, text: String)], _ seed: String) async throws {
        guard let python else { return }
        let program = """
            import json, sys
            from jsonschema import Draft202012Validator
            for line in sys.stdin:
                case = json.loads(line)
                for error in Draft202012Validator(case["schema"]).iter_errors(json.loads(case["text"])):
                    print(line, error.message)
            """
        let lines = instances.map { instance in
            JSONValue.object(["schema": instance.schema, "text": .string(instance.text)]).jsonText + "\n"
        }
        let outcome = try await runProcess(
            URL(fileURLWithPath: python), ["-c", program], standardInput: lines.joined())
        #expect(outcome.status == 0 && outcome.standardOutput.isEmpty, "\(seed): \(outcome)")
    }
}
