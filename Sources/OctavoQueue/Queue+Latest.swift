import OctavoPostgres

/// An answer of the last minute.
public struct LatestAnswer: Sendable, Hashable {
    /// The batch.
    public var batch: Int64
    /// The user's name of the request.
    public var customID: String
    /// The response's JSON.
    public var body: String
}

extension Queue {
    /// Answers of the last minute, newest first; none for a role that may not read answers.
    ///
    /// - Parameter batch: the only batch that counts; nil for all.
    public func latestAnswers(batch: Int64?, atMost count: Int) async throws -> [LatestAnswer] {
        try await perform { session in
            guard try session.row(MayReadAnswers()) else { return [] }
            return try session.transaction { session in
                // A planner without statistics of the last minute expects a third of all results in it.
                try session.execute("SET LOCAL enable_seqscan = off", name: "ForbidSequentialScans")
                return try session.rows(ReadLatestAnswers(batch: batch, count: count))
            }
        }
    }

    /// The batches whose requests each worker holds, by the worker's name.
    public func batchesOfWorkers() async throws -> [String: [Int64]] {
        let pairs = try await rows(ReadBatchesOfWorkers())
        return Dictionary(grouping: pairs, by: \.worker).mapValues { $0.map(\.batch).sorted() }
    }
}

private struct MayReadAnswers: Statement {
    static let sql = "SELECT has_column_privilege('octavo.results', 'body', 'SELECT')"

    static func decode(_ row: PostgresRow) throws -> Bool { try row.bool(0) }
}

private struct ReadLatestAnswers: Statement {
    static let sql = """
        SELECT r.batch_id, q.custom_id, r.body
          FROM (SELECT batch_id, position, finished_at, body FROM octavo.results
                 WHERE finished_at > now() - interval '1 minute' AND ($1::bigint IS NULL OR batch_id = $1)
                 ORDER BY finished_at DESC LIMIT $2) AS r
          JOIN octavo.requests q ON q.batch_id = r.batch_id AND q.position = r.position
         ORDER BY r.finished_at DESC
        """
    var batch: Int64?
    var count: Int

    var parameters: [PostgresValue] { [.optional(batch, PostgresValue.int), .int(count)] }

    static func decode(_ row: PostgresRow) throws -> LatestAnswer {
        LatestAnswer(batch: Int64(try row.int(0)), customID: try row.string(1), body: try row.string(2))
    }
}

private struct ReadBatchesOfWorkers: Statement {
    static let sql = """
        SELECT DISTINCT l.worker, r.batch_id FROM octavo.leases l JOIN octavo.lease_ranges r ON r.token = l.token
        """

    static func decode(_ row: PostgresRow) throws -> (worker: String, batch: Int64) {
        (try row.string(0), Int64(try row.int(1)))
    }
}
