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
                let tallies = try await run(disturbance, group: group, processes: processes)
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
        _ disturbance: Disturbance, group: Int, processes: Int
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
                let seconds = try await Self.seconds {
                    try database.cluster?.stop()
                    _ = try database.cluster?.start()
                }
                report.line("queue server away", [("disturbance", disturbance.rawValue)], value: seconds, unit: "s")
            case .terminate: try await terminateUntilDone()
            }
        }
    }

    /// Kills one connection each second while requests wait.
    private func terminateUntilDone() async throws {
        while try await killConnection() { try await Task.sleep(for: .seconds(1)) }
    }

    /// Kills a connection of a client; false when no request waits.
    private func killConnection() async throws -> Bool {
        try await connection.run { session in
            let isBusy = try session.query("SELECT EXISTS (SELECT FROM octavo.segments)").only().bool(0)
            if isBusy {
                try session.query(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE datname = current_database() AND pid <> pg_backend_pid() AND query ~ '(claim|finish)_v'
                     ORDER BY random() LIMIT 1
                    """)
            }
            return isBusy
        }
    }
}
