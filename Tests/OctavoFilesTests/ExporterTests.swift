import Foundation
import OctavoCore
import OctavoFiles
import OctavoPostgres
import OctavoQueue
import OctavoTestSupport
import Testing

@Suite struct ExporterTests {
    /// How the tests let a request end.
    enum Fate { case finished, failed, untouched }

    /// Queues `count` rows, chats and completions by turns, and lets each end as `fate` says.
    private func batch(
        _ count: Int, in queue: Queue, _ files: TestFiles, fate: (_ line: Int) -> Fate
    ) async throws -> Int64 {
        let lines = (1...count).map { line in
            line % 2 == 0
                ? "{\"id\": \"c\(line)\", \"prompt\": \"\(String(repeating: "x", count: line * 7 % 30))\"}"
                : "{\"id\": \"c\(line)\", \"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}"
        }
        var options = EnqueueOptions(files: [try files.write("in.jsonl", lines.joined(separator: "\n"))])
        options.windowRows = 10
        let batch = try #require(try await Enqueuer(options, queue: queue).run().batchID)
        while let lease = try await queue.claim(
            ClaimRequest(
                worker: "w", models: [], maximumRequests: 64, tokenBudget: 1 << 20, timeToLive: .seconds(60)))
        {
            _ = try await queue.finish(
                token: lease.token, lease.requests.filter { fate($0.line) == .finished }.map(answer),
                timeToLive: .seconds(60))
            let failed = lease.requests.filter { fate($0.line) == .failed }
            if !failed.isEmpty { _ = try await queue.fail(token: lease.token, failed.map(failure)) }
        }
        return batch
    }

    private func answer(_ request: LeasedRequest) -> FinishedRequest {
        let object = request.line % 2 == 0 ? "text_completion" : "chat.completion"
        let body = "{\"object\":\"\(object)\",\"model\":\"m\",\"choices\":[{\"text\":\"é \(request.line)\"}]}"
        return FinishedRequest(
            key: request.key, finishReason: 0, promptTokens: 1, completionTokens: 1, body: Array(body.utf8))
    }

    private func failure(_ request: LeasedRequest) -> FailedRequest {
        let error = RequestError("is wrong", parameter: "n")
        return FailedRequest(
            key: request.key, kind: "invalid", isPermanent: true, statusCode: 400, error: error.json.jsonText)
    }

    private func export(
        _ batch: Int64, from queue: Queue, to output: String, _ changes: Change<ExportOptions>...
    ) async throws -> ExportResult {
        let options = ExportOptions(batch: batch, output: output).applying(changes)
        return try await Exporter(options, queue: queue).run()
    }

    private func lines(_ text: String) throws -> [JSONValue] {
        try text.split(separator: "\n").map { try JSONValue.parse(String($0)) }
    }

    @Test func `finished requests become output lines in input order`() async throws {
        try await withTestQueue { queue, _, files in
            let batch = try await batch(45, in: queue, files) { _ in .finished }
            let result = try await export(
                batch, from: queue, to: files.path("out.jsonl"), .set(\.fixedTime, 1_700_000_000))
            #expect(result.counts.finished == 45)
            #expect(result.counts.total == 45)
            #expect(result.errorsPath == nil)
            let output = try files.read("out.jsonl")
            let lines = try lines(output)
            #expect(lines.map { $0["custom_id"] } == (1...45).map { .string("c\($0)") })
            #expect(Set(lines.compactMap { $0["id"]?.stringValue }).count == 45)
            let id = try #require(lines[0]["id"]?.stringValue?.dropFirst("batch_req_".count))
            let request = try #require(lines[0]["response"]?["request_id"]?.stringValue)
            #expect(id.count == 32 && request.count == 32 && id != request)
            #expect(
                output.prefix { $0 != "\n" }
                    == #"{"id":"batch_req_\#(id)","custom_id":"c1","response":{"status_code":200,"#
                    + #""request_id":"\#(request)","body":{"id":"chatcmpl-\#(id)","object":"chat.completion","#
                    + #""created":1700000000,"model":"m","choices":[{"text":"é 1"}]}},"error":null}"#)
            let second = lines[1]["response"]?["body"]
            #expect(second?["id"]?.stringValue?.hasPrefix("cmpl-") == true)
            #expect(second?["object"] == "text_completion")
            #expect(files.names == ["in.jsonl", "out.jsonl"])
        }
    }

    @Test func `exporting again gives the same bytes, and the true time unless it is fixed`() async throws {
        try await withTestQueue { queue, _, files in
            let before = Int(Date().timeIntervalSince1970)
            let batch = try await batch(12, in: queue, files) { _ in .finished }
            _ = try await export(batch, from: queue, to: files.path("a.jsonl"))
            _ = try await export(batch, from: queue, to: files.path("b.jsonl"))
            #expect(try files.read("a.jsonl") == files.read("b.jsonl"))
            let created = try lines(files.read("a.jsonl"))[0]["response"]?["body"]?["created"]?.integerValue
            #expect((before...before + 60).contains(created ?? 0))
        }
    }

    @Test(arguments: ExportOptions.Order.allCases, [1, 200, 1 << 20])
    func `a window of large answers is read in parts, to the same bytes`(
        order: ExportOptions.Order, partBytes: Int
    ) async throws {
        try await withTestQueue { queue, _, files in
            let batch = try await batch(45, in: queue, files) { line in
                line % 5 == 0 ? .failed : line > 36 ? .untouched : .finished
            }
            var parts = 0
            for window in 0..<5 {
                parts +=
                    try await queue.exportParts(
                        batch: batch, window: window, byCompletion: order == .completion, includesRequestBodies: true,
                        maximumBytes: partBytes)?.count ?? 0
            }
            #expect(partBytes == 1 ? parts == 45 : partBytes == 200 ? (6..<45).contains(parts) : parts == 5)
            for (name, bytes) in [("whole", 1 << 30), ("parts", partBytes)] {
                _ = try await export(
                    batch, from: queue, to: files.path("\(name).jsonl"), .set(\.order, order),
                    .set(\.includesPrompt, true), .set(\.includesTimings, true), .set(\.partBytes, bytes))
            }
            #expect(try files.read("parts.jsonl") == files.read("whole.jsonl"))
            #expect(try files.read("parts.errors.jsonl") == files.read("whole.errors.jsonl"))
        }
    }

    @Test func `failures go to a file of their own, and the counts add up`() async throws {
        try await withTestQueue { queue, _, files in
            let batch = try await batch(20, in: queue, files) { line in
                line % 5 == 0 ? .failed : line > 16 ? .untouched : .finished
            }
            let result = try await export(batch, from: queue, to: files.path("out.jsonl"))
            #expect(result.counts.finished == 13)
            #expect(result.counts.failed == 4)
            #expect(result.counts.pending == 3)
            #expect(result.errorsPath == files.path("out.errors.jsonl"))
            let errors = try lines(files.read("out.errors.jsonl"))
            #expect(errors.map { $0["custom_id"] } == ["c5", "c10", "c15", "c20"])
            #expect(errors[0]["error"] == .null)
            #expect(errors[0]["response"]?["status_code"] == 400)
            #expect(
                errors[0]["response"]?["body"]?.jsonText
                    == #"{"error":{"message":"n: is wrong","type":"invalid_request_error","param":"n","code":null}}"#)
            #expect(try lines(files.read("out.jsonl")).count == 13)
        }
    }

    @Test func `what a cancelled batch left undone is an error line`() async throws {
        try await withTestQueue { queue, _, files in
            let batch = try await batch(6, in: queue, files) { $0 < 4 ? .finished : .untouched }
            try await queue.cancel(batch)
            let result = try await export(batch, from: queue, to: files.path("out.jsonl"))
            #expect(result.counts.finished == 3)
            #expect(result.counts.cancelled == 3)
            let errors = try lines(files.read("out.errors.jsonl"))
            #expect(errors.map { $0["custom_id"] } == ["c4", "c5", "c6"])
            #expect(errors[0]["response"] == .null)
            #expect(errors[0]["error"]?["code"] == "batch_cancelled")
        }
    }

    @Test func `an error file of an earlier export is removed when there are no errors`() async throws {
        try await withTestQueue { queue, _, files in
            let batch = try await batch(3, in: queue, files) { _ in .finished }
            _ = try files.write("out.errors.jsonl", "old")
            _ = try await export(batch, from: queue, to: files.path("out.jsonl"))
            #expect(files.names == ["in.jsonl", "out.jsonl"])
            let result = try await export(
                batch, from: queue, to: files.path("out.jsonl"), .set(\.errors, files.path("errors")))
            #expect(result.errorsPath == files.path("errors"))
            #expect(try files.read("errors") == "")
        }
    }

    @Test(arguments: [("out", "out.errors.jsonl"), ("a.b.jsonl", "a.b.errors.jsonl"), (".out", ".out.errors.jsonl")])
    func `the error file stands beside the output`(output: String, errors: String) async throws {
        try await withTestQueue { queue, _, files in
            let batch = try await batch(2, in: queue, files) { $0 == 1 ? .failed : .finished }
            let result = try await export(batch, from: queue, to: files.path(output))
            #expect(result.errorsPath == files.path(errors))
        }
    }

    @Test func `the output is replaced whole, through links, and leftovers of killed runs go`() async throws {
        try await withTestQueue { queue, _, files in
            let batch = try await batch(3, in: queue, files) { _ in .finished }
            let target = try files.write("target.jsonl", "old")
            try FileManager.default.createSymbolicLink(atPath: files.path("out.jsonl"), withDestinationPath: target)
            _ = try files.write(".target.jsonl.octavo-123.456", "half")
            _ = try files.write(".other.jsonl.octavo-123.456", "half")
            _ = try await export(batch, from: queue, to: files.path("out.jsonl"))
            #expect(files.names == [".other.jsonl.octavo-123.456", "in.jsonl", "out.jsonl", "target.jsonl"])
            #expect(try lines(files.read("target.jsonl")).count == 3)
            #expect((try? FileManager.default.destinationOfSymbolicLink(atPath: files.path("out.jsonl"))) == target)
        }
    }

    @Test func `an export that fails leaves the old file as it was`() async throws {
        try await withTestQueue { queue, connection, files in
            let batch = try await batch(25, in: queue, files) { _ in .finished }
            let output = try files.write("out.jsonl", "old")
            try await connection.run { try $0.execute("UPDATE octavo.results SET body = '{}' WHERE position = 22") }
            let malformed = await #expect(throws: ExportError.self) {
                _ = try await export(batch, from: queue, to: output)
            }
            #expect(malformed?.description.contains("of batch \(batch) is not a response") == true)
            try await connection.run { try $0.execute("DELETE FROM octavo.requests WHERE position = 22") }
            await #expect(throws: ExportError.countMismatch(batch: batch, exported: 24, total: 25)) {
                _ = try await export(batch, from: queue, to: output)
            }
            #expect(try files.read("out.jsonl") == "old")
            #expect(files.names == ["in.jsonl", "out.jsonl"])
        }
    }

    @Test func `a path that cannot be written is named before anything is read`() async throws {
        try await withTestQueue { queue, _, files in
            let batch = try await batch(1, in: queue, files) { _ in .finished }
            let missing = files.path("nowhere/out.jsonl")
            let error = await #expect(throws: BatchFileError.self) {
                _ = try await export(batch, from: queue, to: missing)
            }
            #expect(error?.kind == .unwritableOutput)
            #expect(
                error?.description
                    == "\(missing): cannot be written (No such file or directory). Create the directory first.")
            let directory = await #expect(throws: BatchFileError.self) {
                _ = try await export(batch, from: queue, to: files.directory.path)
            }
            #expect(directory?.reason == "is a directory")
            let both = await #expect(throws: BatchFileError.self) {
                _ = try await export(batch, from: queue, to: files.path("x"), .set(\.errors, files.path("x")))
            }
            #expect(both?.reason == "is both the output and the error file")
        }
    }

    @Test func `a device is written directly, and has no error file beside it`() async throws {
        try await withTestQueue { queue, _, files in
            let batch = try await batch(4, in: queue, files) { $0 == 2 ? .failed : .finished }
            let result = try await export(batch, from: queue, to: "/dev/null")
            #expect(result.counts.failed == 1)
            #expect(result.errorsPath == nil)
            #expect(!FileManager.default.fileExists(atPath: "/dev/null.errors.jsonl"))
        }
    }

    @Test func `in order of completion, what ended first comes first`() async throws {
        try await withTestQueue { queue, connection, files in
            let batch = try await batch(9, in: queue, files) { _ in .finished }
            try await connection.run { session in
                try session.execute(
                    """
                    UPDATE octavo.results r SET finished_at = to_timestamp(1000 - q.line)
                      FROM octavo.requests q WHERE q.batch_id = r.batch_id AND q.position = r.position
                    """)
            }
            _ = try await export(batch, from: queue, to: files.path("out.jsonl"), .set(\.order, .completion))
            #expect(
                try lines(files.read("out.jsonl")).map { $0["custom_id"] }
                    == (1...9).reversed().map { .string("c\($0)") })
        }
    }

    @Test func `a batch that is still loading is not exported`() async throws {
        try await withTestQueue { queue, _, files in
            let load = try await queue.attach(
                NewBatch(name: "n", idempotencyKey: "k", fileIdentity: "k", seed: 1, source: "s"))
            await #expect(throws: ExportError.incompleteBatch(batch: load.id, state: "loading")) {
                _ = try await export(load.id, from: queue, to: files.path("out.jsonl"))
            }
            #expect(files.names.isEmpty)
        }
    }
}
