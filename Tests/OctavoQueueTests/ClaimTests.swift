import OctavoQueue
import Testing

@Suite struct ClaimTests {
    @Test func `the longest requests are claimed first, with all that answering needs`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(QueueFixture.newBatch("a"), lengths: [300, 1000, 299, 990])
            let lease = try await fixture.queue.mustClaim(2)
            #expect(lease.requests.map(\.line) == [2, 4])
            let first = lease.requests[0]
            #expect(first.key == RequestKey(batchID: id, position: 0))
            #expect(first.customID == "row-2" && first.body == #"{"prompt":"2"}"# && first.promptTokens == 1000)
            #expect(first.attempts == 0 && first.progress.isEmpty)
            #expect(try await fixture.queue.mustClaim(9).requests.map(\.line) == [1, 3])
            #expect(try await fixture.queue.claim(1) == nil)
            try await fixture.expectConsistent()
        }
    }

    @Test func `a claim is filled with shorter requests, down to half the length or 64 tokens less`() async throws {
        try await QueueFixture.withQueue { fixture in
            try await fixture.addBatch(QueueFixture.newBatch("a"), lengths: [1000, 700, 436, 348, 40])
            #expect(try await fixture.queue.mustClaim(9).requests.map(\.promptTokens) == [1000, 700, 436])
            #expect(try await fixture.queue.mustClaim(9).requests.map(\.promptTokens) == [348])
            #expect(try await fixture.queue.mustClaim(9).requests.map(\.promptTokens) == [40])
        }
    }

    @Test func `the token budget limits a claim, but one request always fits`() async throws {
        try await QueueFixture.withQueue { fixture in
            try await fixture.addBatch(count: 10)  // 110 tokens each with their answers
            #expect(try await fixture.queue.claim(9, budget: 330)?.requests.count == 3)
            #expect(try await fixture.queue.claim(9, budget: 5)?.requests.count == 1)
            #expect(try await fixture.queue.claim(9, budget: 439)?.requests.count == 3)
        }
    }

    @Test func `a worker claims batches of its model's names and of none`() async throws {
        try await QueueFixture.withQueue { fixture in
            try await fixture.addBatch(QueueFixture.newBatch("a", model: "llama"), lengths: [10])
            #expect(try await fixture.queue.claim(1) == nil)
            #expect(try await fixture.queue.claim(1, models: ["other"]) == nil)
            #expect(try await fixture.queue.claim(1, models: ["other", "llama"])?.requests.count == 1)
            try await fixture.addBatch("b", count: 1)
            #expect(try await fixture.queue.claim(1, models: ["other"])?.requests.count == 1)
        }
    }

    @Test func `an urgent batch goes before all others, and a lesser number before a greater`() async throws {
        try await QueueFixture.withQueue { fixture in
            for (name, priority) in [("low", 3), ("high", 1), ("urgent", 0)] {
                var batch = QueueFixture.newBatch(name)
                batch.priority = priority
                try await fixture.addBatch(batch, lengths: [10])
            }
            var names: [String] = []
            for _ in 0..<3 {
                let batch = try await fixture.queue.mustClaim(1).requests[0].key.batchID
                names += try await fixture.queue.batchSettings([batch]).map(\.name)
            }
            #expect(names == ["urgent", "high", "low"])
        }
    }

    @Test func `waiting raises a batch's priority, but not to urgent`() async throws {
        try await QueueFixture.withQueue { fixture in
            for (name, priority) in [("old", 5), ("new", 2), ("urgent", 0)] {
                var batch = QueueFixture.newBatch(name)
                batch.priority = priority
                try await fixture.addBatch(batch, lengths: [10, 10])
            }
            try await fixture.integers(
                "UPDATE octavo.batches SET activated_at = activated_at - interval '1 day' WHERE name = 'old'")
            var names: [String] = []
            for _ in 0..<3 {
                let batch = try await fixture.queue.mustClaim(2).requests[0].key.batchID
                names += try await fixture.queue.batchSettings([batch]).map(\.name)
            }
            #expect(names == ["urgent", "old", "new"])
        }
    }

    @Test func `a claim is filled from the next batch`() async throws {
        try await QueueFixture.withQueue { fixture in
            let first = try await fixture.addBatch("a", count: 3)
            let second = try await fixture.addBatch("b", count: 3)
            let lease = try await fixture.queue.mustClaim(5)
            #expect(lease.requests.map(\.key.batchID) == [first, first, first, second, second])
            let health = try await fixture.queue.heartbeat(
                worker: .test, tokens: [lease.token], timeToLive: .seconds(60))
            #expect(health == [lease.token: LeaseHealth(batchStates: [first: .active, second: .active])])
            #expect(try await fixture.queue.finish(lease).accepted == 5)
            try await fixture.expectConsistent()
        }
    }

    @Test func `work is shared by weight, and a newcomer neither waits nor takes all`() async throws {
        try await QueueFixture.withQueue { fixture in
            var heavy = QueueFixture.newBatch("heavy")
            heavy.weight = 3
            let heavyID = try await fixture.addBatch(heavy, lengths: Array(repeating: 100, count: 400))
            for _ in 0..<10 { _ = try await fixture.queue.mustClaim(8) }
            let lightID = try await fixture.addBatch("light", count: 400)
            var claims: [Int64: Int] = [:]
            for _ in 0..<40 {
                claims[try await fixture.queue.mustClaim(4).requests[0].key.batchID, default: 0] += 1
            }
            #expect((29...31).contains(claims[heavyID] ?? 0) && (9...11).contains(claims[lightID] ?? 0), "\(claims)")
        }
    }

    @Test func `what an older worker claimed, a newer one may finish`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(count: 3)
            let tokens = try await fixture.integers(
                "SELECT token FROM octavo.claim_v1('old', 'f', '{}', 3, 1000000, 60)")
            let outcome = try await fixture.queue.finish(
                token: Int64(tokens[0]), (0..<3).map { FinishedRequest(RequestKey(batchID: id, position: $0)) },
                timeToLive: .seconds(60))
            #expect(outcome == FinishOutcome(accepted: 3, already: 0, isFenced: false))
            try await fixture.expectConsistent()
            try await fixture.expectNothingLeftOver()
        }
    }

    @Test func `neither claim nor export reads all of a batch that statistics do not know`() async throws {
        try await QueueFixture.withQueue { fixture in
            // Statistics that know one batch make the planner expect no row of another, and any index finds that.
            try await fixture.addBatch("known", count: 3000)
            try await fixture.integers("ANALYZE octavo.requests")
            _ = try await fixture.queue.mustClaim(3000)
            let id = try await fixture.addBatch("unknown", count: 3000)
            _ = try await fixture.queue.mustClaim(8)
            _ = try await fixture.queue.mustClaim(8)
            #expect(try await fixture.queue.export(batch: id, window: 0)?.count == 3000)
            _ = try await fixture.strings("SELECT pg_stat_force_next_flush()::text")
            let scans = try await fixture.integers(
                "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'requests_custom_id_unique'")
            #expect(scans == [0])
        }
    }

    @Test func `a claim never returns a request that another worker holds`() async throws {
        try await QueueFixture.withQueue { fixture in
            let total = 4000
            try await fixture.addBatch(
                QueueFixture.newBatch("a"), lengths: (0..<total).map { 20 + $0 % 700 }, windowRows: 1500)
            let keys = try await withThrowingTaskGroup(of: [RequestKey].self) { group in
                for worker in 0..<8 {
                    let queue = fixture.anotherQueue()
                    group.addTask {
                        var keys: [RequestKey] = []
                        while let lease = try await queue.claim(1 + (keys.count * 7 + worker) % 13, worker: "\(worker)")
                        {
                            keys += lease.requests.map(\.key)
                        }
                        return keys
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(keys.count == total)
            #expect(Set(keys).count == total)
            try await fixture.expectConsistent()
        }
    }
}

extension WorkerBeat {
    static let test = WorkerBeat(
        name: "worker", host: "host", processID: 1, models: ["llama"], fingerprint: "f",
        program: "octavo test", tokensPerSecond: 12.5, currentRequests: 3)
}
