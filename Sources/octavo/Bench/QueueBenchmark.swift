import Foundation
import Logging
import OctavoCore
import OctavoFiles
import OctavoLlama
import OctavoPostgres
import OctavoQueue

/// Measures the queue against a real PostgreSQL: in, through, and out again.
struct QueueBenchmark {
    let database: BenchDatabase
    let workload: QueueWorkload
    let runs: Int
    let report: BenchReport
    let logger: Logger
    let connection: PostgresConnection

    init(_ database: BenchDatabase, workload: QueueWorkload, runs: Int, report: BenchReport, logger: Logger) {
        self.database = database
        self.workload = workload
        self.runs = runs
        self.report = report
        self.logger = logger
        connection = PostgresConnection(PostgresConfiguration(connectionString: database.url), logger: logger)
    }

    var queue: Queue { Queue(connection) }

    /// Rows per second of a file of requests that becomes a batch, and, with an encoder, of its tokenizer alone.
    func enqueue(rows: Int, encoder: (any PromptEncoding)?) async throws {
        let file = database.directory.appending(path: "requests.jsonl")
        try workload.write(lines: rows, to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        for counting in encoder.map({ [nil, $0] }) ?? [nil] {
            var samples: [Double] = []
            for run in 0..<runs {
                var options = EnqueueOptions(files: [file.path])
                options.seed = Int64(run)
                let seconds = try await Self.seconds {
                    _ = try await Enqueuer(options, queue: queue, encoder: counting).run()
                }
                samples.append(Double(rows) / seconds)
                try await clear()
            }
            let alone = counting.map { tokenizerRate($0, rows: rows) }
            report.line(
                "queue enqueue", [("rows", "\(rows)"), ("tokenizer", counting == nil ? "none" : "exact")],
                samples: samples, unit: "rows/s", ceiling: alone, limit: "tokenizer's own speed")
        }
    }

    /// Rows per second of requests that are in memory, checked and counted.
    func load(rows: Int) async throws {
        let windows = Array(windows(rows))
        var samples: [Double] = []
        for _ in 0..<runs {
            let seconds = try await Self.seconds { try await load(windows) }
            samples.append(Double(rows) / seconds)
            try await clear()
        }
        report.line("queue load", [("rows", "\(rows)")], samples: samples, unit: "rows/s")
    }

    /// Requests per second that are leased and finished, by clients that are processes; and what that costs.
    func finish(rows: Int, group: Int, processes: Int) async throws {
        var figures = FinishFigures()
        for _ in 0..<runs {
            try await load(windows(rows))
            let before = try await footprint()
            let tallies = try await QueueClients(url: database.url, workload: workload).run(processes, group: group)
            let after = try await footprint()
            guard tallies.requests == rows else {
                throw CommandFailure(.internalError, "\(tallies.requests) of \(rows) requests were finished")
            }
            figures.add(tallies, cost: after - before, workload: workload)
            try await clear()
        }
        figures.report([("group", "\(group)"), ("processes", "\(processes)")], to: report)
    }

    /// Rows per second of a finished batch that becomes a file.
    func export(rows: Int) async throws {
        let batch = try await load(windows(rows))
        _ = try await QueueClients(url: database.url, workload: workload).run(2, group: 256)
        var samples: [Double] = []
        for _ in 0..<runs {
            let options = ExportOptions(batch: batch, output: database.directory.appending(path: "results.jsonl").path)
            let seconds = try await Self.seconds { _ = try await Exporter(options, queue: queue).run() }
            samples.append(Double(rows) / seconds)
        }
        report.line("queue export", [("rows", "\(rows)")], samples: samples, unit: "rows/s")
        try await clear()
    }
}

// MARK: - Parts

extension QueueBenchmark {
    /// What the server calls itself.
    func serverVersion() async throws -> String {
        try await connection.run { session in
            "PostgreSQL "
                + (try session.query("SELECT split_part(current_setting('server_version'), ' ', 1)").only().string(0))
        }
    }

    /// How long some work takes.
    static func seconds(_ body: () async throws -> Void) async rethrows -> Double {
        let start = ContinuousClock.now
        try await body()
        return (ContinuousClock.now - start) / .seconds(1)
    }

    /// Windows of requests, each made when it is wanted.
    func windows(_ rows: Int) -> some Sequence<[RequestRow]> {
        stride(from: 1, through: rows, by: Queue.maximumWindowRows).lazy.map {
            workload.rows($0..<min($0 + Queue.maximumWindowRows, rows + 1))
        }
    }

    /// Makes a batch of windows, and returns its id.
    @discardableResult
    func load(
        _ windows: some Sequence<[RequestRow]>, name: String = UUID().uuidString, weight: Int = 1
    ) async throws -> Int64 {
        let batch = NewBatch(
            name: name, idempotencyKey: name, fileIdentity: name, seed: 1, weight: weight, source: name)
        let id = try await queue.attach(batch).id
        var rows = 0
        for window in windows {
            try await queue.load(window, into: id, expectedRows: rows, loadedBytes: Int64(rows + window.count))
            rows += window.count
        }
        try await queue.activate(id, total: rows)
        return id
    }

    /// Empties the queue, and gives the server time for what it would do in the background.
    func clear() async throws {
        try await connection.run { session in
            try session.execute(
                """
                TRUNCATE octavo.batches, octavo.requests, octavo.windows, octavo.segments, octavo.leases,
                         octavo.lease_ranges, octavo.lease_log, octavo.results, octavo.failures, octavo.checkpoints;
                CHECKPOINT
                """)
        }
    }

    /// Bytes of WAL written and row versions made obsolete, so far.
    func footprint() async throws -> Footprint {
        try await connection.run { session in
            let row = try session.query(
                """
                SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint,
                       sum(n_tup_upd + n_tup_del)::bigint, sum(n_tup_upd - n_tup_hot_upd + n_tup_del)::bigint
                  FROM pg_stat_user_tables WHERE schemaname = 'octavo'
                """
            ).only()
            return Footprint(wal: try row.int(0), dead: try row.int(1), coldDead: try row.int(2))
        }
    }

    /// Prompts per second that the encoder alone tokenizes, on all processors.
    private func tokenizerRate(_ encoder: any PromptEncoding, rows: Int) -> Double {
        let bodies = (1...rows).compactMap { try? RequestBody.parse(["prompt": .string(workload.prompt(line: $0))]) }
        let threads = ComputeThreads(count: ComputeThreads.availableProcessors)
        let start = ContinuousClock.now
        threads.run { index in
            for place in stride(from: index, to: bodies.count, by: threads.count) {
                _ = try? encoder.encode(bodies[place])
            }
        }
        return Double(bodies.count) / ((ContinuousClock.now - start) / .seconds(1))
    }
}
