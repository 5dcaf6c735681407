import OctavoPostgres
import OctavoQueue
import Testing

@Suite struct ReapTests {
    @Test func `losing a worker costs its requests nothing`() async throws {
        try await QueueFixture.withQueue { fixture in
            try await fixture.addBatch(count: 10)
            let lost = try await fixture.queue.mustClaim(10)
            try await fixture.queue.finish(lost, Array(lost.requests[3..<5]))
            #expect(try await fixture.queue.reap(limit: 10) == 0)
            try await fixture.expireLeases()
            #expect(try await fixture.queue.reap(limit: 10) == 1)
            try await fixture.expectConsistent()
            // What was lost once goes on together, around what was finished.
            let again = try await fixture.queue.mustClaim(10)
            #expect(again.requests.map(\.key.position) == [0, 1, 2, 5, 6, 7, 8, 9])
            #expect(again.requests.allSatisfy { $0.attempts == 0 })
            #expect(try await fixture.strings("SELECT outcome FROM octavo.lease_log") == ["lost"])
        }
    }

    @Test func `a request that crashes its workers is isolated, and alone fails`() async throws {
        try await QueueFixture.withQueue { fixture in
            let total = 600
            let id = try await fixture.addBatch(count: total, maximumAttempts: 3)
            let poison: Int32 = 77
            var lostSizes: [Int] = []
            while true {
                try await fixture.passPauses()
                guard let lease = try await fixture.queue.claim(256) else { break }
                if lease.requests.contains(where: { $0.key.position == poison }) {
                    lostSizes.append(lease.requests.count)
                    try await fixture.expireLeases()
                    #expect(try await fixture.queue.reap(limit: 10) == 1)
                } else {
                    try await fixture.queue.finish(lease)
                }
                try #require(lostSizes.count < 30)
            }
            #expect(lostSizes == [256, 256, 128, 64, 32, 16, 8, 4, 2, 1, 1, 1])
            let summary = try await fixture.queue.batchSummary(id)
            #expect(summary.done == total - 1 && summary.failed == 1 && summary.state == .completed)
            let failed = try await fixture.strings("SELECT kind FROM octavo.failures WHERE position = \(poison)")
            #expect(failed == ["crash"])
            try await fixture.expectConsistent()
            try await fixture.expectNothingLeftOver()
        }
    }

    @Test func `requests of many lengths that are lost again and again are leased by halves, and burn nothing`()
        async throws
    {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(QueueFixture.newBatch("batch"), lengths: Array(81...120))
            var sizes: [Int] = []
            for _ in 0..<4 {
                try await fixture.passPauses()
                sizes.append(try await fixture.queue.mustClaim(40).requests.count)
                try await fixture.expireLeases()
                #expect(try await fixture.queue.reap(limit: 10) == 1)
            }
            #expect(sizes == [40, 40, 20, 20])
            while true {
                try await fixture.passPauses()
                guard let lease = try await fixture.queue.claim(40) else { break }
                #expect(lease.requests.allSatisfy { $0.attempts == 0 })
                try await fixture.queue.finish(lease)
            }
            #expect(try await fixture.queue.batchSummary(id).done == 40)
            try await fixture.expectConsistent()
            try await fixture.expectNothingLeftOver()
        }
    }

    @Test(arguments: ["finish_v1", "finish_v2"])
    func `a holder that is writing when the reaper comes wins`(finish: String) async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(count: 2)
            let lease = try await fixture.queue.mustClaim(2)
            try await fixture.expireLeases()
            let writer = QueueFixture.connect(fixture.url)
            let reaped = try await writer.run { session in
                try session.transaction { session in
                    try session.query(
                        """
                        SELECT * FROM octavo.\(finish)(
                            $1, 60, ARRAY[$2, $2], '{0,1}', '{0,0}', '{1,1}', '{1,1}', '{"",""}', NULL, NULL)
                        """, [.int(lease.token), .int(id)])
                    // In the middle of the holder's transaction, another connection reaps.
                    let other = try PostgresSession(PostgresConfiguration(connectionString: fixture.url))
                    return try other.query("SELECT octavo.reap_v1(10)").only().int(0)
                }
            }
            #expect(reaped == 0)
            #expect(try await fixture.queue.batchSummary(id).done == 2)
            try await fixture.expectConsistent()
            try await fixture.expectNothingLeftOver()
        }
    }

    @Test func `reapers at once take each lease once`() async throws {
        try await QueueFixture.withQueue { fixture in
            try await fixture.addBatch(count: 200)
            for _ in 0..<40 { _ = try await fixture.queue.mustClaim(5) }
            try await fixture.expireLeases()
            let reaped = try await withThrowingTaskGroup(of: Int.self) { group in
                for queue in (0..<4).map({ _ in fixture.anotherQueue() }) {
                    group.addTask {
                        var count = 0
                        for _ in 0..<20 { count += try await queue.reap(limit: 3) }
                        return count
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(reaped == 40)
            try await fixture.expectConsistent()
        }
    }

    /// Workers that finish, die, stall past their lease, send twice, fail and release, until nothing is left.
    @Test(.timeLimit(.minutes(15)))
    func `under faults of every kind each request ends exactly once`() async throws {
        try await QueueFixture.withQueue { fixture in
            let total = 3000
            let ids = [
                try await fixture.addBatch(QueueFixture.newBatch("a"), lengths: (0..<2000).map { 30 + $0 % 400 }),
                try await fixture.addBatch(QueueFixture.newBatch("b"), lengths: (0..<1000).map { 50 + $0 % 90 }),
            ]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for seed in 1...4 {
                    let queue = fixture.anotherQueue()
                    let worker = FaultyWorker(queue: queue, fixture: fixture, seed: UInt64(seed))
                    group.addTask {
                        var worker = worker
                        try await worker.run()
                    }
                }
                try await group.waitForAll()
            }
            try await fixture.expectConsistent()
            _ = try await fixture.queue.reap(limit: 100)
            try await fixture.expectNothingLeftOver()
            let summaries = [
                try await fixture.queue.batchSummary(ids[0]), try await fixture.queue.batchSummary(ids[1]),
            ]
            #expect(summaries.allSatisfy { $0.state == .completed })
            #expect(summaries.map { $0.done + $0.failed }.reduce(0, +) == total)
            let permanentlyFailed = try await fixture.integers(
                "SELECT count(*) FROM octavo.failures WHERE is_final AND kind <> 'crash'")
            #expect(permanentlyFailed[0] > 0)
        }
    }
}

/// A worker that does everything wrong, by turns.
private struct FaultyWorker {
    let queue: Queue
    let fixture: QueueFixture
    var random: SplitMix

    init(queue: Queue, fixture: QueueFixture, seed: UInt64) {
        self.queue = queue
        self.fixture = fixture
        random = SplitMix(state: seed)
    }

    mutating func run() async throws {
        var zombies: [Lease] = []
        while try await fixture.integers("SELECT count(*) FROM octavo.batches WHERE state = 1") != [0] {
            try await fixture.passPauses()
            _ = try await queue.reap(limit: 5)
            // Half of the leases are born expired: any reaper may take them at any moment.
            let timeToLive: Duration = random.next(2) == 0 ? .zero : .seconds(60)
            guard let lease = try await queue.claim(1 + random.next(60), budget: 20_000, timeToLive: timeToLive) else {
                if let zombie = zombies.popLast() { try await queue.finish(zombie) }
                continue
            }
            let half = Array(lease.requests.prefix(random.next(lease.requests.count + 1)))
            switch random.next(8) {
            case 0:  // dies, and comes back much later
                try await queue.finish(lease, half)
                zombies.append(lease)
            case 1:
                try await queue.fail(lease, half, isPermanent: random.next(4) == 0)
                try await queue.finish(lease)
            case 2:
                try await queue.finish(lease, half)
                try await queue.release(token: lease.token)
            case 3:  // never hears the reply
                try await queue.finish(lease)
                try await queue.finish(lease)
            case 4:
                let entries = lease.requests.map { CheckpointEntry(key: $0.key, choice: 0, firstToken: 0, tokens: [5]) }
                _ = try await queue.checkpoint(token: lease.token, sequence: 1, entries: entries, timeToLive: .zero)
            default:
                try await queue.finish(lease)
            }
        }
        for zombie in zombies { try await queue.finish(zombie) }
    }
}

/// A small generator, so that a failing run can be repeated.
private struct SplitMix {
    var state: UInt64

    mutating func next(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((z ^ (z >> 31)) % UInt64(bound))
    }
}
