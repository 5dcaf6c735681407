import Foundation
import OctavoTestSupport
import Testing

/// Steps of decoding, counted by a program of their own, as the counter takes the allocator's place.
@Suite struct AllocationTests {
    /// What the event that tells of a step can ask for, in `AsyncStream` and Dispatch.
    private static let event = 6

    @Test func `a step of decoding asks for memory for its event alone, whatever its rows sample by`() async throws {
        let counts = try await allocations(rows: 32, threads: 1)
        // Where the events are heard late, what keeps them grows at times.
        let usual = counts.count { $0 <= Self.event }
        #expect(counts.count == 50 && usual >= 40, "\(counts)")
    }

    /// Closures that are lent to other threads: for the layers, the logits, choosing tokens, and counting itself.
    private static let lent = 4

    @Test func `on several threads a step asks for what lends it to them, too, but not for each phase`() async throws {
        let counts = try await allocations(rows: 32, threads: 2)
        // A thread may come to choose its first tokens late, in memory that it then keeps.
        let usual = counts.count { $0 <= Self.lent + Self.event }
        #expect(counts.count == 50 && usual >= 40, "\(counts)")
    }

    /// Allocations in each of 50 steps that decode all rows.
    private func allocations(rows: Int, threads: Int) async throws -> [Int] {
        let model = TinyModel(name: "tiny-untied").folder.appending(path: "hf").path()
        let outcome = try await runProcess(
            TestPaths.executable("OctavoAllocations"), [model, "\(rows)", "\(threads)", "50"])
        #expect(outcome.status == 0, "\(outcome.standardError)")
        return try JSONDecoder().decode([Int].self, from: Data(outcome.standardOutput.utf8))
    }
}
