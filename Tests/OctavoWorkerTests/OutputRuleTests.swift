import OctavoCore
import OctavoPostgres
import OctavoQueue
import OctavoTestSupport
import OctavoWorker
import Testing

/// What workers make of answers that break their batch's rules.
@Suite struct OutputRuleTests {
    /// A batch of letters, whose answers must be as `retry` says.
    private func addBatch(_ fixture: WorkerFixture, _ name: String, retry: String, count: Int) async throws -> Int64 {
        let bodies = (1...count).map { WorkerFixture.body("p\($0)", tokens: 12) }
        let id = try await fixture.addBatch(name, bodies: bodies)
        try await fixture.connection.run { session in
            try session.execute("UPDATE octavo.batches SET job = '{\"retry\": \(retry)}' WHERE id = \(id)")
        }
        return id
    }

    /// Lets retries begin at once.
    private func hurry(_ fixture: WorkerFixture) async throws {
        try await fixture.connection.run { session in
            try session.execute("UPDATE octavo.segments SET available_at = clock_timestamp()")
        }
    }

    /// Works until nothing is left, sparing the pauses before retries.
    private func drain(_ fixture: WorkerFixture) async throws {
        let worker = Task { try await fixture.makeWorker().run() }
        let hurrier = Task {
            while !Task.isCancelled {
                try await hurry(fixture)
                try await Task.sleep(for: .milliseconds(50))
            }
        }
        defer { hurrier.cancel() }
        try await worker.value
    }

    @Test func `an answer that breaks the rules is tried again, and then has failed`() async throws {
        try await WorkerFixture.withDatabase { fixture in
            let batch = try await addBatch(fixture, "b", retry: #"{"when": ["length"], "attempts": 2}"#, count: 3)
            try await drain(fixture)
            try await fixture.expectEverythingEndedOnce()
            #expect(try await fixture.answers(batch) == [:])
            let attempts = try await fixture.integers("SELECT attempts FROM octavo.failures WHERE is_final")
            #expect(attempts == [3, 3, 3])
            let kinds = try await fixture.strings("SELECT DISTINCT kind || ' ' || error FROM octavo.failures")
            #expect(kinds.count == 1 && kinds.first?.contains("cut off at max_tokens") == true, "\(kinds)")
            #expect(kinds.first?.hasPrefix("output_rejected") == true)
        }
    }

    @Test func `each attempt has a seed of its own, the same in every run`() async throws {
        func run() async throws -> (plain: [String: String], kept: [String: String]) {
            try await WorkerFixture.withDatabase { fixture in
                let plain = try await addBatch(
                    fixture, "plain", retry: #"{"when": ["empty"], "attempts": 1}"#, count: 4)
                let kept = try await addBatch(
                    fixture, "kept", retry: #"{"when": ["length"], "attempts": 1, "then": "keep"}"#, count: 4)
                try await drain(fixture)
                try await fixture.expectEverythingEndedOnce()
                return (try await fixture.answers(plain), try await fixture.answers(kept))
            }
        }
        let first = try await run()
        #expect(first.plain.count == 4 && first.kept.count == 4)
        for (name, answer) in first.kept { #expect(answer != first.plain[name]) }
        let second = try await run()
        #expect(first.plain == second.plain)
        #expect(first.kept == second.kept)
    }
}
