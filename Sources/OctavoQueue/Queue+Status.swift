import OctavoPostgres

extension Queue {
    /// How far a batch is, or all batches, oldest first.
    ///
    /// - Throws: `QueueError.noSuchBatch`; `PostgresError`.
    public func status(batch: Int64? = nil) async throws -> [BatchStatus] {
        let statuses = try await perform { session in
            try session.transaction { session in
                // A planner without statistics of the last minute expects a third of all results in it.
                try session.execute("SET LOCAL enable_seqscan = off", name: "ForbidSequentialScans")
                let kinds = Dictionary(grouping: try session.rows(CountFailureKinds(batch: batch)), by: \.batch)
                return try session.rows(ReadStatus(batch: batch)).map { status in
                    var status = status
                    status.failureKinds = kinds[status.summary.id]?.map(\.kind) ?? []
                    return status
                }
            }
        }
        if let batch, statuses.isEmpty { throw QueueError.noSuchBatch("\(batch)", existing: []) }
        return statuses
    }

    /// A batch's counters.
    ///
    /// - Throws: `QueueError.noSuchBatch`; `PostgresError`.
    public func batchSummary(_ id: Int64) async throws -> BatchSummary {
        guard let summary = try await rows(ReadSummary(batch: id)).first else {
            throw QueueError.noSuchBatch("\(id)", existing: [])
        }
        return summary
    }

    /// The workers that reported themselves within a day and did not retire.
    public func workers() async throws -> [WorkerStatus] {
        try await rows(ReadWorkers())
    }
}

private struct ReadSummary: Statement {
    static let columns = """
        b.id, b.name, b.source, b.model, \(BatchState.sql), b.priority, b.weight, greatest(b.total, b.loaded_rows) AS total, b.done,
        b.failed, b.reused, b.prompt_tokens, b.completion_tokens,
        (SELECT count(*) FROM octavo.windows w WHERE w.batch_id = b.id) AS windows,
        extract(epoch FROM b.created_at)::float8 AS created_at,
        extract(epoch FROM b.started_at)::float8 AS started_at,
        extract(epoch FROM b.completed_at)::float8 AS completed_at,
        extract(epoch FROM b.deadline_at)::float8 AS deadline_at,
        extract(epoch FROM clock_timestamp())::float8 AS read_at
        """
    static let sql = "SELECT \(columns) FROM octavo.batches b WHERE b.id = $1"
    var batch: Int64

    var parameters: [PostgresValue] { [.int(batch)] }

    static func decode(_ row: PostgresRow) throws -> BatchSummary {
        BatchSummary(
            id: Int64(try row.int("id")), name: try row.string("name"), source: try row.string("source"),
            model: try row.optionalString("model"), state: try row.batchState("state"),
            priority: try row.int("priority"), total: try row.int("total"), done: try row.int("done"),
            failed: try row.int("failed"), reused: try row.int("reused"), windows: try row.int("windows"),
            promptTokens: Int64(try row.int("prompt_tokens")),
            completionTokens: Int64(try row.int("completion_tokens")), createdAt: try row.double("created_at"),
            startedAt: try row.optionalDouble("started_at"), completedAt: try row.optionalDouble("completed_at"),
            deadlineAt: try row.optionalDouble("deadline_at"), weight: try row.int("weight"),
            readAt: try row.double("read_at"))
    }
}

/// The counters, and what has to be counted: the requests within leases less those already finished, failures that are
/// not final, and the results of the last minute. The first minute of a batch counts for what it is. Only now() can be
/// looked for in an index: clock_timestamp() might change from row to row.
private struct ReadStatus: Statement {
    static let sql = """
        WITH recent AS (
            SELECT r.batch_id, count(*) AS requests, sum(r.completion_tokens) AS tokens
              FROM octavo.results r WHERE r.finished_at > now() - interval '1 minute'
             GROUP BY r.batch_id)
        SELECT \(ReadSummary.columns),
               (SELECT coalesce(sum(r.end_position - r.first_position - (
                        SELECT count(*) FROM octavo.results x
                         WHERE x.batch_id = r.batch_id
                           AND x.position >= r.first_position AND x.position < r.end_position)), 0)::bigint
                  FROM octavo.lease_ranges r WHERE r.batch_id = b.id) AS leased,
               (SELECT count(*) FROM octavo.failures f
                 WHERE f.batch_id = b.id AND NOT f.is_final
                   AND NOT EXISTS (SELECT FROM octavo.results x
                                    WHERE x.batch_id = f.batch_id AND x.position = f.position)) AS retrying,
               coalesce(n.requests / span.seconds, 0)::float8 AS requests_per_second,
               coalesce(n.tokens / span.seconds, 0)::float8 AS tokens_per_second
          FROM octavo.batches b
          LEFT JOIN recent n ON n.batch_id = b.id
         CROSS JOIN LATERAL (
            SELECT least(60, greatest(1, extract(epoch FROM clock_timestamp() - b.started_at))) AS seconds) AS span
         WHERE $1::bigint IS NULL OR b.id = $1
         ORDER BY b.id
        """
    var batch: Int64?

    var parameters: [PostgresValue] { [.optional(batch, PostgresValue.int)] }

    static func decode(_ row: PostgresRow) throws -> BatchStatus {
        BatchStatus(
            summary: try ReadSummary.decode(row), leased: try row.int("leased"), retrying: try row.int("retrying"),
            requestsPerSecond: try row.double("requests_per_second"),
            tokensPerSecond: try row.double("tokens_per_second"), failureKinds: [])
    }
}

private struct CountFailureKinds: Statement {
    static let sql = """
        SELECT * FROM (
            SELECT batch_id, kind, count(*) AS count, min(error) AS example,
                   row_number() OVER (PARTITION BY batch_id ORDER BY count(*) DESC, kind) AS rank
              FROM octavo.failures WHERE is_final AND ($1::bigint IS NULL OR batch_id = $1)
             GROUP BY batch_id, kind) AS ranked
         WHERE rank <= 5 ORDER BY batch_id, rank
        """
    var batch: Int64?

    var parameters: [PostgresValue] { [.optional(batch, PostgresValue.int)] }

    static func decode(_ row: PostgresRow) throws -> (batch: Int64, kind: BatchStatus.FailureKind) {
        let kind = BatchStatus.FailureKind(
            kind: try row.string("kind"), count: try row.int("count"), example: try row.string("example"))
        return (Int64(try row.int("batch_id")), kind)
    }
}

private struct ReadWorkers: Statement {
    static let sql = """
        SELECT name, host, pid, models, fingerprint, program, tokens_per_second, requests,
               extract(epoch FROM started_at)::float8 AS started_at,
               extract(epoch FROM clock_timestamp() - seen_at)::float8 AS seconds_since_seen
          FROM octavo.workers WHERE seen_at > clock_timestamp() - interval '1 day' ORDER BY name
        """

    static func decode(_ row: PostgresRow) throws -> WorkerStatus {
        WorkerStatus(
            name: try row.string("name"), host: try row.string("host"), processID: try row.int("pid"),
            models: try row.stringArray("models"), fingerprint: try row.string("fingerprint"),
            startedAt: try row.double("started_at"), secondsSinceSeen: try row.double("seconds_since_seen"),
            tokensPerSecond: try row.double("tokens_per_second"), currentRequests: try row.int("requests"),
            program: try row.string("program"))
    }
}
