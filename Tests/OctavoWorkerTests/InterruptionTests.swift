import OctavoPostgres
import OctavoQueue
import OctavoTestSupport
import OctavoWorker
import Synchronization
import Testing

@Suite struct InterruptionTests {
    static let count = 20

    @Test func `a shutdown gives back what is unfinished, and the next worker computes nothing twice`() async throws {
        let expected = try await WorkerFixture.undisturbedAnswers(count: Self.count)
        try await WorkerFixture.withDatabase { fixture in
            let batch = try await fixture.addBatch(count: Self.count)
            let runner = ScriptedRunner(stepLimit: 13, stepDuration: .milliseconds(20))
            let worker = fixture.makeWorker(runner)
            let running = RunningWorker(worker)
            #expect(await eventually { runner.steps == 13 })
            await running.shutDown()
            try await Task.sleep(for: .milliseconds(200))
            runner.resume()
            try await running.end()
            #expect(runner.steps < 40)
            for table in ["leases", "lease_ranges", "workers"] {
                #expect(try await fixture.integers("SELECT count(*) FROM octavo.\(table)") == [0], "\(table)")
            }

            let next = fixture.makeWorker()
            try await next.run()
            #expect(try await fixture.answers(batch) == expected)
            let sampled = worker.statistics.snapshot.sampledTokens + next.statistics.snapshot.sampledTokens
            #expect(sampled == Self.count * 40)
            #expect(try await fixture.integers("SELECT count(*) FROM octavo.failures") == [0])
            try await fixture.expectEverythingEndedOnce()
        }
    }

    @Test func `progress that other weights made is not gone on from`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            let batch = try await fixture.addBatch(count: 4)
            let runner = ScriptedRunner(stepLimit: 20, stepDuration: .milliseconds(20))
            let running = RunningWorker(fixture.makeWorker(runner) { $0.fingerprint = "other weights" })
            #expect(await eventually { runner.steps == 20 })
            await running.shutDown()
            try await Task.sleep(for: .milliseconds(200))
            runner.resume()
            try await running.end()
            let next = fixture.makeWorker()
            try await next.run()
            #expect(next.statistics.snapshot.sampledTokens == 4 * 40)
            #expect(try await fixture.answers(batch).count == 4)
        }
    }

    @Test func `a lease claimed ahead is given back by a shutdown`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            try await fixture.addBatch(count: 12)
            let runner = ScriptedRunner(stepLimit: 2, stepDuration: .milliseconds(20))
            let running = RunningWorker(fixture.makeWorker(runner, maximumBatch: 4) { $0.leaseSize = 4 })
            let hasTwo = try await eventually {
                try await fixture.integers("SELECT count(*) FROM octavo.leases") == [2]
            }
            #expect(hasTwo)
            await running.shutDown()
            try await Task.sleep(for: .milliseconds(200))
            runner.resume()
            try await running.end()
            #expect(try await fixture.integers("SELECT count(*) FROM octavo.leases") == [0])
            let waiting = "SELECT sum(end_position - next_position)::bigint FROM octavo.segments"
            #expect(try await fixture.integers(waiting) == [12])
            #expect(try await fixture.integers("SELECT count(*) FROM octavo.failures") == [0])
        }
    }

    @Test func `a worker that lost its lease writes nothing, and its successor's results stand`() async throws {
        let expected = try await WorkerFixture.undisturbedAnswers(count: Self.count)
        try await WorkerFixture.withDatabase { fixture in
            let batch = try await fixture.addBatch(count: Self.count)
            let runner = ScriptedRunner(stepLimit: 30)
            // So many of its requests are in line that it does not claim what it lost itself.
            let zombie = RunningWorker(fixture.makeWorker(runner, maximumBatch: 4))
            #expect(await eventually { runner.steps == 30 })
            let tokens = try await fixture.integers("SELECT token FROM octavo.leases")
            // In one transaction, so that no heartbeat comes between.
            try await fixture.connection.run { session in
                try session.transaction { session in
                    try session.execute("UPDATE octavo.leases SET expires_at = 'epoch'")
                    try session.execute("SELECT octavo.reap_v1(10)")
                }
            }
            try await fixture.makeWorker().run()
            runner.resume()
            try await zombie.end()

            #expect(try await fixture.answers(batch) == expected)
            let written = try await fixture.integers("SELECT DISTINCT token FROM octavo.results")
            #expect(Set(written).isDisjoint(with: tokens))
            #expect(zombie.worker.statistics.snapshot.finishedRequests == 0)
            try await fixture.expectEverythingEndedOnce()
        }
    }

    @Test func `connections that break again and again lose nothing and double nothing`() async throws {
        let expected = try await WorkerFixture.undisturbedAnswers(count: Self.count)
        try await WorkerFixture.withDatabase { fixture in
            let batch = try await fixture.addBatch(count: Self.count)
            let runner = ScriptedRunner(stepDuration: .milliseconds(8))
            let worker = fixture.makeWorker(runner) {
                $0.leaseSize = 5
                $0.leaseDuration = .seconds(30)
            }
            let running = RunningWorker(worker)
            // A worker that finds no server as it starts ends; one that is at work waits for it.
            #expect(await eventually { runner.steps > 0 })
            var breaks = 0
            let hasEnded = try await eventually {
                breaks += try await fixture.integers(
                    """
                    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                     WHERE datname = current_database() AND pid <> pg_backend_pid()
                    """)[0]
                try await Task.sleep(for: .milliseconds(120))
                return try await fixture.queue.batchSummary(batch).state == .completed
            }
            #expect(hasEnded && breaks > 3)
            try await running.end()
            #expect(try await fixture.answers(batch) == expected)
            #expect(worker.statistics.snapshot.finishedRequests == Self.count)
            #expect(worker.statistics.snapshot.sampledTokens == Self.count * 40)
            try await fixture.expectEverythingEndedOnce()
        }
    }

    @Test func `the engine goes on while the server stands still`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            let batch = try await fixture.addBatch(count: 4)
            let runner = ScriptedRunner(stepLimit: 2)
            let running = RunningWorker(
                fixture.makeWorker(runner, checkpointTokens: 2) { $0.leaseDuration = .seconds(600) })
            #expect(await eventually { runner.steps == 2 })
            try await fixture.connection.run { session in
                try session.transaction { session in
                    try session.execute("LOCK TABLE octavo.leases IN ACCESS EXCLUSIVE MODE")
                    runner.resume()
                    let deadline = ContinuousClock.now + .seconds(120)
                    while runner.steps < 40, ContinuousClock.now < deadline {
                        try session.execute("SELECT pg_sleep(0.05)")
                    }
                }
            }
            #expect(runner.steps == 40)
            try await running.end()
            #expect(try await fixture.answers(batch).count == 4)
            try await fixture.expectEverythingEndedOnce()
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `a write that is refused for good ends the worker with its error`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            try await fixture.addBatch(count: 4)
            let runner = ScriptedRunner(stepLimit: 2)
            let running = RunningWorker(fixture.makeWorker(runner, checkpointTokens: 4))
            #expect(await eventually { runner.steps == 2 })
            try await fixture.connection.run { session in
                try session.execute("ALTER FUNCTION octavo.finish_v2 RENAME TO finish_v0")
            }
            runner.resume()
            await #expect(throws: PostgresError.self) { try await running.end() }
            #expect(runner.steps < 40)
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `a cancelled worker ends, though its next claim waits for ever`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            try await fixture.addBatch(count: 8)
            let runner = ScriptedRunner(stepLimit: 2)
            let worker = fixture.makeWorker(runner, maximumBatch: 2) { $0.leaseSize = 4 }
            let running = Task { try await worker.run() }
            #expect(await eventually { runner.steps == 2 })
            let hasEnded = Atomic(false)
            let (waiting, isWaiting) = AsyncStream.makeStream(of: Void.self)
            // The next claim, begun with the second batch, finds its rows locked.
            async let locking: Void = fixture.connection.run { session in
                try session.transaction { session in
                    try session.execute("SELECT FROM octavo.segments FOR UPDATE")
                    isWaiting.finish()
                    while !hasEnded.load(ordering: .acquiring) { try session.execute("SELECT pg_sleep(0.02)") }
                }
            }
            for await _ in waiting {}
            runner.resume()
            #expect(await eventually { runner.steps == 80 })
            try await Task.sleep(for: .milliseconds(200))
            running.cancel()
            // Were the claim waited for, this would never return.
            await #expect(throws: (any Error).self) { try await running.value }
            hasEnded.store(true, ordering: .releasing)
            try await locking
        }
    }

    @Test func `the leases of a worker that died on this machine are taken over at once`() async throws {
        let expected = try await WorkerFixture.undisturbedAnswers(count: 6)
        try await WorkerFixture.withDatabase { fixture in
            let batch = try await fixture.addBatch(count: 6)
            let successor = fixture.makeWorker()
            // No process has the largest id that Linux can give.
            let dead = WorkerBeat(
                name: "dead", host: successor.identity.host, processID: 4_194_304, models: ["letters"],
                fingerprint: "fp", program: "octavo", tokensPerSecond: 0, currentRequests: 6)
            _ = try await fixture.queue.heartbeat(worker: dead, tokens: [], timeToLive: .seconds(3600))
            let claim = ClaimRequest(
                worker: "dead", models: ["letters"], maximumRequests: 6, tokenBudget: .max, timeToLive: .seconds(3600),
                fingerprint: "fp")
            #expect(try await fixture.queue.claim(claim)?.requests.count == 6)
            try await successor.run()
            #expect(try await fixture.answers(batch) == expected)
            try await fixture.expectEverythingEndedOnce()
        }
    }
}
