import OctavoQueue
import Testing

@Suite struct FailTests {
    @Test func `a failed request leaves the lease and comes back after a pause`() async throws {
        try await QueueFixture.withQueue { fixture in
            try await fixture.addBatch(count: 5)
            let lease = try await fixture.queue.mustClaim(5)
            let outcome = try await fixture.queue.fail(lease, [lease.requests[2]])
            #expect(outcome == FailOutcome(retried: 1, failed: 0, isFenced: false))
            try await fixture.prolongPauses()
            #expect(try await fixture.queue.claim(5) == nil)
            try await fixture.expectConsistent()
            // Its result would come too late.
            #expect(try await fixture.queue.finish(lease).accepted == 4)
            try await fixture.passPauses()
            let retry = try await fixture.queue.mustClaim(5)
            #expect(retry.requests.map(\.key) == [lease.requests[2].key] && retry.requests[0].attempts == 1)
            #expect(try await fixture.queue.finish(retry).accepted == 1)
            try await fixture.expectConsistent()
            try await fixture.expectNothingLeftOver()
        }
    }

    @Test func `attempts run out, and the batch completes with a failure`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(count: 1, maximumAttempts: 3)
            for attempt in 1...3 {
                let lease = try await fixture.queue.mustClaim(1)
                let outcome = try await fixture.queue.fail(lease, lease.requests)
                #expect(
                    outcome == FailOutcome(retried: attempt < 3 ? 1 : 0, failed: attempt < 3 ? 0 : 1, isFenced: false))
                try await fixture.passPauses()
            }
            #expect(try await fixture.queue.claim(1) == nil)
            let summary = try await fixture.queue.batchSummary(id)
            #expect(summary.state == .completed && summary.failed == 1)
            try await fixture.expectConsistent()
            try await fixture.expectNothingLeftOver()
        }
    }

    @Test func `a permanent failure ends a request at once`() async throws {
        try await QueueFixture.withQueue { fixture in
            try await fixture.addBatch(count: 2)
            let lease = try await fixture.queue.mustClaim(2)
            let outcome = try await fixture.queue.fail(
                lease, [lease.requests[1]], kind: "context_length", isPermanent: true)
            #expect(outcome == FailOutcome(retried: 0, failed: 1, isFenced: false))
            #expect(try await fixture.queue.finish(lease).accepted == 1)
            try await fixture.expectConsistent()
            try await fixture.expectNothingLeftOver()
        }
    }

    @Test func `reporting a failure twice burns one attempt, while the lease stands and after`() async throws {
        try await QueueFixture.withQueue { fixture in
            try await fixture.addBatch(count: 3)
            let lease = try await fixture.queue.mustClaim(3)
            let expected = FailOutcome(retried: 2, failed: 0, isFenced: false)
            for _ in 0..<2 {
                #expect(try await fixture.queue.fail(lease, Array(lease.requests[..<2])) == expected)
            }
            #expect(try await fixture.queue.finish(lease, [lease.requests[2]]).accepted == 1)
            #expect(try await fixture.queue.fail(lease, Array(lease.requests[..<2])) == expected)
            #expect(try await fixture.integers("SELECT attempts FROM octavo.failures") == [1, 1])
            try await fixture.expectConsistent()
        }
    }

    @Test(arguments: [(1, 2.5, 7.5), (3, 10, 30), (30, 300, 900)])
    func `pauses double up to ten minutes and scatter`(attempts: Int, least: Double, most: Double) async throws {
        try await QueueFixture.withQueue { fixture in
            let seconds = try await fixture.integers(
                "SELECT extract(epoch FROM octavo.retry_delay_v1(\(attempts)))::int FROM generate_series(1, 200)")
            #expect(seconds.allSatisfy { (least - 1...most + 1).contains(Double($0)) })
            #expect(Set(seconds).count > 3)
        }
    }

    @Test func `retry queues failed requests again, of one kind or all`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(count: 6)
            let lease = try await fixture.queue.mustClaim(6)
            try await fixture.queue.fail(lease, [lease.requests[0], lease.requests[1]], kind: "a", isPermanent: true)
            try await fixture.queue.fail(lease, [lease.requests[4]], kind: "b", isPermanent: true)
            try await fixture.queue.finish(lease)
            #expect(try await fixture.queue.batchSummary(id).state == .completed)

            #expect(try await fixture.queue.retryFailed(id, kind: "b") == 1)
            #expect(try await fixture.queue.retryFailed(id, kind: "b") == 0)
            let summary = try await fixture.queue.batchSummary(id)
            #expect(summary.state == .active && summary.failed == 2 && summary.completedAt == nil)
            #expect(try await fixture.queue.retryFailed(id) == 2)
            try await fixture.expectConsistent()
            let again = try await fixture.queue.mustClaim(6)
            #expect(again.requests.map(\.key.position) == [0, 1, 4])
            #expect(again.requests.allSatisfy { $0.attempts == 0 })
            try await fixture.queue.finish(again)
            #expect(try await fixture.queue.batchSummary(id).done == 6)
            try await fixture.expectConsistent()
            try await fixture.expectNothingLeftOver()
        }
    }
}
