import Foundation
import OctavoCore
import OctavoFiles
import OctavoJobs
import OctavoQueue
import OctavoTestSupport
import Testing

extension JobRecipe {
    fileprivate static func qa(_ more: String = "") throws -> JobRecipe {
        try JobRecipe(
            yaml: "endpoint: completions\nprompt: 'Q: {{q}}'\nsampling: {max_tokens: 5}\n" + more, file: "qa.yaml")
    }
}

@Suite struct JobTests {
    private func options(_ recipe: JobRecipe, _ paths: String..., windowRows: Int = 65_536) -> EnqueueOptions {
        EnqueueOptions(files: paths).applying([.set(\.job, recipe), .set(\.windowRows, windowRows)])
    }

    private func dryRun(_ recipe: JobRecipe, _ paths: String...) -> EnqueueOptions {
        EnqueueOptions(files: paths).applying([.set(\.job, recipe), .set(\.isDryRun, true)])
    }

    /// The options that take a batch's results for rows.
    private func chain(_ recipe: JobRecipe, from batch: Int64) -> EnqueueOptions {
        EnqueueOptions(files: []).applying([.set(\.job, recipe), .set(\.resultsOf, batch)])
    }

    private func batch(_ recipe: JobRecipe, _ path: String, in queue: Queue) async throws -> Int64? {
        try await Enqueuer(options(recipe, path), queue: queue).run().batchID
    }

    private func export(
        _ batch: Int64, from queue: Queue, to path: String, by recipe: JobRecipe? = nil
    ) async throws -> ExportResult {
        try await Exporter(exportOptions(batch, path, recipe), queue: queue).run()
    }

    private func exportOptions(_ batch: Int64, _ path: String, _ recipe: JobRecipe?) -> ExportOptions {
        ExportOptions(batch: batch, output: path).applying([.set(\.job, recipe)])
    }

    /// Answers every request of a batch by a function of its custom id; `nil` lets it fail.
    private func answer(_ queue: Queue, _ text: (String) -> String?) async throws {
        while let lease = try await queue.claim(
            ClaimRequest(
                worker: "w", models: [], maximumRequests: 64, tokenBudget: 1 << 20, timeToLive: .seconds(60)))
        {
            for request in lease.requests {
                guard let text = text(request.customID) else {
                    let failure = FailedRequest(
                        key: request.key, kind: "k", isPermanent: true, statusCode: 400, error: "{}")
                    _ = try await queue.fail(token: lease.token, [failure])
                    continue
                }
                let choice: JSONValue = ["index": 0, "text": .string(text), "logprobs": nil, "finish_reason": "stop"]
                let body: JSONValue = ["object": "text_completion", "model": "m", "choices": [choice]]
                let result = FinishedRequest(
                    key: request.key, finishReason: 0, promptTokens: 1, completionTokens: 1,
                    body: Array(body.jsonText.utf8))
                _ = try await queue.finish(token: lease.token, [result], timeToLive: .seconds(60))
            }
        }
    }

    /// An error's place: file, line and column.
    private func place(_ error: BatchFileError) -> String {
        let file = error.file.split(separator: "/").last.map(String.init) ?? ""
        return file + ":" + String(error.line ?? 0) + ":" + (error.field ?? "")
    }

    private func prompts(_ queue: Queue, _ batch: Int64) async throws -> [String] {
        try await queue.export(batch: batch, window: 0, includesRequestBodies: true)?.map {
            try JSONValue.parse($0.body ?? "")["prompt"]?.stringValue ?? ""
        } ?? []
    }

    @Test func `CSV with quoted line breaks, a byte order mark and CRLF becomes requests`() async throws {
        try await withTestQueue { queue, _, files in
            let csv = "\u{FEFF}id,q\r\na,\"one\r\ntwo, \"\"three\"\"\"\r\n\r\nb,plain\r\n"
            let path = try files.write("in.csv", csv)
            let result = try await Enqueuer(options(try .qa(), path), queue: queue).run()
            #expect(result.rows == 2 && result.blankLines == 1)
            let batch = try #require(result.batchID)
            #expect(try await prompts(queue, batch) == ["Q: one\r\ntwo, \"three\"", "Q: plain"])
            let rows = try await queue.export(batch: batch, window: 0) ?? []
            #expect(rows.map(\.customID) == ["a", "b"])
            #expect(rows.map(\.line) == [2, 5])
        }
    }

    @Test func `every bad row is told by line and column`() async throws {
        try await TestFiles.with { files in
            let csv = try files.write("in.csv", "id,q\na,x\nb\na,y\nc,\"z\"z\n\"d\nd\",ok\n,w\n")
            let json = try files.write("in.jsonl", "{\"q\": \"x\"}\n[]\n{\"p\": 1}\n{\"q\": null, \"id\": \"n\"}\n")
            let check = try await Enqueuer(dryRun(try .qa(), csv, json), queue: nil).check()
            let places = check.errors.first.map(place)
            let expected = [
                "in.csv:3:", "in.csv:4:custom_id", "in.csv:5:q", "in.csv:8:custom_id", "in.jsonl:2:", "in.jsonl:3:q",
                "in.jsonl:4:q",
            ]
            #expect(places == expected)
            #expect(check.requests == 3)
            #expect(check.samples.map(\.customID) == ["a", "a", "d\nd"])
        }
    }

    @Test(arguments: ["", "a,\n1,2", "a,a\n1,2"])
    func `a header that names no columns is refused`(text: String) async throws {
        try await TestFiles.with { files in
            let enqueuer = Enqueuer(dryRun(try .qa(), try files.write("in.csv", text)), queue: nil)
            let error = await #expect(throws: BatchFileError.self) { _ = try await enqueuer.run() }
            #expect(error?.line == 1)
        }
    }

    @Test func `the recipe is part of the batch's identity, its output is not`() async throws {
        try await withTestQueue { queue, _, files in
            let path = try files.write("in.jsonl", "{\"q\": \"x\"}\n")
            let first = try await batch(.qa(), path, in: queue)
            let withOutput = try await batch(.qa("output: {columns: {a: '{{answer.text}}'}}"), path, in: queue)
            let withRetry = try await batch(.qa("retry: {when: empty}"), path, in: queue)
            #expect(withOutput == first)
            #expect(withRetry != first)
        }
    }

    @Test func `windows never part the requests of a row`() async throws {
        try await withTestQueue { queue, _, files in
            let rows = (1...50).map { "{\"id\": \($0), \"q\": \"x\"}\n" }.joined()
            let recipe = try JobRecipe.qa(
                """
                variants: {a: {seed: 1}, b: {seed: 2}, c: {seed: 3}}
                output: {columns: {id: "{{custom_id}}", all: "{{a.text}} {{b.text}} {{c.text}}"}}
                """)
            let options = options(recipe, try files.write("in.jsonl", rows), windowRows: 10)
            let batch = try #require(try await Enqueuer(options, queue: queue).run().batchID)
            try await answer(queue) { id in id == "7:b" ? nil : id }
            let result = try await export(batch, from: queue, to: files.path("out.jsonl"))
            let lines = try files.read("out.jsonl").split(separator: "\n").map { try JSONValue.parse(String($0)) }
            #expect(result.counts.lines == 49 && lines.count == 49)
            #expect(result.counts.finished == 149 && result.counts.failed == 1)
            #expect(lines[0] == ["id": "1", "all": "1:a 1:b 1:c"])
            #expect(lines[6]["id"] == "8")
            let openAI = exportOptions(batch, files.path("openai.jsonl"), nil).applying([.set(\.format, .openai)])
            #expect(try await Exporter(openAI, queue: queue).run().counts.finished == 149)
            #expect(try files.read("openai.jsonl").contains("\"custom_id\":\"7:c\""))
        }
    }

    @Test func `filters drop rows on export, and another recipe's output can be asked for`() async throws {
        try await withTestQueue { queue, _, files in
            let path = try files.write("in.jsonl", (1...6).map { "{\"id\": \"r\($0)\", \"q\": \"x\"}\n" }.joined())
            let recipe = try JobRecipe.qa(
                "filters: [{min_chars: 2}]\ndedup: a\noutput: {format: csv, columns: {a: '{{answer.text}}', q: '{{q}}'}}"
            )
            let batch = try #require(try await Enqueuer(options(recipe, path), queue: queue).run().batchID)
            let answers: [String: String] = ["r1": "Same", "r2": "same.", "r3": "x", "r4": "a, b"]
            try await answer(queue) { id in answers[id, default: "other"] }
            let output = files.path("out.csv")
            let result = try await export(batch, from: queue, to: output)
            #expect(try files.read("out.csv") == "a,q\r\nSame,x\r\n\"a, b\",x\r\nother,x\r\n")
            #expect(result.dropped.map { "\($0.filter) \($0.count)" } == ["duplicate 2", "min_chars 1"])
            let only = try JobRecipe.qa("output: {columns: {only: '{{answer.text}}'}}")
            #expect(try await export(batch, from: queue, to: output, by: only).counts.lines == 6)
            #expect(try files.read("out.csv").hasPrefix("{\"only\":\"Same\"}\n"))
            let pairs = try JobRecipe.qa("variants: {a: {}, b: {}}\noutput: {columns: {x: '{{a.text}}'}}")
            let wrong = Exporter(exportOptions(batch, output, pairs), queue: queue)
            await #expect(throws: ExportError.otherRecipe(batch: batch)) { _ = try await wrong.run() }
        }
    }

    @Test func `a recipe can go on from the results of another batch`() async throws {
        try await withTestQueue { queue, _, files in
            let path = try files.write("in.jsonl", "{\"id\": \"a\", \"q\": \"x\"}\n{\"id\": \"b\", \"q\": \"y\"}\n")
            let first = try #require(try await Enqueuer(options(try .qa(), path), queue: queue).run().batchID)
            try await answer(queue) { $0 == "a" ? #"{"n": 3}"# : "no json" }
            let next = try JobRecipe(
                yaml: "endpoint: completions\nprompt: '{{q}}|{{response}}|{{#json}}{{n}}{{/json}}'", file: "next.yaml")
            let options = chain(next, from: first)
            let second = try await Enqueuer(options, queue: queue).run()
            let batch = try #require(second.batchID)
            #expect(try await prompts(queue, batch) == [#"x|{"n": 3}|3"#, "y|no json|"])
            let rows = try await queue.export(batch: batch, window: 0) ?? []
            #expect(rows.map(\.customID) == ["a", "b"])
            #expect(try await Enqueuer(options, queue: queue).run().batchID == batch)
        }
    }

    @Test func `rows of a plain batch have its prompts`() async throws {
        try await withTestQueue { queue, _, files in
            let path = try files.write("in.jsonl", "{\"id\": \"a\", \"prompt\": \"hello\"}\n")
            let first = try #require(
                try await Enqueuer(EnqueueOptions(files: [path]), queue: queue).run().batchID)
            try await answer(queue) { _ in "world" }
            let next = try JobRecipe(yaml: "endpoint: completions\nprompt: '{{prompt}} {{response}}'", file: "x.yaml")
            let options = chain(next, from: first)
            let batch = try #require(try await Enqueuer(options, queue: queue).run().batchID)
            #expect(try await prompts(queue, batch) == ["hello world"])
        }
    }
}

/// The recipes that come with Octavo.
@Suite struct RecipeSampleTests {
    static let samples = [
        ("self-instruct", "topics.csv"), ("persona-qa", "personas.csv"), ("paraphrase", "sentences.jsonl"),
        ("classify", "reviews.jsonl"), ("preference-pairs", "questions.jsonl"), ("distill-logprobs", "questions.jsonl"),
        ("teacher-logits", "questions.jsonl"), ("score-answers", "answers.jsonl"), ("judge", "answers.jsonl"),
    ]

    @Test(arguments: samples) func `every recipe fits its sample rows`(name: String, rows: String) async throws {
        let folder = TestPaths.packageRoot.appending(path: "jobs")
        let yaml = try String(contentsOf: folder.appending(path: "\(name).yaml"), encoding: .utf8)
        let recipe = try JobRecipe(yaml: yaml, file: "\(name).yaml")
        let options = EnqueueOptions(files: [folder.appending(path: "samples/\(rows)").path])
            .applying([.set(\.job, recipe), .set(\.isDryRun, true)])
        let check = try await Enqueuer(options, queue: nil, encoder: ByteEncoder(contextLength: 4096)).check()
        #expect(check.errors.count == 0, "\(check.errors)")
        #expect(check.requests == 50 * recipe.requestsPerRow)
        #expect(recipe.hasOutput)
    }

    @Test func `every recipe has sample rows`() throws {
        let folder = TestPaths.packageRoot.appending(path: "jobs")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        let recipes = files.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }
        #expect(Set(recipes) == Set(Self.samples.map(\.0)))
    }
}
