import Foundation
import Logging
import OctavoCore
import OctavoFiles
import OctavoPostgres
import OctavoQueue
import OctavoTestSupport
import Testing

@Suite struct EnqueuerTests {
    private func enqueue(
        _ paths: [String], into queue: Queue, windowRows: Int = 10, encoder: (any PromptEncoding)? = nil,
        progress: @escaping @Sendable (EnqueueProgress) -> Void = { _ in }, _ changes: Change<EnqueueOptions>...
    ) async throws -> EnqueueResult {
        let options = EnqueueOptions(files: paths).applying(changes + [.set(\.windowRows, windowRows)])
        return try await Enqueuer(options, queue: queue, encoder: encoder, progress: progress).run()
    }

    /// The ids of a batch's requests by line; fails the test if a line stands twice.
    private func stored(_ batch: Int64?, in queue: Queue) async throws -> [String] {
        var rows: [ExportRow] = []
        var window = 0
        while let next = try await queue.export(batch: try #require(batch), window: window) {
            rows += next
            window += 1
        }
        #expect(Set(rows.map(\.line)).count == rows.count)
        return rows.sorted { $0.line < $1.line }.map(\.customID)
    }

    @Test func `a file becomes an active batch, in windows and in order`() async throws {
        try await withTestQueue { queue, _, files in
            let path = try files.write("prompts.jsonl", rows(95))
            let result = try await enqueue([path], into: queue, .set(\.settings, ["max_tokens": 5]))
            #expect(result.isNew)
            #expect(result.state == .active)
            #expect(result.rows == 95)
            #expect(try await stored(result.batchID, in: queue) == (1...95).map { "row-\($0)" })
            let summary = try await queue.batchSummary(try #require(result.batchID))
            #expect(summary.name == "prompts.jsonl")
            #expect(summary.source == path)
            #expect(summary.total == 95)
            #expect(summary.windows == 10)
            let settings = try await queue.batchSettings([try #require(result.batchID)])
            #expect(settings.first?.settings == "{\"max_tokens\":5}")
            #expect(settings.first?.seed == result.seed)
        }
    }

    @Test func `what is stored is what was written, and what it will need`() async throws {
        try await withTestQueue { queue, connection, files in
            let path = try files.write(
                "in.jsonl",
                """
                {"id": "a", "prompt": "12345", "temperature": 0}
                {"custom_id": "b", "method": "POST", "url": "/v1/completions", "body": {"prompt": "é", "max_tokens": 7}}
                """)
            _ = try await enqueue([path], into: queue, encoder: ByteEncoder())
            let lines = try await connection.run { session in
                let result = try session.query(
                    "SELECT line, custom_id, prompt_tokens, max_new_tokens, body FROM octavo.requests ORDER BY line")
                return try (0..<result.count).map { index in
                    let row = result[index]
                    return "\(try row.int(0)) \(try row.string(1)) \(try row.int(2)) \(try row.int(3)) "
                        + (try row.string(4))
                }
            }
            #expect(
                lines == [
                    #"1 a 5 16 {"prompt":"12345","temperature":0}"#, #"2 b 2 7 {"prompt":"é","max_tokens":7}"#,
                ])
        }
    }

    @Test func `several files are one batch`() async throws {
        try await withTestQueue { queue, _, files in
            let paths = [try files.write("a", rows(25)), try files.write("b", "\u{FEFF}" + rows(25, first: 26))]
            let result = try await enqueue(paths, into: queue)
            #expect(try await stored(result.batchID, in: queue) == (1...50).map { "row-\($0)" })
        }
    }

    @Test func `the same file with the same settings attaches`() async throws {
        try await withTestQueue { queue, _, files in
            let path = try files.write("a.jsonl", rows(20))
            let first = try await enqueue([path], into: queue)
            let again = try await enqueue([try files.write("copy.jsonl", rows(20))], into: queue)
            #expect(!again.isNew)
            #expect(again.batchID == first.batchID)
            #expect(try await stored(first.batchID, in: queue).count == 20)
            let other = try await enqueue([path], into: queue, .set(\.settings, ["temperature": 0]))
            #expect(other.isNew)
            #expect(other.batchID != first.batchID)
        }
    }

    @Test(arguments: 0...5)
    func `an interrupted loading is resumed without loss or repetition`(windows: Int) async throws {
        try await withTestQueue { queue, connection, files in
            let paths = [
                try files.write("a", "\n" + rows(23) + "\n\n"), try files.write("b", "\u{FEFF}" + rows(32, first: 24)),
            ]
            try await interrupt(paths, after: windows, queue, connection)
            let result = try await enqueue(paths, into: queue)
            #expect(!result.isNew)
            #expect(result.resumedRows == windows * 10)
            #expect(result.state == .active)
            #expect(try await stored(result.batchID, in: queue) == (1...55).map { "row-\($0)" })
        }
    }

    /// Loads so many windows and stops, as if killed: a trigger in the database refuses the next one.
    private func interrupt(
        _ paths: [String], after windows: Int, _ queue: Queue, _ connection: PostgresConnection
    ) async throws {
        try await connection.run { session in
            try session.execute(
                """
                CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'interrupted'; END $$;
                CREATE TRIGGER refuse BEFORE UPDATE ON octavo.batches FOR EACH ROW
                    WHEN (NEW.loaded_rows > \(windows * 10) OR NEW.state <> 0) EXECUTE FUNCTION refuse();
                """)
        }
        await #expect(throws: PostgresError.self) { _ = try await enqueue(paths, into: queue) }
        try await connection.run { try $0.execute("DROP FUNCTION refuse() CASCADE") }
    }

    @Test func `invalid lines leave nothing behind`() async throws {
        try await withTestQueue { queue, _, files in
            let path = try files.write("a.jsonl", rows(30) + "{\"prompt\": 1}\n")
            let errors = await #expect(throws: BatchFileErrors.self) { _ = try await enqueue([path], into: queue) }
            #expect(errors?.first.first?.line == 31)
            #expect(try await queue.status().isEmpty)
        }
    }

    @Test func `valid lines among invalid ones are queued when asked, and resumed`() async throws {
        try await withTestQueue { queue, connection, files in
            let bad = "oops\n{\"prompt\": \"\(String(repeating: "x", count: 80))\"}\n"
            let path = try files.write("a.jsonl", bad + rows(15) + bad + rows(3) + rows(20, first: 16) + bad)
            let skip = Change<EnqueueOptions>.set(\.skipsInvalid, true)
            let result = try await enqueue([path], into: queue, encoder: ByteEncoder(), skip)
            #expect(result.rows == 35)
            #expect(result.skipped == 9)
            #expect(try await stored(result.batchID, in: queue) == (1...35).map { "row-\($0)" })
            let again = try await enqueue([path], into: queue, encoder: ByteEncoder(), skip)
            #expect(again.batchID == result.batchID)
        }
    }

    @Test func `several processes loading one file at once make one batch`() async throws {
        try await withTestDatabase { url, files in
            let path = try files.write("a.jsonl", rows(300))
            let results = try await withThrowingTaskGroup(of: EnqueueResult.self) { group in
                for _ in 0..<4 {
                    group.addTask { try await withConnection(url) { try await enqueue([path], into: Queue($0)) } }
                }
                return try await group.reduce(into: [EnqueueResult]()) { $0.append($1) }
            }
            #expect(results.count { $0.isNew } == 1)
            #expect(Set(results.map(\.batchID)).count == 1)
            #expect(results.allSatisfy { $0.state == .active })
            let ids = try await withConnection(url) { try await stored(results[0].batchID, in: Queue($0)) }
            #expect(ids == (1...300).map { "row-\($0)" })
        }
    }

    @Test func `a file that changes between the readings is noticed, and nothing is queued`() async throws {
        try await withTestQueue { queue, _, files in
            let path = try files.write("a.jsonl", rows(20_000))
            // The change is at the end, far beyond what is read ahead.
            let changeLastByte: @Sendable (EnqueueProgress) -> Void = { step in
                if step.stage == .loading { replaceByte(of: path, at: step.totalBytes - 4, by: "y") }
            }
            let error = await #expect(throws: BatchFileError.self) {
                _ = try await enqueue([path], into: queue, windowRows: 2000, progress: changeLastByte)
            }
            #expect(error?.reason == "changed while it was read")
            #expect(try await queue.status().isEmpty)
        }
    }
}

/// Changes one byte of a file in place.
private func replaceByte(of path: String, at offset: Int64, by text: String) {
    guard let handle = FileHandle(forWritingAtPath: path) else { return }
    try? handle.seek(toOffset: UInt64(offset))
    try? handle.write(contentsOf: Data(text.utf8))
    try? handle.close()
}
