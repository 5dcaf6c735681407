import OctavoQueue
import OctavoTestSupport
import OctavoWorker
import Testing

/// What is done to a batch while a worker decodes it reaches the worker with its next heartbeat.
@Suite struct SteeringTests {
    enum Action: String, CaseIterable, Sendable { case cancel, expire, delete, pause }

    @Test(arguments: Action.allCases)
    func `a worker lets go of a batch within a heartbeat, and leaves nothing behind`(action: Action) async throws {
        try await WorkerFixture.withDatabase { fixture in
            let batch = try await fixture.addBatch("steered", count: 6)
            let runner = ScriptedRunner(stepLimit: 10)
            let worker = fixture.makeWorker(runner) { $0.leaseDuration = .seconds(12) }
            let running = RunningWorker(worker)
            #expect(await eventually { runner.steps == 10 })
            switch action {
            case .cancel: try await fixture.queue.cancel(batch)
            case .expire: try await fixture.integers("UPDATE octavo.batches SET deadline_at = clock_timestamp()")
            case .delete: try await fixture.queue.delete(batch)
            case .pause: try await fixture.queue.pause(batch)
            }
            try await fixture.waitForHeartbeats(2)
            runner.resume()
            try await running.end()
            #expect(runner.steps < 20, "it went on")
            #expect(worker.statistics.snapshot.finishedRequests == 0)
            let states = try await fixture.queue.status().map(\.summary.state)
            switch action {
            case .cancel: #expect(states == [.cancelled])
            case .expire: #expect(states == [.expired])
            case .delete: #expect(states == [])
            case .pause:
                #expect(states == [.paused])
                try await fixture.queue.resume(batch)
                try await fixture.makeWorker().run()
                #expect(try await fixture.queue.batchSummary(batch).state == .completed)
            }
            for table in ["leases", "lease_ranges", "segments", "checkpoints", "workers"] {
                #expect(try await fixture.integers("SELECT count(*) FROM octavo.\(table)") == [0], "\(table)")
            }
        }
    }

    @Test func `a worker whose other batch goes on keeps that one's requests`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            let doomed = try await fixture.addBatch("doomed", count: 2)
            let kept = try await fixture.addBatch("kept", count: 2)
            let runner = ScriptedRunner(stepLimit: 10)
            let running = RunningWorker(fixture.makeWorker(runner) { $0.leaseDuration = .seconds(12) })
            #expect(await eventually { runner.steps == 10 })
            try await fixture.queue.delete(doomed)
            try await fixture.waitForHeartbeats(2)
            runner.resume()
            try await running.end()
            #expect(try await fixture.answers(kept).count == 2)
            #expect(try await fixture.queue.status().map(\.summary.id) == [kept])
            try await fixture.expectEverythingEndedOnce()
        }
    }
}
