import OctavoQueue
import Testing

@Suite struct StatusTests {
    @Test func `status counts what is leased, retrying, failed and lately done`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch("a", count: 10)
            try await fixture.addBatch("b", count: 1)
            let lease = try await fixture.queue.mustClaim(8)
            try await fixture.queue.finish(lease, Array(lease.requests[0..<3]))
            try await fixture.queue.fail(lease, [lease.requests[3]])
            try await fixture.queue.fail(lease, Array(lease.requests[4..<6]), kind: "late", isPermanent: true)
            try await fixture.queue.fail(lease, [lease.requests[6]], kind: "early", isPermanent: true)

            let status = try #require(try await fixture.queue.status(batch: id).first)
            #expect(status.summary.name == "a" && status.summary.state == .active && status.summary.source == "a.jsonl")
            #expect(status.summary.total == 10 && status.summary.done == 3 && status.summary.failed == 3)
            #expect(status.leased == 1 && status.retrying == 1)
            #expect(status.requestsPerSecond > 0 && status.requestsPerSecond <= 3)
            #expect(abs(status.tokensPerSecond / status.requestsPerSecond - 7) < 0.001)
            #expect(
                status.failureKinds.map(\.kind) == ["late", "early"] && status.failureKinds.map(\.count) == [2, 1])
            #expect(status.failureKinds[0].example == #"{"message":"no"}"#)
            let seconds = try #require(status.summary.secondsRunning)
            #expect(seconds >= 0 && seconds < 60)

            let all = try await fixture.queue.status()
            #expect(all.map(\.summary.name) == ["a", "b"])
            #expect(all[1].requestsPerSecond == 0 && all[1].summary.startedAt == nil)
            await #expect(throws: QueueError.noSuchBatch("77", existing: [])) {
                try await fixture.queue.status(batch: 77)
            }
        }
    }

    @Test func `the view request_states says where each request is`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(count: 6)
            let lease = try await fixture.queue.mustClaim(4)
            try await fixture.queue.finish(lease, [lease.requests[0]])
            try await fixture.queue.fail(lease, [lease.requests[1]])
            try await fixture.queue.fail(lease, [lease.requests[2]], kind: "late", isPermanent: true)
            let states = try await fixture.strings(
                """
                SELECT concat_ws(' ', custom_id, line, state, failed_attempts, worker, completion_tokens, error)
                  FROM octavo.request_states WHERE batch_id = \(id) ORDER BY line
                """)
            #expect(
                states == [
                    "row-1 1 finished 0 worker 7", #"row-2 2 retrying 1 worker {"message":"no"}"#,
                    #"row-3 3 failed 1 worker {"message":"no"}"#, "row-4 4 leased 0 worker", "row-5 5 pending 0",
                    "row-6 6 pending 0",
                ])
        }
    }

    @Test func `a request is found by its custom id through an index`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(count: 5000)
            try await fixture.integers("ANALYZE octavo.requests")
            let plan = try await fixture.strings(
                "EXPLAIN SELECT * FROM octavo.request_states WHERE batch_id = \(id) AND custom_id = 'row-42'")
            #expect(plan.contains { $0.contains("requests_custom_id_unique") }, "\(plan)")
        }
    }
}
