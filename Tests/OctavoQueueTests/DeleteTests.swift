import OctavoQueue
import Synchronization
import Testing

@Suite struct DeleteTests {
    private static let tables = ["requests", "results", "failures", "segments", "windows", "lease_ranges"]

    private func rowCount(_ fixture: QueueFixture, of batch: Int64) async throws -> Int {
        var count = 0
        for table in Self.tables {
            count += try await fixture.integers("SELECT count(*) FROM octavo.\(table) WHERE batch_id = \(batch)")[0]
        }
        return count
    }

    @Test func `a batch is deleted in steps, across windows, and its checkpoints with it`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(
                QueueFixture.newBatch("a"), lengths: Array(repeating: 50, count: 100), windowRows: 30)
            let lease = try await fixture.queue.mustClaim(20, fingerprint: "f")
            try await fixture.queue.finish(lease, [lease.requests[0]])
            _ = try await fixture.queue.checkpoint(
                token: lease.token, sequence: 1,
                entries: [CheckpointEntry(key: lease.requests[1].key, choice: 0, firstToken: 0, tokens: [1, 2])],
                timeToLive: .seconds(60))
            try await fixture.queue.release(token: lease.token)
            let steps = Mutex<[Int]>([])
            try await fixture.queue.delete(id, pace: DeletionPace(chunk: 7)) { count in
                steps.withLock { $0.append(count) }
            }
            #expect(steps.withLock(\.self) == [7, 14, 21, 28, 30, 37, 44, 51, 58, 60, 67, 74, 81, 88, 90, 97, 100])
            #expect(try await rowCount(fixture, of: id) == 0)
            #expect(try await fixture.queue.status() == [])
            try await fixture.expectNothingLeftOver()
        }
    }

    @Test func `an interrupted deletion goes on where it was`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(count: 100)
            let queue = fixture.queue
            let task = Task {
                try await queue.delete(id, pace: DeletionPace(chunk: 10)) { count in
                    if count == 30 { withUnsafeCurrentTask { $0?.cancel() } }
                }
            }
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(try await fixture.integers("SELECT count(*) FROM octavo.requests") == [70])
            #expect(try await queue.batchSummary(id).state == .deleting)
            #expect(try await queue.prunableBatches(Retention(age: .seconds(9999), keptCount: 9)).map(\.id) == [id])
            let counts = Mutex<[Int]>([])
            try await queue.delete(id, pace: DeletionPace(chunk: 50)) { count in counts.withLock { $0.append(count) } }
            #expect(counts.withLock(\.self) == [50, 70])
            #expect(try await rowCount(fixture, of: id) == 0)
        }
    }

    @Test func `two may delete one batch at once`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(
                QueueFixture.newBatch("a"), lengths: Array(repeating: 50, count: 200), windowRows: 20)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<3 {
                    let queue = fixture.anotherQueue()
                    group.addTask {
                        // Whoever comes when it is gone finds none.
                        do { try await queue.delete(id, pace: DeletionPace(chunk: 3)) } catch QueueError.noSuchBatch {}
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await rowCount(fixture, of: id) == 0)
        }
    }

    @Test func `a rule gives up only old batches without work left, and keeps the newest`() async throws {
        try await QueueFixture.withQueue { fixture in
            let queue = fixture.queue
            var ids: [String: Int64] = [:]
            for name in ["ancient", "old", "cancelled", "fresh"] {
                ids[name] = try await fixture.addBatch(name, count: 2)
                try await queue.finish(queue.mustClaim(1))
                if name == "cancelled" {
                    try await queue.cancel(ids[name]!)
                } else {
                    try await queue.finish(queue.mustClaim(1))
                }
            }
            let (active, paused) = (
                try await fixture.addBatch("active", count: 1), try await fixture.addBatch("paused", count: 1)
            )
            try await queue.pause(paused)
            _ = try await queue.attach(QueueFixture.newBatch("loading"))
            try await fixture.integers("UPDATE octavo.batches SET created_at = created_at - interval '90 days'")
            for (name, days) in [("ancient", 60), ("old", 40), ("cancelled", 50)] {
                try await fixture.integers(
                    "UPDATE octavo.batches SET completed_at = now() - interval '\(days) days' WHERE name = '\(name)'")
            }
            func pruned(_ retention: Retention) async throws -> [String] {
                try await queue.prunableBatches(retention).map(\.name)
            }
            let month = Duration.seconds(30 * 86_400)
            #expect(try await pruned(Retention(age: month)) == ["ancient", "old", "cancelled"])
            #expect(try await pruned(Retention(age: month, states: [.cancelled])) == ["cancelled"])
            #expect(try await pruned(Retention(age: month, keptCount: 2)) == ["ancient", "cancelled"])
            #expect(try await pruned(Retention(keptCount: 1)) == ["ancient", "old", "cancelled"])
            #expect(try await pruned(Retention(age: .seconds(45 * 86_400), states: [.expired])) == [])
            for batch in try await queue.prunableBatches(Retention()) { try await queue.delete(batch.id) }
            #expect(try await queue.status().map(\.summary.name) == ["active", "paused", "loading"])
            #expect(try await queue.claim(5)?.requests.map(\.key.batchID) == [active])
        }
    }
}
