import OctavoPostgres
import OctavoQueue
import Testing

@Suite struct DeadlineTests {
    /// Lets the deadline of every batch pass.
    private func passDeadlines(_ fixture: QueueFixture) async throws {
        try await fixture.integers(
            "UPDATE octavo.batches SET deadline_at = clock_timestamp() WHERE deadline_at IS NOT NULL")
    }

    private func addBatch(_ fixture: QueueFixture, _ name: String = "batch", count: Int) async throws -> Int64 {
        var batch = QueueFixture.newBatch(name)
        batch.deadline = .after(.seconds(3600))
        return try await fixture.addBatch(batch, lengths: Array(repeating: 100, count: count))
    }

    @Test func `a batch past its deadline keeps what is finished, and takes nothing more`() async throws {
        try await QueueFixture.withQueue { fixture in
            let (queue, other) = (fixture.queue, try await fixture.addBatch("without", count: 1))
            let id = try await addBatch(fixture, count: 5)
            try await queue.expireOverdue()
            #expect(try await queue.batchSummary(id).state == .active)
            try await queue.pause(other)
            let lease = try await queue.mustClaim(3)
            try await queue.finish(lease, [lease.requests[0]])
            try await queue.fail(lease, [lease.requests[1]], isPermanent: true)
            try await passDeadlines(fixture)
            try await queue.expireOverdue()
            #expect(try await queue.claim(5) == nil)
            let late = try await queue.finish(lease, [lease.requests[2]])
            #expect(late == FinishOutcome(accepted: 0, already: 0, isFenced: false))
            #expect(try await queue.release(token: lease.token) == 0)
            let summary = try await queue.batchSummary(id)
            #expect(summary.state == .expired && summary.done == 1 && summary.failed == 1 && summary.unfinished == 3)
            #expect(summary.completedAt != nil && summary.deadlineAt != nil)
            let outcomes = try await queue.export(batch: id, window: 0)?.map(\.outcome)
            #expect(outcomes?.filter { $0 == .expired }.count == 3)
            let states = try await fixture.strings(
                "SELECT state FROM octavo.request_states WHERE batch_id = \(id) ORDER BY position")
            #expect(states == ["finished", "failed", "expired", "expired", "expired"])
            // It has ended, for good; to give it up asks for nothing.
            try await queue.cancel(id)
            await #expect(throws: QueueError.wrongState(batch: id, state: .expired, action: "retried")) {
                try await queue.retryFailed(id)
            }
            #expect(try await queue.batchSummary(other).state == .paused)
            try await queue.resume(other)
            try await queue.finish(queue.mustClaim(1))
            try await fixture.expectNothingLeftOver()
        }
    }

    @Test func `the next heartbeat tells the holder of a lease`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await addBatch(fixture, count: 2)
            let lease = try await fixture.queue.mustClaim(1)
            try await passDeadlines(fixture)
            let health = try await fixture.queue.heartbeat(
                worker: .test, tokens: [lease.token], timeToLive: .seconds(60))
            #expect(health[lease.token]?.idleBatches(of: [id]) == [id])
            #expect(try await fixture.queue.batchSummary(id).state == .expired)
        }
    }

    @Test func `a deadline is by the server's clock, and may be a date`() async throws {
        try await QueueFixture.withQueue { fixture in
            var past = QueueFixture.newBatch("past")
            past.deadline = .at(1_700_000_000)
            let loading = try await fixture.queue.attach(past).id
            #expect(try await fixture.queue.batchSummary(loading).deadlineAt == 1_700_000_000)
            try await fixture.queue.expireOverdue()
            await #expect(throws: QueueError.notLoading(batch: loading, state: .expired)) {
                try await fixture.queue.load(
                    [QueueFixture.row(1, promptTokens: 1)], into: loading, expectedRows: 0, loadedBytes: 1)
            }
            let soon = try await addBatch(fixture, "soon", count: 1)
            let seconds = try await fixture.integers(
                "SELECT extract(epoch FROM deadline_at - created_at)::bigint FROM octavo.batches WHERE id = \(soon)")
            #expect(seconds == [3600])
        }
    }

    @Test func `segments that a claim held while its batch was given up are cleared away later`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await addBatch(fixture, count: 4)
            let other = fixture.anotherQueue()
            try await fixture.connection.run { session in
                try session.transaction { session in
                    try session.execute("SELECT FROM octavo.segments FOR UPDATE")
                    let isOver = Flag()
                    Task {
                        try await other.cancel(id)
                        isOver.raise()
                    }
                    isOver.wait()
                }
            }
            #expect(try await fixture.integers("SELECT count(*) FROM octavo.segments") == [1])
            try await fixture.queue.reap(limit: 10)
            try await fixture.expectNothingLeftOver()
        }
    }

    @Test func `a changed priority or weight counts for the next claim`() async throws {
        try await QueueFixture.withQueue { fixture in
            let queue = fixture.queue
            let first = try await fixture.addBatch("first", count: 4)
            let second = try await fixture.addBatch("second", count: 4)
            #expect(try await queue.mustClaim(1).requests[0].key.batchID == first)
            try await queue.prioritize(second, priority: 0, weight: nil)
            #expect(try await queue.mustClaim(4).requests.allSatisfy { $0.key.batchID == second })
            try await queue.prioritize(first, priority: nil, weight: 50)
            let summary = try await queue.batchSummary(first)
            #expect(summary.priority == 2 && summary.weight == 50)
            try await queue.cancel(first)
            await #expect(throws: QueueError.wrongState(batch: first, state: .cancelled, action: "prioritized")) {
                try await queue.prioritize(first, priority: 1, weight: nil)
            }
        }
    }
}
