import OctavoQueue
import Testing

@Suite struct BatchTests {
    @Test func `a cancelled batch keeps what is finished and takes nothing more`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(count: 5)
            let lease = try await fixture.queue.mustClaim(3)
            try await fixture.queue.finish(lease, [lease.requests[0]])
            try await fixture.queue.cancel(id)
            try await fixture.queue.cancel(id)
            #expect(try await fixture.queue.claim(5) == nil)
            let late = try await fixture.queue.finish(lease)
            #expect(late == FinishOutcome(accepted: 0, already: 1, isFenced: false))
            #expect(
                try await fixture.queue.fail(lease, [lease.requests[1]])
                    == FailOutcome(retried: 0, failed: 0, isFenced: false))
            #expect(try await fixture.queue.release(token: lease.token) == 0)
            let summary = try await fixture.queue.batchSummary(id)
            #expect(summary.state == .cancelled && summary.done == 1 && summary.unfinished == 4)
            try await fixture.expectConsistent()
            try await fixture.expectNothingLeftOver()
            let states = try await fixture.strings("SELECT state FROM octavo.request_states ORDER BY position")
            #expect(states == ["finished", "cancelled", "cancelled", "cancelled", "cancelled"])
            await #expect(throws: QueueError.wrongState(batch: id, state: .cancelled, action: "retried")) {
                try await fixture.queue.retryFailed(id)
            }
        }
    }

    @Test func `no result is stored after a cancellation, whoever comes first`() async throws {
        try await QueueFixture.withQueue { fixture in
            let queues = [fixture.anotherQueue(), fixture.anotherQueue()]
            for round in 0..<30 {
                let id = try await fixture.addBatch("round \(round)", count: 40)
                let lease = try await fixture.queue.mustClaim(40)
                async let finished = queues[0].finish(lease)
                async let cancelled: Void = {
                    do { try await queues[1].cancel(id) } catch QueueError.wrongState {}
                }()
                let accepted = try await finished.accepted
                try await cancelled
                let summary = try await fixture.queue.batchSummary(id)
                #expect(summary.done == accepted && (accepted == 40) == (summary.state == .completed))
                try await fixture.queue.release(token: lease.token)
            }
            try await fixture.expectConsistent()
        }
    }

    @Test func `a paused batch is not claimed, but takes results, until it is resumed`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(count: 4)
            let lease = try await fixture.queue.mustClaim(2)
            try await fixture.queue.pause(id)
            #expect(try await fixture.queue.claim(4) == nil)
            try await fixture.queue.finish(lease, [lease.requests[0]])
            #expect(try await fixture.queue.release(token: lease.token) == 1)
            try await fixture.queue.resume(id)
            try await fixture.queue.resume(id)
            let rest = try await [fixture.queue.mustClaim(4)]
            #expect(rest[0].requests.count == 3)
            try await fixture.queue.finish(rest[0])
            #expect(try await fixture.queue.batchSummary(id).state == .completed)
            await #expect(throws: QueueError.wrongState(batch: id, state: .completed, action: "paused")) {
                try await fixture.queue.pause(id)
            }
        }
    }

    @Test func `a paused batch completes when its last lease finishes`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(count: 2)
            let lease = try await fixture.queue.mustClaim(2)
            try await fixture.queue.pause(id)
            try await fixture.queue.finish(lease)
            #expect(try await fixture.queue.batchSummary(id).state == .completed)
        }
    }

    @Test func `deleting a batch removes all its rows and no others`() async throws {
        try await QueueFixture.withQueue { fixture in
            let lengths = Array(repeating: 50, count: 100)
            let id = try await fixture.addBatch(QueueFixture.newBatch("a"), lengths: lengths, windowRows: 30)
            let other = try await fixture.addBatch("b", count: 10)
            let lease = try await fixture.queue.mustClaim(20)
            try await fixture.queue.fail(lease, [lease.requests[0]], isPermanent: true)
            try await fixture.queue.finish(lease, [lease.requests[1]])
            try await fixture.queue.delete(id)
            #expect(try await fixture.queue.finish(lease).accepted == 0)
            #expect(
                try await fixture.queue.heartbeat(worker: .test, tokens: [lease.token], timeToLive: .seconds(9))
                    == [lease.token: LeaseHealth(batchStates: [:])])
            #expect(try await fixture.queue.release(token: lease.token) == 0)
            for table in ["requests", "results", "failures", "segments", "windows", "lease_ranges"] {
                let left = try await fixture.integers("SELECT count(*) FROM octavo.\(table) WHERE batch_id = \(id)")
                #expect(left == [0], "\(table)")
            }
            #expect(try await fixture.queue.status().map(\.summary.id) == [other])
            try await fixture.expectConsistent()
            await #expect(throws: QueueError.noSuchBatch("\(id)", existing: ["\(other) (b)"])) {
                try await fixture.queue.delete(id)
            }
        }
    }

    @Test func `a batch is found by id or unique name`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch("prose", count: 0)
            #expect(try await fixture.queue.resolveBatch("\(id)") == id)
            #expect(try await fixture.queue.resolveBatch("prose") == id)
            await #expect(throws: QueueError.noSuchBatch("verse", existing: ["\(id) (prose)"])) {
                try await fixture.queue.resolveBatch("verse")
            }
            var twin = QueueFixture.newBatch("twin")
            twin.name = "prose"
            let twinID = try await fixture.addBatch(twin, lengths: [])
            await #expect(throws: QueueError.ambiguousName("prose", batches: [id, twinID])) {
                try await fixture.queue.resolveBatch("prose")
            }
            await #expect(throws: QueueError.noSuchBatch("99", existing: ["\(twinID) (prose)", "\(id) (prose)"])) {
                try await fixture.queue.cancel(99)
            }
        }
    }
}
