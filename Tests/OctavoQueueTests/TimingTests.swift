import OctavoCore
import OctavoQueue
import Testing

@Suite struct TimingTests {
    private static func timed(_ request: LeasedRequest, _ computing: Double, _ cores: Double) -> FinishedRequest {
        var result = FinishedRequest(request.key)
        result.timing = ResultTiming(computing: computing, coreSeconds: cores)
        return result
    }

    @Test func `what results took is stored with them, once, and read with them`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(count: 4)
            let lease = try await fixture.queue.mustClaim(3)
            let results = [
                Self.timed(lease.requests[0], 1.5, 3), Self.timed(lease.requests[1], 2.5, 4),
                FinishedRequest(lease.requests[2].key),
            ]
            for _ in 1...2 {
                _ = try await fixture.queue.finish(token: lease.token, results, timeToLive: lease.timeToLive)
            }
            #expect(try await fixture.integers("SELECT count(*) FROM octavo.timings") == [1])
            let rows = try #require(try await fixture.queue.export(batch: id, window: 0, includesTimings: true))
            #expect(
                rows.map(\.timing?.result) == [
                    ResultTiming(computing: 1.5, coreSeconds: 3), ResultTiming(computing: 2.5, coreSeconds: 4), nil,
                    nil,
                ])
            #expect(rows[0].timing.map { $0.queued >= 0 && $0.queued < 60 } == true)
            let plain = try #require(try await fixture.queue.export(batch: id, window: 0))
            #expect(plain.allSatisfy { $0.timing == nil })
            let seen = try await fixture.strings(
                "SELECT concat_ws(' ', position, compute_seconds, core_seconds) FROM octavo.request_timings ORDER BY 1")
            #expect(seen == ["0 1.5 3", "1 2.5 4"])
        }
    }

    @Test func `what a fenced worker's results took is not stored`() async throws {
        try await QueueFixture.withQueue { fixture in
            try await fixture.addBatch(count: 1)
            let lease = try await fixture.queue.mustClaim(1)
            try await fixture.expireLeases()
            try await fixture.queue.reap(limit: 10)
            let outcome = try await fixture.queue.finish(
                token: lease.token, [Self.timed(lease.requests[0], 1, 1)], timeToLive: lease.timeToLive)
            #expect(outcome.isFenced)
            #expect(try await fixture.integers("SELECT count(*) FROM octavo.timings") == [0])
        }
    }

    @Test func `a batch's sample says how far its answers are`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(count: 5)
            let lease = try await fixture.queue.mustClaim(4)
            _ = try await fixture.queue.finish(
                token: lease.token, [Self.timed(lease.requests[0], 1, 2)],
                checkpoint: Checkpoint(
                    sequence: 1,
                    entries: [CheckpointEntry(key: lease.requests[1].key, choice: 0, firstToken: 0, tokens: [7, 8, 9])]),
                timeToLive: lease.timeToLive)
            try await fixture.queue.fail(lease, [lease.requests[2]], isPermanent: true)
            let sample = try await fixture.queue.sample(of: fixture.queue.batchSummary(id))
            #expect(sample.scale == 1)
            #expect(
                sample.requests.map(\.progress) == [
                    // Since its checkpoint of three tokens, the second has grown by one, if it goes on as before.
                    .finished(tokens: 7), .running(tokens: 4), .failed, .waiting, .waiting,
                ])
            #expect(sample.requests.allSatisfy { $0.promptTokens == 100 && $0.limit == 10 })
            let sums = try #require(try await fixture.queue.recentTimes(models: [], batch: id))
            #expect(sums.count == 1 && sums.promptAnswer == 700 && sums.answerTime == 14)
            #expect(try await fixture.queue.recentAnswers(models: ["any"]).map(\.progress) == [.finished(tokens: 7)])
        }
    }

    @Test func `a large batch is sampled evenly`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(
                QueueFixture.newBatch("large"), lengths: (1...4000).map { $0 })
            let sample = try await fixture.queue.sample(of: fixture.queue.batchSummary(id), atMost: 800)
            #expect(sample.requests.count == 800 && sample.scale == 5)
            let mean = sample.requests.reduce(0) { $0 + $1.promptTokens } / 800
            #expect(abs(mean - 2000) < 60)
        }
    }

    @Test func `times leave with their batch`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(count: 1)
            let lease = try await fixture.queue.mustClaim(1)
            _ = try await fixture.queue.finish(
                token: lease.token, [Self.timed(lease.requests[0], 1, 1)], timeToLive: lease.timeToLive)
            try await fixture.integers("UPDATE octavo.batches SET state = 5 WHERE id = \(id)")
            try await fixture.integers("SELECT count(*) FROM octavo.delete_rows_v1(\(id), 10)")
            try await fixture.integers("SELECT count(*) FROM octavo.delete_rows_v1(\(id), 10)")
            #expect(try await fixture.integers("SELECT count(*) FROM octavo.timings") == [0])
        }
    }
}
