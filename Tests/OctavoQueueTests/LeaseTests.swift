import OctavoQueue
import Testing

@Suite struct LeaseTests {
    @Test func `finishing everything ends the lease and completes the batch`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(count: 5)
            let lease = try await fixture.queue.mustClaim(9)
            let outcome = try await fixture.queue.finish(lease)
            #expect(outcome == FinishOutcome(accepted: 5, already: 0, isFenced: false))
            let summary = try await fixture.queue.batchSummary(id)
            #expect(summary.state == .completed && summary.done == 5 && summary.completedAt != nil)
            #expect(summary.promptTokens == 500 && summary.completionTokens == 35)
            try await fixture.expectConsistent()
            try await fixture.expectNothingLeftOver()
            #expect(try await fixture.strings("SELECT outcome FROM octavo.lease_log") == ["finished"])
        }
    }

    @Test func `sending the same results twice stores them once, while the lease stands and after`() async throws {
        try await QueueFixture.withQueue { fixture in
            try await fixture.addBatch(count: 5)
            let lease = try await fixture.queue.mustClaim(9)
            let first = Array(lease.requests[..<2])
            #expect(try await fixture.queue.finish(lease, first).accepted == 2)
            let repeated = try await fixture.queue.finish(lease, first)
            #expect(repeated == FinishOutcome(accepted: 0, already: 2, isFenced: false))
            let overlapping = try await fixture.queue.finish(lease)
            #expect(overlapping == FinishOutcome(accepted: 3, already: 2, isFenced: false))
            let afterTheEnd = try await fixture.queue.finish(lease)
            #expect(afterTheEnd == FinishOutcome(accepted: 0, already: 5, isFenced: false))
            try await fixture.expectConsistent()
        }
    }

    @Test func `results outside the lease are not stored`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(count: 5)
            let lease = try await fixture.queue.mustClaim(2)
            let foreign = FinishedRequest(RequestKey(batchID: id, position: 3))
            let outcome = try await fixture.queue.finish(token: lease.token, [foreign], timeToLive: .seconds(60))
            #expect(outcome == FinishOutcome(accepted: 0, already: 0, isFenced: false))
            try await fixture.expectConsistent()
        }
    }

    @Test func `an expired lease is its holder's until somebody reaps`() async throws {
        try await QueueFixture.withQueue { fixture in
            try await fixture.addBatch(count: 3)
            let lease = try await fixture.queue.mustClaim(3)
            try await fixture.expireLeases()
            let health = try await fixture.queue.heartbeat(
                worker: .test, tokens: [lease.token], timeToLive: .seconds(60))
            #expect(health[lease.token] != nil)
            #expect(try await fixture.queue.reap(limit: 10) == 0)
            #expect(try await fixture.queue.finish(lease).accepted == 3)
        }
    }

    @Test func `a zombie writes nothing after the reaper, and its successor's results stand`() async throws {
        try await QueueFixture.withQueue { fixture in
            try await fixture.addBatch(count: 4)
            let zombie = try await fixture.queue.mustClaim(4)
            try await fixture.queue.finish(zombie, [zombie.requests[0]])
            try await fixture.expireLeases()
            #expect(try await fixture.queue.reap(limit: 10) == 1)

            let key = zombie.requests[1].key
            let entry = CheckpointEntry(key: key, choice: 0, firstToken: 0, tokens: [1])
            #expect(
                try await fixture.queue.heartbeat(worker: .test, tokens: [zombie.token], timeToLive: .seconds(60))
                    == [:])
            #expect(
                try await !fixture.queue.checkpoint(
                    token: zombie.token, sequence: 1, entries: [entry], timeToLive: .seconds(60)))
            let late = try await fixture.queue.finish(zombie)
            #expect(late == FinishOutcome(accepted: 0, already: 1, isFenced: true))
            #expect(try await fixture.queue.fail(zombie, [zombie.requests[1]]).isFenced)
            #expect(try await fixture.queue.release(token: zombie.token) == 0)

            let successor = try await fixture.queue.mustClaim(4)
            #expect(successor.requests.map(\.key) == zombie.requests[1...].map(\.key))
            #expect(successor.token > zombie.token)
            #expect(try await fixture.queue.finish(successor).accepted == 3)
            #expect(try await fixture.queue.finish(zombie).accepted == 0)
            try await fixture.expectConsistent()
            try await fixture.expectNothingLeftOver()
        }
    }

    @Test func `releasing gives back what is not finished, at no cost`() async throws {
        try await QueueFixture.withQueue { fixture in
            try await fixture.addBatch(count: 6)
            let lease = try await fixture.queue.mustClaim(6)
            try await fixture.queue.finish(lease, [lease.requests[2]])
            #expect(try await fixture.queue.release(token: lease.token) == 5)
            #expect(try await fixture.queue.release(token: lease.token) == 0)
            let next = try await fixture.queue.mustClaim(6)
            #expect(next.requests.map(\.key.position) == [0, 1, 3, 4, 5])
            #expect(next.requests.allSatisfy { $0.attempts == 0 })
            #expect(try await fixture.queue.finish(next).accepted == 5)
            try await fixture.expectConsistent()
        }
    }

    @Test func `a heartbeat tells of pause and cancellation, and keeps the workers' list`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(count: 3)
            let lease = try await fixture.queue.mustClaim(1)
            try await fixture.queue.pause(id)
            var health = try await fixture.queue.heartbeat(
                worker: .test, tokens: [lease.token, 999], timeToLive: .seconds(60))
            #expect(health.keys.sorted() == [lease.token])
            #expect(health[lease.token]?.batchStates == [id: .paused])
            try await fixture.queue.cancel(id)
            health = try await fixture.queue.heartbeat(worker: .test, tokens: [lease.token], timeToLive: .seconds(60))
            #expect(health[lease.token]?.batchStates == [id: .cancelled])
            #expect(try await fixture.queue.heartbeat(worker: .test, tokens: [], timeToLive: .seconds(1)) == [:])

            let worker = try #require(try await fixture.queue.workers().first)
            #expect(worker.name == "worker" && worker.models == ["llama"] && worker.tokensPerSecond == 12.5)
            #expect(worker.program == "octavo test")
            #expect(worker.secondsSinceSeen < 30)
            try await fixture.queue.retire(worker: "worker")
            #expect(try await fixture.queue.workers() == [])
        }
    }
}
