import OctavoQueue
import OctavoTestSupport
import OctavoWorker
import Testing

@Suite struct ResultTimingTests {
    @Test func `the core-seconds of all results are the time that the engine computed, times its threads`()
        async throws
    {
        try await WorkerFixture.withDatabase { fixture in
            var bodies = (1...40).map { WorkerFixture.body("prompt \($0)", tokens: $0) }
            bodies[7] = WorkerFixture.body("three", tokens: 30, extra: #","n":3"#)
            let batch = try await fixture.addBatch(bodies: bodies)
            let worker = fixture.makeWorker(maximumBatch: 8) {
                $0.threads = 3
                $0.leaseSize = 16
            }
            try await worker.run()
            let rows = try #require(try await fixture.queue.export(batch: batch, window: 0, includesTimings: true))
            let timings = rows.compactMap(\.timing)
            #expect(timings.count == 40)
            #expect(timings.allSatisfy { $0.queued >= 0 && $0.result.computing > 0 && $0.result.coreSeconds > 0 })
            let cores = timings.reduce(0) { $0 + $1.result.coreSeconds }
            let computed = worker.statistics.snapshot.computeTime / .seconds(1) * 3
            // Stored in single precision.
            #expect(abs(cores / computed - 1) < 1e-4, "\(cores) of \(computed)")
            #expect(timings.allSatisfy { $0.result.coreSeconds <= 3.001 * $0.result.computing + 1e-6 })
        }
    }

    @Test func `results without times, as earlier versions store them, are read as such`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            let batch = try await fixture.addBatch(count: 3)
            try await fixture.makeWorker().run()
            try await fixture.integers("DELETE FROM octavo.timings RETURNING 1")
            let rows = try #require(try await fixture.queue.export(batch: batch, window: 0, includesTimings: true))
            #expect(rows.count == 3 && rows.allSatisfy { $0.timing == nil })
        }
    }
}
