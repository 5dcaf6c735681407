import Foundation
import OctavoPostgres
import OctavoQueue

extension QueueBenchmark {
    /// What happens to the server while clients work.
    enum Disturbance: String, CaseIterable {
        /// Nothing, for comparison.
        case none
        /// The server is stopped and started, once.
        case restart
        /// One connection of a client is killed each second.
        case terminate
        /// A transaction that has written stays open, and holds back vacuum.
        case idleTransaction = "idle-transaction"
    }

    /// Requests per second through each disturbance, as a share of those without.
    ///
    /// - Parameter rows: enough for many seconds, since a restart takes one or two.
    func retain(rows: Int, group: Int, processes: Int) async throws {
        var undisturbed: Double?
        for disturbance in Disturbance.allCases where disturbance != .restart || database.cluster != nil {
            var samples: [Double] = []
            for _ in 0..<runs {
                try await load(windows(rows))
                let tallies = try await run(disturbance, rows: rows, group: group, processes: processes)
                guard tallies.requests == rows else {
                    throw CommandFailure(.internalError, "\(tallies.requests) of \(rows) requests were finished")
                }
                samples.append(Double(rows) / tallies.seconds)
                try await clear()
            }
            report.line(
                "queue finish",
                [("disturbance", disturbance.rawValue), ("group", "\(group)"), ("processes", "\(processes)")],
                samples: samples, unit: "requests/s", ceiling: undisturbed, limit: "undisturbed")
            if disturbance == .none { undisturbed = samples.sorted()[samples.count / 2] }
        }
    }

    private func run(
        _ disturbance: Disturbance, rows: Int, group: Int, processes: Int
    ) async throws -> [QueueClient.Tally] {
        let writer = try PostgresSession(PostgresConfiguration(connectionString: database.url), logger: logger)
        if disturbance == .idleTransaction {
            try writer.execute("BEGIN; CREATE TABLE octavo_bench_idle (); SELECT txid_current()")
        }
        defer { if disturbance == .idleTransaction { try? writer.execute("ROLLBACK") } }
        return try await QueueClients(url: database.url, workload: workload).run(processes, group: group) {
            switch disturbance {
            case .none, .idleTransaction: break
            case .restart:
                try await Task.sleep(for: .seconds(2))
                try database.cluster?.stop()
                _ = try database.cluster?.start()
            case .terminate: try await terminateUntilDone(rows)
            }
        }
    }

    /// Kills one connection each second while requests are unfinished.
    private func terminateUntilDone(_ rows: Int) async throws {
        while try await queue.status().contains(where: { $0.summary.unfinished > 0 }) {
            try await connection.run { session in
                try session.query(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%octavo.%_v%'
                     ORDER BY random() LIMIT 1
                    """)
            }
            try await Task.sleep(for: .seconds(1))
        }
    }
}
