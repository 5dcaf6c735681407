import OctavoQueue
import Testing

@Suite struct ExportTests {
    @Test func `windows follow each other in the order of the file`() async throws {
        try await QueueFixture.withQueue { fixture in
            let lengths = (0..<250).map { 20 + ($0 * 37) % 300 }
            let id = try await fixture.addBatch(QueueFixture.newBatch("a"), lengths: lengths, windowRows: 100)
            while let lease = try await fixture.queue.claim(64) { try await fixture.queue.finish(lease) }
            var lines: [Int] = []
            var window = 0
            while let rows = try await fixture.queue.export(batch: id, window: window) {
                #expect(rows.count == (window == 2 ? 50 : 100))
                lines += rows.map(\.line)
                window += 1
            }
            #expect(lines == Array(1...250))
            #expect(try await fixture.queue.batchSummary(id).windows == 3)
        }
    }

    @Test func `every outcome is told, with request bodies on demand`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(count: 5)
            let lease = try await fixture.queue.mustClaim(4)
            try await fixture.queue.finish(lease, [lease.requests[0]])
            try await fixture.queue.fail(lease, [lease.requests[1]], kind: "late", isPermanent: true)
            try await fixture.queue.fail(lease, [lease.requests[2]])

            var rows = try #require(try await fixture.queue.export(batch: id, window: 0))
            guard case .finished(#"{"answer":0}"#, let finishedAt) = rows[0].outcome,
                case .failed("late", 500, #"{"message":"no"}"#, let failedAt) = rows[1].outcome
            else {
                Issue.record("\(rows.map(\.outcome))")
                return
            }
            #expect(finishedAt > 1_700_000_000 && failedAt > 1_700_000_000)
            #expect(rows[2...].map(\.outcome) == [.pending, .pending, .pending])
            #expect(rows.map(\.customID) == (1...5).map { "row-\($0)" } && rows.allSatisfy { $0.body == nil })

            try await fixture.queue.cancel(id)
            rows = try #require(
                try await fixture.queue.export(batch: id, window: 0, includesRequestBodies: true))
            #expect(rows[2...].map(\.outcome) == [.cancelled, .cancelled, .cancelled])
            #expect(rows[0].outcome == .finished(body: #"{"answer":0}"#, finishedAt: finishedAt))
            #expect(rows[0].body == #"{"prompt":"1"}"#)
        }
    }
}
