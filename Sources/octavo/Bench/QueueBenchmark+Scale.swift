import Foundation
import OctavoCore
import OctavoFiles
import OctavoPostgres
import OctavoQueue

extension QueueBenchmark {
    /// Requests of a lease when claims are timed with many queued, and how many claims those are.
    private static let scaleGroup = 4
    private static let scaleClaims = 2000

    /// How long claims, exports of a window and questions take with so many requests queued, in one batch or several.
    ///
    /// Requests are small: what is measured depends on their number.
    func scale(rows: Int, batches: Int) async throws {
        let which = [("rows", "\(rows)"), ("batches", "\(batches)")]
        let small = QueueWorkload(promptBytes: 20, completionBytes: 200)
        let bench = QueueBenchmark(database, workload: small, runs: runs, report: report, logger: logger)
        var ids: [Int64] = []
        let seconds = try await Self.seconds {
            for _ in 0..<batches { ids.append(try await bench.load(bench.windows(rows / batches))) }
        }
        report.line("queue load", which, value: Double(rows) / seconds, unit: "rows/s")
        if let bytes = ProcessMemory.peak {
            report.line("queue load, peak memory", which, value: Double(bytes) / 0x1p20, unit: "MiB")
        }
        var figures = FinishFigures()
        for _ in 0..<runs {
            let before = try await footprint()
            let tallies = try await QueueClients(url: database.url, workload: small).run(
                1, group: Self.scaleGroup, claims: min(Self.scaleClaims, rows / Self.scaleGroup / runs))
            figures.add(tallies, cost: try await footprint() - before, workload: small)
        }
        figures.reportClaims(which, to: report)
        try await questions(about: ids, rows: rows / batches, which)
        try await clear()
    }

    /// Milliseconds of what people ask.
    private func questions(about ids: [Int64], rows: Int, _ which: [(String, String)]) async throws {
        let batch = ids[ids.count / 2]
        let customID = QueueWorkload.customID(line: rows / 2 + 1)
        try await time("queue status", which) { _ = try await queue.status() }
        try await time("queue status of a batch", which) { _ = try await queue.status(batch: batch) }
        try await time("queue request_states by custom_id", which) {
            let states = try await connection.run { session in
                try session.query(
                    "SELECT state FROM octavo.request_states WHERE batch_id = $1 AND custom_id = $2",
                    [.int(batch), .text(customID)]
                ).count
            }
            guard states == 1 else { throw CommandFailure(.internalError, "\(customID) is \(states) requests") }
        }
        try await time("queue export of a window", which) { _ = try await queue.export(batch: batch, window: 0) }
    }

    private func time(_ name: String, _ which: [(String, String)], _ body: () async throws -> Void) async throws {
        var samples: [Double] = []
        for _ in 0..<max(runs, 5) { samples.append(1000 * (try await Self.seconds(body))) }
        report.line(name, which, samples: samples, unit: "ms")
    }
}
