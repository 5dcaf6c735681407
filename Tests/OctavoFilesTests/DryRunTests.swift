import OctavoCore
import OctavoFiles
import OctavoTestSupport
import Synchronization
import Testing

/// What the first reading finds, which needs no database.
@Suite struct DryRunTests {
    private func dryRun(
        _ paths: [String], encoder: (any PromptEncoding)? = nil, _ changes: Change<EnqueueOptions>...
    ) async throws -> EnqueueResult {
        let options = EnqueueOptions(files: paths).applying(changes + [.set(\.isDryRun, true)])
        return try await Enqueuer(options, queue: nil, encoder: encoder).run()
    }

    private func errors(_ body: () async throws -> EnqueueResult) async -> BatchFileErrors? {
        await #expect(throws: BatchFileErrors.self) { _ = try await body() }
    }

    @Test func `rows, blank lines and tokens are counted`() async throws {
        try await TestFiles.with { files in
            let path = try files.write(
                "in.jsonl",
                """
                \u{FEFF}{"prompt": "five!", "max_tokens": 3}\r

                {"messages": [{"role": "user", "content": [{"type": "text", "text": "four"}]}], "max_tokens": 4, "n": 2}
                \t
                {"prompt": [1, 2]}
                """)
            let result = try await dryRun([path])
            #expect(result.rows == 3)
            #expect(result.blankLines == 2)
            #expect(result.promptTokens == 11)
            #expect(!result.areTokensExact)
            #expect(result.maximumNewTokens == 3 + 8 + 16)
            #expect(result.batchID == nil)
        }
    }

    @Test func `an encoder counts exactly and refuses what does not fit the context`() async throws {
        try await TestFiles.with { files in
            let good = try files.write("good.jsonl", "{\"prompt\": \"12345\"}\n{\"prompt\": \"1234567890\"}\n")
            let result = try await dryRun([good], encoder: ByteEncoder())
            #expect(result.areTokensExact)
            #expect(result.promptTokens == 15)
            #expect(result.maximumNewTokens == 32)
            let long = String(repeating: "x", count: 60)
            let bad = try files.write(
                "bad.jsonl",
                """
                {"prompt": "\(long)xxxx"}
                {"prompt": "\(long)", "max_tokens": 5}
                {"prompt": ""}
                {"prompt": [999999]}
                {"custom_id": "b", "method": "POST", "url": "/v1/completions", "body": {"prompt": "\(long)xxxx"}}
                """)
            let errors = await errors { try await dryRun([bad], encoder: ByteEncoder()) }
            #expect(errors?.first.map(\.line) == [1, 2, 3, 4, 5])
            #expect(errors?.first.map(\.field) == ["prompt", "max_tokens", "prompt", "prompt", "body.prompt"])
            #expect(errors?.first[0].reason.contains("64 tokens") == true)
            #expect(errors?.first[0].remedy.contains("Shorten the prompt") == true)
            #expect(errors?.first[2].reason == "has no tokens to go on from")
        }
    }

    @Test func `all invalid lines are counted, the first twenty kept, and all written to a file`() async throws {
        try await TestFiles.with { files in
            let lines = (1...3000).map { $0 % 30 == 0 ? "{\"id\": \($0)" : "{\"id\": \($0), \"prompt\": \"x\"}" }
            let path = try files.write("in.jsonl", lines.joined(separator: "\n"))
            let errors = await errors {
                try await dryRun([path], .set(\.errorsPath, files.path("bad.jsonl")))
            }
            #expect(errors?.count == 100)
            #expect(errors?.first.map(\.line) == (1...20).map { $0 * 30 })
            let description = errors?.description.split(separator: "\n")
            #expect(description?.count == 21)
            #expect(description?.first?.hasPrefix("\(path):30: invalid JSON: ") == true)
            #expect(description?.last == "and 80 more invalid lines; \(files.path("bad.jsonl")) has all of them")
            let listed = try files.read("bad.jsonl").split(separator: "\n").map { try JSONValue.parse(String($0)) }
            #expect(listed.map { $0["line"] } == (1...100).map { .integer($0 * 30) })
            #expect(listed[0]["file"] == .string(path))
            #expect(listed[0]["remedy"] == "Every line must be one complete JSON object.")
        }
    }

    @Test func `invalid lines are left out when asked`() async throws {
        try await TestFiles.with { files in
            let path = try files.write("in.jsonl", rows(10) + "oops\n" + rows(1) + rows(10, first: 11))
            let result = try await dryRun([path], .set(\.skipsInvalid, true))
            #expect(result.rows == 20)
            #expect(result.skipped == 2)
            #expect(result.errors.first.map(\.line) == [11, 12])
        }
    }

    @Test func `an input file is not overwritten by the list of its errors`() async throws {
        try await TestFiles.with { files in
            let path = try files.write("in.jsonl", rows(3))
            let error = await #expect(throws: BatchFileError.self) {
                _ = try await dryRun([path], .set(\.errorsPath, path))
            }
            #expect(error?.reason == "is both an input and the error file")
            #expect(try files.read("in.jsonl") == rows(3))
        }
    }

    @Test func `a custom id may stand only once, across files and far apart`() async throws {
        try await TestFiles.with { files in
            let first = try files.write("a.jsonl", "\n" + rows(5000))
            let second = try files.write("b.jsonl", rows(3000, first: 5001) + rows(1, first: 17) + rows(1, first: 7000))
            let errors = await errors { try await dryRun([first, second]) }
            #expect(errors?.count == 2)
            #expect(errors?.first.map(\.line) == [3001, 3002])
            #expect(errors?.first[0].reason == "\"row-17\" is already on line 18 of \(first)")
            #expect(errors?.first[1].reason == "\"row-7000\" is already on line 2000")
            #expect(errors?.first[0].description.contains("Give every request of a batch its own custom_id.") == true)
        }
    }

    @Test func `rows without a name get different ones in several files`() async throws {
        try await TestFiles.with { files in
            let paths = try ["a", "b"].map { try files.write($0, "{\"prompt\": \"x\"}\n{\"prompt\": \"y\"}\n") }
            #expect(try await dryRun(paths).rows == 4)
        }
    }

    @Test(arguments: ["", "\n\n", "\u{FEFF}", " \r\n"])
    func `a file without requests is refused`(text: String) async throws {
        try await TestFiles.with { files in
            let path = try files.write("empty.jsonl", text)
            let error = await #expect(throws: BatchFileError.self) { _ = try await dryRun([path]) }
            #expect(
                error?.description == "\(path): contains no requests. Give a file with one request per line.")
        }
    }

    @Test func `wrong settings are named before any line is read`() async throws {
        try await TestFiles.with { files in
            let path = try files.write("in.jsonl", rows(3))
            let error = await #expect(throws: RequestError.self) {
                _ = try await dryRun([path], .set(\.settings, ["top_p": 2]))
            }
            #expect(error?.parameter == "top_p")
            #expect(try await dryRun([path], .set(\.settings, ["logprobs": 2])).rows == 3)
        }
    }

    @Test func `the key follows the bytes and what shapes the answers, not names or order of settings`() async throws {
        try await TestFiles.with { files in
            let path = try files.write("a.jsonl", rows(3))
            let copy = try files.write("b.jsonl", rows(3))
            let other = try files.write("c.jsonl", rows(3) + "\n")
            let base = try await dryRun([path])
            #expect(try await dryRun([copy], .set(\.name, "n")).idempotencyKey == base.idempotencyKey)
            #expect(try await dryRun([path], .set(\.skipsInvalid, true)).idempotencyKey == base.idempotencyKey)
            let changes: [Change<EnqueueOptions>] = [
                .set(\.model, "m"), .set(\.seed, 1), .set(\.settings, ["top_k": 1]), .set(\.settings, ["top_k": 2]),
            ]
            var keys: Set = [base.idempotencyKey, try await dryRun([other]).idempotencyKey]
            for change in changes { keys.insert(try await dryRun([path], change).idempotencyKey) }
            #expect(keys.count == 6)
            let one = try await dryRun([path], .set(\.settings, ["top_k": 1, "top_p": 0.5]))
            let two = try await dryRun([path], .set(\.settings, ["top_p": 0.5, "top_k": 1]))
            #expect(one.idempotencyKey == two.idempotencyKey)
            #expect(base.seed == Int64(bitPattern: UInt64(base.idempotencyKey.prefix(16), radix: 16) ?? 0))
            #expect(try await dryRun([path], .set(\.seed, -5)).seed == -5)
        }
    }

    @Test func `progress reaches the end`() async throws {
        try await TestFiles.with { files in
            let path = try files.write("in.jsonl", rows(2000))
            var options = EnqueueOptions(files: [path])
            options.isDryRun = true
            let seen = Mutex<[EnqueueProgress]>([])
            _ = try await Enqueuer(options, queue: nil) { step in seen.withLock { $0.append(step) } }.run()
            let steps = seen.withLock { $0 }
            #expect(steps.map(\.rows) == [512, 1024, 1536, 2000])
            #expect(steps.last.map { $0.bytes == $0.totalBytes } == true)
            #expect(steps.allSatisfy { $0.stage == .validating })
        }
    }
}
