import OctavoPostgres
import OctavoQueue
import OctavoTestSupport
import OctavoWorker
import Testing

/// Identical requests, which are computed once.
@Suite struct AnswerReuseTests {
    private static let greedy = #","temperature":0"#

    /// `count` requests with `distinct` prompts, in turn.
    private static func bodies(_ count: Int, distinct: Int, extra: String = greedy) -> [String] {
        (0..<count).map { WorkerFixture.body("p\($0 % distinct)", tokens: 8, extra: extra) }
    }

    /// Works until nothing is left.
    private func drain(
        _ fixture: WorkerFixture, configure: (inout WorkerConfiguration) -> Void = { _ in }
    ) async throws -> WorkerStatistics.Snapshot {
        let worker = fixture.makeWorker(configure: configure)
        try await worker.run()
        return worker.statistics.snapshot
    }

    private func forbidReuse(_ fixture: WorkerFixture) async throws {
        try await fixture.connection.run { session in
            try session.execute("UPDATE octavo.batches SET reuses = false")
        }
    }

    @Test(arguments: [4, 64])
    func `requests of one batch that say the same are computed once`(leaseSize: Int) async throws {
        try await WorkerFixture.withDatabase { fixture in
            let batch = try await fixture.addBatch(bodies: Self.bodies(30, distinct: 5))
            let counts = try await drain(fixture) { $0.leaseSize = leaseSize }
            #expect(counts.sampledTokens == 5 * 8 && counts.finishedRequests == 30 && counts.reusedRequests == 25)
            #expect(try await fixture.queue.batchSummary(batch).reused == 25)
            let answers = try await fixture.answers(batch)
            for index in 0..<30 { #expect(answers["row-\(index + 1)"] == answers["row-\(index % 5 + 1)"]) }
            #expect(Set(answers.values).count == 5)
            try await fixture.expectEverythingEndedOnce()
        }
    }

    @Test func `what an earlier batch answered is not computed again, unless the batch forbids it`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            let bodies = Self.bodies(6, distinct: 6)
            let first = try await fixture.addBatch("first", bodies: bodies)
            _ = try await drain(fixture)
            let second = try await fixture.addBatch("second", bodies: bodies)
            let reused = try await drain(fixture)
            #expect(reused.sampledTokens == 0 && reused.reusedRequests == 6)
            let third = try await fixture.addBatch("third", bodies: bodies)
            try await forbidReuse(fixture)
            let computed = try await drain(fixture)
            #expect(computed.sampledTokens == 6 * 8 && computed.reusedRequests == 0)
            let answers = try await fixture.answers(first)
            #expect(answers.count == 6)
            #expect(try await fixture.answers(second) == answers)
            #expect(try await fixture.answers(third) == answers)
        }
    }

    @Test func `samples are shared only where the requests name their seed`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            try await fixture.addBatch("by chance", bodies: Self.bodies(6, distinct: 1, extra: ""))
            #expect(try await drain(fixture).reusedRequests == 0)
            try await fixture.addBatch("seeded", bodies: Self.bodies(6, distinct: 1, extra: #","seed":3,"n":2"#))
            let counts = try await drain(fixture)
            #expect(counts.reusedRequests == 5 && counts.sampledTokens == 2 * 8)
        }
    }

    @Test func `a worker with another model or fingerprint computes its own answers`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            for (name, fingerprint) in [("a", "x"), ("b", "y")] {
                try await fixture.addBatch(name, bodies: Self.bodies(3, distinct: 3))
                #expect(try await drain(fixture) { $0.fingerprint = fingerprint }.reusedRequests == 0)
            }
        }
    }

    @Test func `requests that wait for one that fails fail as it does`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            let body = WorkerFixture.body("p", tokens: 2_000_000_000, extra: Self.greedy)
            let batch = try await fixture.addBatch(bodies: Array(repeating: body, count: 4))
            _ = try await drain(fixture)
            let summary = try await fixture.queue.batchSummary(batch)
            #expect(summary.failed == 4 && summary.done == 0)
            try await fixture.expectEverythingEndedOnce()
        }
    }

    @Test func `requests that wait for one of a batch that is cancelled are computed after all`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            let first = try await fixture.addBatch(
                "first", bodies: [WorkerFixture.body("p", tokens: 100, extra: Self.greedy)])
            let runner = ScriptedRunner(stepLimit: 5)
            let running = RunningWorker(
                fixture.makeWorker(runner) { $0.leaseDuration = .seconds(6) })
            #expect(await eventually { runner.steps == 5 })
            let second = try await fixture.addBatch(
                "second", bodies: [WorkerFixture.body("p", tokens: 100, extra: Self.greedy)])
            let isHeld = try await eventually {
                try await fixture.integers("SELECT count(*) FROM octavo.leases") == [2]
            }
            #expect(isHeld)
            try await fixture.queue.cancel(first)
            try await fixture.waitForHeartbeats(2)
            runner.resume()
            try await running.end()
            #expect(try await fixture.answers(first) == [:])
            #expect(try await fixture.answers(second).count == 1)
            try await fixture.expectEverythingEndedOnce()
        }
    }

    @Test func `two workers that race answer everything once, and alike`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            let raced = try await fixture.addBatch("raced", bodies: Self.bodies(120, distinct: 10))
            let workers = (0..<2).map { _ in fixture.makeWorker { $0.leaseSize = 3 } }
            try await withThrowingTaskGroup { group in
                for worker in workers { group.addTask { try await worker.run() } }
                try await group.waitForAll()
            }
            try await fixture.expectEverythingEndedOnce()
            let computed = 120 - (try await fixture.queue.batchSummary(raced).reused)
            #expect((10...20).contains(computed))
            let answers = try await fixture.answers(raced)
            let alone = try await fixture.addBatch("alone", bodies: Self.bodies(120, distinct: 10))
            try await forbidReuse(fixture)
            _ = try await drain(fixture)
            #expect(try await fixture.answers(alone) == answers)
        }
    }
}
