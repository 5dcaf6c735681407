public import OctavoCore
import OctavoPostgres

/// The requests of a batch as a forecast needs them.
public struct BatchSample: Sendable {
    /// All of them, or a fair sample.
    public var requests: [ObservedRequest]
    /// How many requests each of them stands for.
    public var scale: Double
}

extension Queue {
    /// How large a batch's requests are, and how far their answers: of all, or, of a large batch, of runs of neighbors
    /// spread evenly over it. Positions go by length, so that such runs have all lengths.
    ///
    /// Answers that go on are known by their checkpoints, where the role may read these.
    ///
    /// - Parameter count: about how many requests to read at most.
    /// - Complexity: O(`count`), whatever the size of the batch.
    public func sample(of batch: BatchSummary, atMost count: Int = 1 << 14) async throws -> BatchSample {
        let runs = max(1, count / SampleRequests.runLength)
        let stride = max(SampleRequests.runLength, (batch.total + runs - 1) / runs)
        let (rows, progress) = try await perform { session in
            try session.transaction { session in
                try session.execute(Self.indexesOnly, name: "ForbidOtherPlans")
                let mayRead = try session.row(MayReadCheckpoints())
                let progress = HeldProgress(mayRead ? try session.rows(LoadHeldCheckpoints(batch: batch.id)) : [])
                return (
                    try session.rows(SampleRequests(batch: batch.id, total: batch.total, stride: stride)), progress
                )
            }
        }
        let requests = SampledRow.requests(rows) { position in
            progress.tokens(of: RequestKey(batchID: batch.id, position: position))
        }
        return BatchSample(
            requests: requests, scale: rows.isEmpty ? 1 : Double(batch.total) / Double(rows.count))
    }

    /// What lately finished requests of a model were like, newest first: how long their prompts, limits and answers.
    ///
    /// - Parameter models: the model's names; requests of batches for any model count as well.
    public func recentAnswers(models: [String], atMost count: Int = 8192) async throws -> [ObservedRequest] {
        try await withIndexesOnly { try $0.rows(ReadRecentAnswers(models: models, count: count)) }
    }

    /// Sums over lately finished requests of a model, of which the cost of a token can be told; nil if none was timed.
    ///
    /// - Parameter batch: the only batch that counts; nil for all of the model's.
    public func recentTimes(models: [String], batch: Int64? = nil) async throws -> TimeSums? {
        try await withIndexesOnly { try $0.rows(SumRecentTimes(models: models, batch: batch)).first }
    }

    /// What plans may be where statistics know nothing of a batch yet.
    private static let indexesOnly = """
        SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
        SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off
        """

    private func withIndexesOnly<T: Sendable>(
        _ body: @escaping @Sendable (PostgresSession) throws -> T
    ) async throws -> T {
        try await perform { session in
            try session.transaction { session in
                try session.execute(Self.indexesOnly, name: "ForbidOtherPlans")
                return try body(session)
            }
        }
    }
}

/// How far answers are that somebody is computing.
private struct HeldProgress: Sendable {
    private var collector = ProgressCollector()
    /// What an answer has grown by since its last checkpoint, on average: by half of what a checkpoint adds.
    private var growth = 0

    /// Takes checkpoints in the order in which they were written.
    init(_ blobs: [[UInt8]]) {
        for blob in blobs { collector.add(blob) }
        let entries = blobs.flatMap { CheckpointBlob.decode($0) ?? [] }
        guard !entries.isEmpty else { return }
        growth = entries.reduce(0) { $0 + $1.tokens.count } / (2 * entries.count)
    }

    /// The tokens of all choices; 0 for a request that is not known to be begun.
    func tokens(of key: RequestKey) -> Int {
        collector.progress(of: key).reduce(0) { $0 + $1.tokens.count + growth }
    }
}

/// Sums over requests of products of the tokens of prompt and answer, and the core-seconds they took.
public struct TimeSums: Sendable, Hashable {
    /// Requests.
    public var count: Int
    /// Prompt by prompt.
    public var promptPrompt: Double
    /// Prompt by answer.
    public var promptAnswer: Double
    /// Answer by answer.
    public var answerAnswer: Double
    /// Prompt by core-seconds.
    public var promptTime: Double
    /// Answer by core-seconds.
    public var answerTime: Double
}

/// A request of a sample.
private struct SampledRow: Sendable {
    var position: Int32
    /// As it was loaded, perhaps in bytes.
    var loadedTokens: Int
    var limit: Int
    /// As the worker counted them.
    var promptTokens: Int?
    var completionTokens: Int?
    var hasFailed: Bool

    /// The sizes, with prompts that were measured in bytes brought to tokens by those that are answered.
    static func requests(_ rows: [SampledRow], tokensGenerated: (Int32) -> Int) -> [ObservedRequest] {
        let known = rows.filter { $0.promptTokens != nil && $0.loadedTokens > 0 }
        let loaded = known.reduce(0) { $0 + $1.loadedTokens }
        let counted = known.reduce(0) { $0 + ($1.promptTokens ?? 0) }
        let ratio = loaded > 0 ? Double(counted) / Double(loaded) : 1
        return rows.map { row in
            var request = ObservedRequest(
                promptTokens: Int((Double(row.loadedTokens) * ratio).rounded()), limit: row.limit)
            if let tokens = row.completionTokens {
                request.progress = .finished(tokens: tokens)
            } else if row.hasFailed {
                request.progress = .failed
            } else {
                let tokens = tokensGenerated(row.position)
                if tokens > 0 { request.progress = .running(tokens: min(tokens, row.limit)) }
            }
            return request
        }
    }
}

/// Runs of neighbors, each in the middle of a stride. The limit has the index read once for each run; a range would be
/// joined with the whole batch.
private struct SampleRequests: Statement {
    static let runLength = 16
    static let sql = """
        SELECT q.position, q.prompt_tokens, q.max_new_tokens, r.prompt_tokens, r.completion_tokens,
               f.position IS NOT NULL
          FROM generate_series(($3 - \(runLength)) / 2, $2 - 1, $3) AS run (first)
         CROSS JOIN LATERAL (
            SELECT position, prompt_tokens, max_new_tokens FROM octavo.requests
             WHERE batch_id = $1 AND position >= run.first
             ORDER BY batch_id, position LIMIT \(runLength)) AS q
          LEFT JOIN octavo.results r ON r.batch_id = $1 AND r.position = q.position
          LEFT JOIN octavo.failures f ON f.batch_id = $1 AND f.position = q.position AND f.is_final
        """
    var batch: Int64
    var total: Int
    var stride: Int

    var parameters: [PostgresValue] { [.int(batch), .int(total), .int(stride)] }

    static func decode(_ row: PostgresRow) throws -> SampledRow {
        SampledRow(
            position: Int32(clamping: try row.int(0)), loadedTokens: try row.int(1), limit: try row.int(2),
            promptTokens: try row.optionalInt(3), completionTokens: try row.optionalInt(4),
            hasFailed: try row.bool(5))
    }
}

/// Checkpoints hold answers, so that not every role may read them.
private struct MayReadCheckpoints: Statement {
    static let sql = "SELECT has_table_privilege('octavo.checkpoints', 'SELECT')"

    static func decode(_ row: PostgresRow) throws -> Bool { try row.bool(0) }
}

/// Those of a batch's leases, in the order in which they were written.
private struct LoadHeldCheckpoints: Statement {
    static let sql = """
        SELECT c.progress FROM octavo.checkpoints c
         WHERE c.token = ANY (ARRAY (SELECT token FROM octavo.lease_ranges WHERE batch_id = $1
                                     UNION SELECT unnest(previous) FROM octavo.lease_ranges WHERE batch_id = $1))
         ORDER BY c.token, c.sequence
        """
    var batch: Int64

    var parameters: [PostgresValue] { [.int(batch)] }

    static func decode(_ row: PostgresRow) throws -> [UInt8] { try row.bytes(0) }
}

/// Of the eight newest batches; within each, of its last leases.
private struct ReadRecentAnswers: Statement {
    static let sql = """
        SELECT r.prompt_tokens, q.max_new_tokens, r.completion_tokens
          FROM (SELECT id FROM octavo.batches WHERE model = ANY ($1) OR model IS NULL
                 ORDER BY id DESC LIMIT 8) AS b
         CROSS JOIN LATERAL (
            SELECT batch_id, position, prompt_tokens, completion_tokens FROM octavo.results
             WHERE batch_id = b.id LIMIT $2) AS r
          JOIN octavo.requests q ON q.batch_id = r.batch_id AND q.position = r.position
         LIMIT $2
        """
    var models: [String]
    var count: Int

    var parameters: [PostgresValue] { [.textArray(models), .int(count)] }

    static func decode(_ row: PostgresRow) throws -> ObservedRequest {
        ObservedRequest(
            promptTokens: try row.int(0), limit: try row.int(1), progress: .finished(tokens: try row.int(2)))
    }
}

/// Of the last writes of the eight newest batches.
private struct SumRecentTimes: Statement {
    static let sql = """
        SELECT count(*), coalesce(sum(p * p), 0), coalesce(sum(p * a), 0), coalesce(sum(a * a), 0),
               coalesce(sum(p * t), 0), coalesce(sum(a * t), 0)
          FROM (SELECT r.prompt_tokens::float8 AS p, r.completion_tokens::float8 AS a, u.core_seconds::float8 AS t
                  FROM (SELECT id FROM octavo.batches
                         WHERE id = $2 OR $2::bigint IS NULL AND (model = ANY ($1) OR model IS NULL)
                         ORDER BY id DESC LIMIT 8) AS b
                 CROSS JOIN LATERAL (
                    SELECT token, positions, core_seconds FROM octavo.timings
                     WHERE batch_id = b.id ORDER BY token DESC LIMIT 100) AS w
                 CROSS JOIN LATERAL unnest(w.positions, w.core_seconds) AS u (position, core_seconds)
                  JOIN octavo.results r ON r.batch_id = b.id AND r.position = u.position AND r.token = w.token) AS s
        HAVING count(*) > 0
        """
    var models: [String]
    var batch: Int64?

    var parameters: [PostgresValue] { [.textArray(models), .optional(batch, PostgresValue.int)] }

    static func decode(_ row: PostgresRow) throws -> TimeSums {
        TimeSums(
            count: try row.int(0), promptPrompt: try row.double(1), promptAnswer: try row.double(2),
            answerAnswer: try row.double(3), promptTime: try row.double(4), answerTime: try row.double(5))
    }
}
