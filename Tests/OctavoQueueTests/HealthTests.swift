import OctavoPostgres
import OctavoQueue
import Testing

@Suite struct HealthTests {
    private func report(_ fixture: QueueFixture, patience: Double = 0) async throws -> HealthReport {
        try await fixture.queue.diagnose(program: "octavo test", patience: patience)
    }

    /// What other tests do to the server that they share is found, too.
    private static let checksOfServer: Set = [
        "prepared-transactions", "old-transactions", "dead-rows", "connections", "notifications", "replication-slots",
    ]

    /// The checks that find something, but not those of the server, which other tests use too.
    private func findings(_ fixture: QueueFixture, _ checks: String...) async throws -> [String] {
        try await report(fixture).findings.map(\.check).filter(checks.contains)
    }

    @Test func `a queue at work has no findings, and every check can be made`() async throws {
        try await QueueFixture.withQueue { fixture in
            try await fixture.addBatch(count: 20)
            let lease = try await fixture.queue.mustClaim(8)
            try await fixture.queue.fail(lease, [lease.requests[0]], isPermanent: true)
            try await fixture.queue.fail(lease, [lease.requests[1]])
            try await fixture.queue.finish(lease, Array(lease.requests[2..<5]))
            _ = try await fixture.queue.heartbeat(worker: .test, tokens: [lease.token], timeToLive: .seconds(900))
            let report = try await report(fixture, patience: 1)
            #expect(report.findings.filter { !Self.checksOfServer.contains($0.check) } == [])
            #expect(report.unchecked == [])
        }
    }

    @Test func `wrong counters are found, and set right beside a worker that is writing`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(count: 200)
            let lease = try await fixture.queue.mustClaim(200)
            try await fixture.queue.finish(lease, Array(lease.requests[0..<10]))
            try await fixture.integers(
                "UPDATE octavo.batches SET done = 3, failed = 2, completion_tokens = 0 WHERE id = \(id)")
            let finding = try #require(try await report(fixture).findings.first)
            #expect(finding.check == "counters" && finding.severity == .error && finding.isRepairable)
            #expect(
                finding.message.hasPrefix("batch \(id) counts 3 finished, 2 failed, 1000 prompt tokens, 0 new tokens"))
            let writer = fixture.anotherQueue()
            async let writing: Void = {
                for request in lease.requests[10..<150] { try await writer.finish(lease, [request]) }
            }()
            for _ in 0..<20 { try await fixture.queue.repair(finding) }
            try await writing
            #expect(try await findings(fixture, "counters", "lost-requests") == [])
            #expect(try await fixture.queue.batchSummary(id).done == 150)
            try await fixture.queue.finish(lease)
            #expect(try await fixture.queue.batchSummary(id).state == .completed)
            try await fixture.expectConsistent()
        }
    }

    @Test func `lost requests are found and queued again, once, beside claims`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(count: 50)
            let lease = try await fixture.queue.mustClaim(10)
            try await fixture.queue.finish(lease, Array(lease.requests[0..<5]))
            // As if somebody had tidied up by hand.
            try await fixture.integers("DELETE FROM octavo.leases WHERE token = \(lease.token)")
            try await fixture.integers("UPDATE octavo.segments SET next_position = next_position + 3")
            let finding = try #require(try await report(fixture).findings.first)
            #expect(finding.check == "lost-requests")
            #expect(finding.message.hasPrefix("8 requests of batch \(id) are neither"))
            let others = (0..<4).map { _ in fixture.anotherQueue() }
            let claimed = try await withThrowingTaskGroup(of: Int.self) { group in
                for other in others {
                    group.addTask {
                        try await other.repair(finding)
                        var count = 0
                        while let lease = try await other.claim(5) { count += lease.requests.count }
                        return count
                    }
                }
                return try await group.reduce(0, +)
            }
            // A claim may take less than it asked for, as it passes over segments that another has in hand; but together
            // they take all that is unfinished, once.
            #expect(claimed == 45)
            try await fixture.expectConsistent()
            while let lease = try await fixture.queue.claim(50) { try await fixture.queue.finish(lease) }
            try await fixture.expireLeases()
            try await fixture.queue.reap(limit: 10)
            while let lease = try await fixture.queue.claim(50) { try await fixture.queue.finish(lease) }
            #expect(try await fixture.queue.batchSummary(id).state == .completed)
            #expect(try await findings(fixture, "counters", "lost-requests") == [])
        }
    }

    @Test func `work that nobody does is found`() async throws {
        try await QueueFixture.withQueue { fixture in
            let queue = fixture.queue
            var overdue = QueueFixture.newBatch("overdue")
            overdue.deadline = .at(0)
            _ = try await queue.attach(overdue)
            let id = try await fixture.addBatch(QueueFixture.newBatch("lonely", model: "llama-9"), lengths: [5, 5])
            let deleted = try await fixture.addBatch("deleted", count: 1)
            try await fixture.integers("UPDATE octavo.batches SET state = 5 WHERE id = \(deleted)")
            _ = try #require(try await queue.claim(1, models: ["llama-9"]))
            try await fixture.expireLeases()
            // A worker that serves another model is no help.
            _ = try await queue.heartbeat(worker: .test, tokens: [], timeToLive: .seconds(1))
            try await fixture.integers(
                "UPDATE octavo.batches SET state = 0, is_expired = false, completed_at = NULL WHERE name = 'overdue'")
            let report = try await report(fixture)
            let work = report.findings.map(\.check).filter { !Self.checksOfServer.contains($0) }
            #expect(
                work == [
                    "expired-leases", "overdue-batches", "unserved-batches", "unfinished-loading",
                    "unfinished-deletion",
                ])
            #expect(
                report.findings.contains {
                    $0.message.contains("serves llama-9") && $0.remedy.contains("octavo worker")
                })
            for finding in report.findings { try await queue.repair(finding) }
            #expect(try await findings(fixture, "expired-leases", "overdue-batches", "unfinished-loading") == [])
            #expect(try await queue.claim(9, models: ["llama-9"])?.requests.count == 1)
            #expect(try await queue.batchSummary(id).state == .active)
        }
    }

    @Test func `workers of another version or fingerprint are found`() async throws {
        try await QueueFixture.withQueue { fixture in
            var beat = WorkerBeat.test
            _ = try await fixture.queue.heartbeat(worker: beat, tokens: [], timeToLive: .seconds(1))
            #expect(try await findings(fixture, "worker-versions", "fingerprints") == [])
            (beat.name, beat.program, beat.fingerprint) = ("other", "octavo 0.0.1", "g")
            _ = try await fixture.queue.heartbeat(worker: beat, tokens: [], timeToLive: .seconds(1))
            let found = try await report(fixture).findings.filter {
                ["worker-versions", "fingerprints"].contains($0.check)
            }
            #expect(found.map(\.check) == ["worker-versions", "fingerprints"])
            #expect(found[0].message == "1 workers run octavo 0.0.1 and this is octavo test: other")
            #expect(found[1].message.hasPrefix("the workers of llama have 2 fingerprints"))
        }
    }

    @Test func `transactions without end, and tables without vacuum, are found`() async throws {
        try await QueueFixture.withQueue { fixture in
            let session = try PostgresSession(
                PostgresConfiguration(connectionString: fixture.url, applicationName: "idler"))
            try session.execute("BEGIN; CREATE TABLE public.prepared (); PREPARE TRANSACTION 'left behind'")
            try session.execute(
                "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM octavo.batches; SELECT txid_current()")
            try await fixture.integers("SELECT 1 FROM (SELECT pg_sleep(0.05)) AS s")
            try await fixture.connection.run { session in
                try session.execute("ALTER TABLE octavo.results SET (autovacuum_enabled = false)")
            }
            let found = try await report(fixture).findings
            let messages = found.filter { $0.check.hasSuffix("transactions") || $0.check == "autovacuum" }.map(
                \.message)
            #expect(
                messages.contains { $0.hasPrefix("the transaction 'left behind' of octavo has been prepared since") })
            #expect(messages.contains { $0.contains("(idler, idle in transaction) has had a transaction open for") })
            #expect(messages.contains("autovacuum is off for octavo.results"))
            #expect(found.map(\.severity) == found.map(\.severity).sorted(by: >))
            try session.execute("ROLLBACK")
            try session.execute("ROLLBACK PREPARED 'left behind'")
        }
    }
}
