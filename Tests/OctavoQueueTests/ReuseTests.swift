import OctavoQueue
import Testing

/// Answers that are copied instead of computed.
@Suite struct ReuseTests {
    private func identity(_ byte: UInt8) -> AnswerIdentity {
        AnswerIdentity(bytes: Array(repeating: byte, count: 16))
    }

    /// A batch of two whose requests are finished, and remembered under 1 and 2.
    private func addAnswered(_ fixture: QueueFixture) async throws -> [RequestKey] {
        try await fixture.addBatch("answered", count: 2)
        let lease = try await fixture.queue.mustClaim(2)
        let keys = lease.requests.map(\.key)
        try await fixture.queue.finish(lease, lease.requests)
        try await fixture.queue.rememberAnswers([(identity(1), keys[0]), (identity(2), keys[1])])
        return keys
    }

    @Test func `an answer is found by its identity, and copied byte for byte`() async throws {
        try await QueueFixture.withQueue { fixture in
            let sources = try await addAnswered(fixture)
            let found = try await fixture.queue.findAnswers([identity(1), identity(2), identity(3)])
            #expect(found == [identity(1): sources[0], identity(2): sources[1]])

            let id = try await fixture.addBatch("copied", count: 3)
            let lease = try await fixture.queue.mustClaim(3)
            let copies = zip(lease.requests, [sources[1], sources[0], sources[1]]).map {
                ReusedAnswer(key: $0.key, source: $1)
            }
            let outcome = try await fixture.queue.reuse(token: lease.token, copies, timeToLive: .seconds(60))
            #expect(outcome == FinishOutcome(accepted: 3, already: 0, isFenced: false))
            let summary = try await fixture.queue.batchSummary(id)
            #expect(summary.state == .completed && summary.done == 3 && summary.reused == 3)
            let differing = try await fixture.integers(
                """
                SELECT count(*) FROM octavo.results c, octavo.results s
                 WHERE c.batch_id = \(id) AND s.batch_id = \(sources[0].batchID)
                   AND s.position = CASE c.position WHEN \(copies[1].key.position) THEN \(sources[0].position)
                                    ELSE \(sources[1].position) END
                   AND (c.body, c.finish_reason, c.prompt_tokens, c.completion_tokens)
                       IS NOT DISTINCT FROM (s.body, s.finish_reason, s.prompt_tokens, s.completion_tokens)
                """)
            #expect(differing == [3])
            try await fixture.expectNothingLeftOver()
        }
    }

    @Test func `copies that are sent again are counted once`() async throws {
        try await QueueFixture.withQueue { fixture in
            let sources = try await addAnswered(fixture)
            let id = try await fixture.addBatch("copied", count: 2)
            let lease = try await fixture.queue.mustClaim(2)
            let copies = [ReusedAnswer(key: lease.requests[0].key, source: sources[0])]
            for expected in [
                FinishOutcome(accepted: 1, already: 0, isFenced: false),
                .init(accepted: 0, already: 1, isFenced: false),
            ] {
                let outcome = try await fixture.queue.reuse(token: lease.token, copies, timeToLive: .seconds(60))
                #expect(outcome == expected)
            }
            #expect(try await fixture.queue.batchSummary(id).reused == 1)
        }
    }

    @Test func `a lease that was lost copies nothing`() async throws {
        try await QueueFixture.withQueue { fixture in
            let sources = try await addAnswered(fixture)
            let id = try await fixture.addBatch("copied", count: 1)
            let lease = try await fixture.queue.mustClaim(1)
            try await fixture.expireLeases()
            _ = try await fixture.queue.reap(limit: 10)
            let copies = [ReusedAnswer(key: lease.requests[0].key, source: sources[0])]
            let outcome = try await fixture.queue.reuse(token: lease.token, copies, timeToLive: .seconds(60))
            #expect(outcome == FinishOutcome(accepted: 0, already: 0, isFenced: true))
            let summary = try await fixture.queue.batchSummary(id)
            #expect(summary.done == 0 && summary.reused == 0)
        }
    }

    @Test func `answers of a deleted batch are forgotten, and copies of them stay`() async throws {
        try await QueueFixture.withQueue { fixture in
            let sources = try await addAnswered(fixture)
            let id = try await fixture.addBatch("copied", count: 2)
            let lease = try await fixture.queue.mustClaim(2)
            let copies = lease.requests.map { ReusedAnswer(key: $0.key, source: sources[0]) }
            _ = try await fixture.queue.reuse(token: lease.token, [copies[0]], timeToLive: .seconds(60))
            try await fixture.queue.delete(sources[0].batchID, pace: DeletionPace(chunk: 1))
            #expect(try await fixture.queue.findAnswers([identity(1), identity(2)]) == [:])
            #expect(try await fixture.integers("SELECT count(*) FROM octavo.answers") == [0])
            // The other stays in the lease, to be given back and computed.
            let outcome = try await fixture.queue.reuse(token: lease.token, [copies[1]], timeToLive: .seconds(60))
            #expect(outcome.accepted == 0)
            #expect(try await fixture.queue.batchSummary(id).done == 1)
            #expect(try await fixture.integers("SELECT remaining FROM octavo.leases") == [1])
        }
    }

    @Test func `two who remember the same answers in opposite order both come through`() async throws {
        try await QueueFixture.withQueue { fixture in
            let sources = try await addAnswered(fixture)
            let identities = (10..<200).map { identity(UInt8($0)) }
            try await withThrowingTaskGroup { group in
                for index in 0..<4 {
                    let queue = fixture.anotherQueue()
                    let order = index % 2 == 0 ? identities : identities.reversed()
                    group.addTask {
                        for _ in 0..<5 {
                            try await queue.rememberAnswers(order.map { ($0, sources[index % 2]) })
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await fixture.queue.findAnswers(identities).count == identities.count)
        }
    }
}
