import OctavoPostgres
import OctavoQueue
import OctavoTestSupport
import OctavoWorker
import Testing

@Suite struct WorkerTests {
    @Test func `every request of a batch ends exactly once, as a result or as a failure`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            var bodies = (1...40).map { WorkerFixture.body("p\($0)", tokens: $0) }
            bodies[3] = WorkerFixture.body("please refuse", tokens: 5)
            bodies[11] = WorkerFixture.body("too long", tokens: 250)
            bodies[20] = #"{"prompt":"p","max_tokens":"many"}"#
            bodies[30] = WorkerFixture.body("three", tokens: 6, extra: #","n":3"#)
            let batch = try await fixture.addBatch(bodies: bodies)
            let worker = fixture.makeWorker { $0.leaseSize = 7 }
            try await worker.run()

            try await fixture.expectEverythingEndedOnce()
            let answers = try await fixture.answers(batch)
            #expect(answers.count == 37)
            let three = try #require(answers["row-31"])
            #expect(three.contains(#""index":2"#) && three.contains(#""completion_tokens":18"#))
            let failures = try await fixture.strings("SELECT kind FROM octavo.failures ORDER BY kind")
            #expect(failures == ["context_length_exceeded", "invalid_request", "refused"])
            let counts = worker.statistics.snapshot
            #expect(counts.finishedRequests == 37 && counts.failedRequests == 3)
            #expect(try await fixture.queue.batchSummary(batch).state == .completed)
        }
    }

    @Test func `a request that the engine cannot answer is tried again, then fails for good`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            let bodies = ["fine", "bad!", "fine, too"].map { WorkerFixture.body($0, tokens: 10) }
            let batch = try await fixture.addBatch(bodies: bodies, maximumAttempts: 3)
            let running = RunningWorker(fixture.makeWorker())
            let hasEnded = try await eventually {
                try await fixture.integers(
                    "UPDATE octavo.segments SET available_at = 'epoch' WHERE available_at IS NOT NULL")
                return try await fixture.queue.batchSummary(batch).state == .completed
            }
            #expect(hasEnded)
            try await running.end()
            try await fixture.expectEverythingEndedOnce()
            #expect(
                try await fixture.strings("SELECT kind || ' ' || attempts FROM octavo.failures") == ["engine_error 3"])
            #expect(try await fixture.answers(batch).keys.sorted() == ["row-1", "row-3"])
        }
    }

    @Test func `the requests of a cancelled batch are dropped in the middle of their answers`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            let doomed = try await fixture.addBatch(
                "doomed", bodies: (1...6).map { WorkerFixture.body("p\($0)", tokens: 200) })
            let runner = ScriptedRunner(stepLimit: 3)
            let running = RunningWorker(fixture.makeWorker(runner) { $0.leaseDuration = .seconds(12) })
            #expect(await eventually { runner.steps == 3 })
            try await fixture.queue.cancel(doomed)
            try await fixture.waitForHeartbeats(2)
            runner.resume()
            try await running.end()
            #expect(runner.steps < 20)
            #expect(try await fixture.answers(doomed).isEmpty)
            #expect(try await fixture.integers("SELECT count(*) FROM octavo.leases") == [0])
        }
    }

    @Test func `a batch of another model is left alone`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            let other = NewBatch(
                name: "other", idempotencyKey: "other", fileIdentity: "other", model: "numbers", seed: 1,
                source: "other")
            let id = try await fixture.queue.attach(other).id
            let row = RequestRow(
                line: 1, promptTokens: 1, maximumNewTokens: 1, customID: "a", body: Array(#"{"prompt":"p"}"#.utf8))
            try await fixture.queue.load([row], into: id, expectedRows: 0, loadedBytes: 1)
            try await fixture.queue.activate(id, total: 1)
            let mine = try await fixture.addBatch(count: 2)
            try await fixture.makeWorker().run()
            #expect(try await fixture.answers(mine).count == 2)
            #expect(try await fixture.answers(id).isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `a drained worker ends without waiting for its next heartbeat`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            try await fixture.addBatch(count: 2)
            // Heartbeats are ten minutes apart: a worker that waited for its next one would exceed the time limit.
            try await fixture.makeWorker { $0.leaseDuration = .seconds(3600) }.run()
            try await fixture.expectEverythingEndedOnce()
        }
    }

    @Test func `a request without a seed has one by its line and its batch's seed alone`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            // The third batch is longer, stored in another order, and leased in other parts.
            let first = try await fixture.addBatch("first", count: 6, seed: 7)
            let same = try await fixture.addBatch("same", count: 9, seed: 7)
            let other = try await fixture.addBatch("other", count: 6, seed: 8)
            try await fixture.makeWorker { $0.leaseSize = 4 }.run()
            let expected = try await fixture.answers(first)
            #expect(expected.count == 6)
            #expect(try await fixture.answers(same).filter { expected.keys.contains($0.key) } == expected)
            let different = try await fixture.answers(other)
            #expect(expected.allSatisfy { different[$0.key] != $0.value })
        }
    }
}
