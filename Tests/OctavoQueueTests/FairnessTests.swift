import OctavoQueue
import Testing

/// How batches share the workers, counted in groups of requests that are claimed together.
@Suite struct FairnessTests {
    private static let group = 256

    @Test(arguments: [0, 2]) func `a small batch starts within two groups of a giant one`(priority: Int) async throws {
        try await QueueFixture.withQueue { fixture in
            try await fixture.addBatch("giant", count: 20_000)
            for _ in 0..<10 { _ = try await fixture.queue.mustClaim(Self.group) }
            var small = QueueFixture.newBatch("small")
            small.priority = priority
            let id = try await fixture.addBatch(small, lengths: Array(repeating: 70, count: 100))
            var started = 0
            for _ in 0..<2 {
                started += try await fixture.queue.mustClaim(Self.group).requests.count { $0.key.batchID == id }
            }
            #expect(started == 100)
        }
    }

    @Test func `tokens are shared by weight, whatever the requests' lengths`() async throws {
        try await QueueFixture.withQueue { fixture in
            var heavy = QueueFixture.newBatch("heavy")
            heavy.weight = 3
            let heavyID = try await fixture.addBatch(heavy, lengths: Array(repeating: 90, count: 20_000))
            let lightID = try await fixture.addBatch(
                QueueFixture.newBatch("light"), lengths: Array(repeating: 390, count: 20_000))
            var tokens: [Int64: Int] = [:]
            for _ in 0..<100 {
                for request in try await fixture.queue.mustClaim(64).requests {
                    tokens[request.key.batchID, default: 0] += request.promptTokens + 10
                }
            }
            let ratio = Double(tokens[heavyID] ?? 0) / Double(tokens[lightID] ?? 1)
            #expect((2.7...3.3).contains(ratio), "\(tokens)")
        }
    }

    @Test func `the lowest priority finishes under a flood once it has waited`() async throws {
        try await QueueFixture.withQueue { fixture in
            var low = QueueFixture.newBatch("low")
            low.priority = 9
            let lowID = try await fixture.addBatch(low, lengths: Array(repeating: 100, count: 4 * Self.group))

            /// As many groups are claimed as newcomers of the highest ordinary priority arrive.
            func flood(_ groups: Range<Int>) async throws -> Int {
                var claimed = 0
                for number in groups {
                    var batch = QueueFixture.newBatch("flood-\(number)")
                    batch.priority = 1
                    try await fixture.addBatch(batch, lengths: Array(repeating: 100, count: Self.group))
                    let lease = try await fixture.queue.mustClaim(Self.group)
                    claimed += lease.requests.count { $0.key.batchID == lowID }
                    try await fixture.queue.finish(lease)
                }
                return claimed
            }
            #expect(try await flood(0..<8) == 0)
            // Eight steps of priority at ten minutes each.
            try await fixture.integers(
                "UPDATE octavo.batches SET activated_at = activated_at - interval '81 minutes' WHERE name = 'low'")
            #expect(try await flood(8..<24) == 4 * Self.group)
            #expect(try await fixture.queue.batchSummary(lowID).state == .completed)
        }
    }

    @Test func `newcomers that come as fast as groups are claimed do not pass a larger batch for ever`() async throws {
        try await QueueFixture.withQueue { fixture in
            let oldID = try await fixture.addBatch("old", count: 8 * Self.group)
            var claims = 0
            while try await fixture.queue.batchSummary(oldID).state == .active, claims < 80 {
                try await fixture.addBatch("newcomer-\(claims)", count: Self.group)
                try await fixture.queue.finish(fixture.queue.mustClaim(Self.group))
                claims += 1
            }
            // Each round serves those that came in the round before, and the old batch: 1 + 2 + 3 to 9.
            #expect((8...45).contains(claims))
        }
    }

    @Test func `a newcomer of great weight does not wait for what a light batch was given at once`() async throws {
        try await QueueFixture.withQueue { fixture in
            try await fixture.addBatch("light", count: 40 * Self.group)
            var heavy = QueueFixture.newBatch("heavy")
            heavy.weight = 100
            try await fixture.addBatch(heavy, lengths: Array(repeating: 100, count: 40 * Self.group))
            for _ in 0..<10 { _ = try await fixture.queue.mustClaim(Self.group) }
            var newcomer = QueueFixture.newBatch("newcomer")
            newcomer.weight = 100
            let id = try await fixture.addBatch(newcomer, lengths: Array(repeating: 100, count: 4 * Self.group))
            var claimed = 0
            for _ in 0..<8 {
                claimed += try await fixture.queue.mustClaim(Self.group).requests.count { $0.key.batchID == id }
            }
            #expect(claimed >= 3 * Self.group)
        }
    }

    @Test func `a batch that was paused comes back among the others, neither before nor behind them`() async throws {
        try await QueueFixture.withQueue { fixture in
            let ids = [
                try await fixture.addBatch("a", count: 40 * Self.group),
                try await fixture.addBatch("b", count: 40 * Self.group),
            ]
            func shares(_ claims: Int) async throws -> [Int] {
                var groups = [0, 0]
                for _ in 0..<claims {
                    let lease = try await fixture.queue.mustClaim(Self.group)
                    for (index, id) in ids.enumerated() {
                        groups[index] += lease.requests.count { $0.key.batchID == id } / Self.group
                    }
                }
                return groups
            }
            try await fixture.queue.pause(ids[0])
            #expect(try await shares(8) == [0, 8])
            try await fixture.queue.resume(ids[0])
            #expect(try await shares(8) == [4, 4])
            // It was served far more than the clock says, as when others are of a later time.
            try await fixture.queue.pause(ids[0])
            try await fixture.integers("UPDATE octavo.batches SET vtime = 1e12 WHERE id = \(ids[0])")
            try await fixture.queue.resume(ids[0])
            #expect(try await shares(8) == [4, 4])
        }
    }
}
