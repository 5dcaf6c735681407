import OctavoBatching
import OctavoQueue
import OctavoTestSupport
import OctavoWorker
import Testing

/// How the leases of one worker share its engine.
@Suite struct LeasesInHandTests {
    @Test func `requests of further leases are answered while one of the first is still being computed`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            let bodies = (1...12).map { WorkerFixture.body("p\($0)", tokens: $0 == 1 ? 200 : 5) }
            let batch = try await fixture.addBatch(bodies: bodies)
            let runner = ScriptedRunner(stepLimit: 150, stepDuration: .milliseconds(10))
            let running = RunningWorker(fixture.makeWorker(runner, maximumBatch: 4) { $0.leaseSize = 4 })
            let areAnswered = try await eventually { try await fixture.answers(batch).count >= 8 }
            #expect(areAnswered)
            #expect(try await fixture.answers(batch)["row-1"] == nil)
            runner.resume()
            try await running.end()
            #expect(try await fixture.answers(batch).count == 12)
            try await fixture.expectEverythingEndedOnce()
        }
    }

    @Test func `static batches wait for each other, and come to the same answers`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            let bodies = (1...12).map { WorkerFixture.body("p\($0)", tokens: $0 % 4 == 1 ? 20 : 5) }
            let first = try await fixture.addBatch(bodies: bodies)
            let worker = fixture.makeWorker(maximumBatch: 4) {
                $0.leaseSize = 8
                $0.batching = .static
            }
            try await worker.run()
            // Two batches of the first lease, whose longest come first, and one of the second.
            #expect(worker.statistics.snapshot.steps == 20 + 5 + 20)
            let second = try await fixture.addBatch("again", bodies: bodies)
            try await fixture.makeWorker(maximumBatch: 4).run()
            #expect(try await fixture.answers(second) == (try await fixture.answers(first)))
        }
    }

    @Test func `requests that were lost with a worker are computed alone`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            try await fixture.addBatch("lost", count: 3)
            try await fixture.integers("UPDATE octavo.segments SET losses = 1")
            try await fixture.addBatch("other", count: 3)
            let runner = ScriptedRunner(stepLimit: 3)
            let running = RunningWorker(fixture.makeWorker(runner))
            #expect(await eventually { runner.steps == 3 })
            // Many times the interval at which it would ask for more.
            try await Task.sleep(for: .milliseconds(300))
            #expect(try await fixture.integers("SELECT count(*) FROM octavo.leases") == [1])
            runner.resume()
            try await running.end()
            try await fixture.expectEverythingEndedOnce()
        }
    }
}
