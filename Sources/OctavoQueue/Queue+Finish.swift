import OctavoPostgres

/// An answer.
public struct FinishedRequest: Sendable {
    /// The request.
    public var key: RequestKey
    /// Why generation ended: 0 stop, 1 length, 2 content filter, 3 tool calls.
    public var finishReason: Int16
    /// Tokens of the prompt.
    public var promptTokens: Int
    /// Tokens generated, over all choices.
    public var completionTokens: Int
    /// The response's body: JSON in UTF-8.
    public var body: [UInt8]
    /// Under what it is remembered for identical requests; `nil` if it is not to be.
    public var identity: AnswerIdentity?
    /// What it took; nil if nobody measured.
    public var timing: ResultTiming?

    /// Makes an answer.
    public init(
        key: RequestKey, finishReason: Int16, promptTokens: Int, completionTokens: Int, body: [UInt8],
        identity: AnswerIdentity? = nil,
        timing: ResultTiming? = nil
    ) {
        self.key = key
        self.finishReason = finishReason
        self.promptTokens = promptTokens
        self.completionTokens = completionTokens
        self.body = body
        self.identity = identity
        self.timing = timing
    }
}

/// A checkpoint to be saved together with results.
public struct Checkpoint: Sendable {
    /// Rises with each checkpoint of the lease.
    public var sequence: Int
    /// Tokens generated since the last one, of requests that are not finished.
    public var entries: [CheckpointEntry]

    /// Makes a checkpoint.
    public init(sequence: Int, entries: [CheckpointEntry]) {
        self.sequence = sequence
        self.entries = entries
    }
}

/// What became of results that were sent.
public struct FinishOutcome: Sendable, Hashable {
    /// Stored now.
    public var accepted: Int
    /// Stored before, by an earlier call under the same lease whose reply was lost.
    public var already: Int
    /// Whether the lease was reaped, and nothing stored. What is neither accepted nor stored already under a lease that
    /// stands was refused: its batch was cancelled, or it had failed.
    public var isFenced: Bool

    /// Makes a value.
    public init(accepted: Int, already: Int, isFenced: Bool) {
        self.accepted = accepted
        self.already = already
        self.isFenced = isFenced
    }
}

extension Queue {
    /// Stores results under a lease, in one round trip and one transaction, and renews the lease; the lease ends when
    /// nothing of it is left.
    ///
    /// - Parameter checkpoint: saved in the same transaction, so that no moment exists in which a request is neither
    ///   finished nor in progress.
    public func finish(
        token: Int64, _ results: [FinishedRequest], checkpoint: Checkpoint? = nil, timeToLive: Duration
    ) async throws -> FinishOutcome {
        try await row(
            FinishRequests(
                token: token, results: results.sorted { $0.key < $1.key }, checkpoint: checkpoint,
                timeToLive: timeToLive))
    }
}

private struct FinishRequests: Statement {
    static let sql = timing(
        "octavo.finish_v2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        by: "unnest($11::bigint[], $12::integer[], $13::float8[], $14::float8[])")
    var token: Int64
    var results: [FinishedRequest]
    var checkpoint: Checkpoint?
    var timeToLive: Duration

    var parameters: [PostgresValue] {
        [
            .int(token), .double(timeToLive.seconds),
            .int8Array(results.map(\.key.batchID)), .int4Array(results.map(\.key.position)),
            .int2Array(results.map(\.finishReason)),
            .int4Array(results.map { Int32(clamping: $0.promptTokens) }),
            .int4Array(results.map { Int32(clamping: $0.completionTokens) }),
            .utf8Array(results.map(\.body)),
            .optional(checkpoint) { .int32(Int32(clamping: $0.sequence)) },
            .optional(checkpoint) { .bytes(CheckpointBlob.encode($0.entries)) },
            .int8Array(timed.map(\.key.batchID)), .int4Array(timed.map(\.key.position)),
            .doubleArray(timed.map(\.timing.computing)), .doubleArray(timed.map(\.timing.coreSeconds)),
        ]
    }

    private var timed: [(key: RequestKey, timing: ResultTiming)] {
        results.compactMap { result in result.timing.map { (result.key, $0) } }
    }

    static func decode(_ row: PostgresRow) throws -> FinishOutcome {
        FinishOutcome(
            accepted: try row.int("accepted"), already: try row.int("already"), isFenced: try row.bool("is_fenced"))
    }
}

extension Statement where Row == FinishOutcome {
    /// A call that stores results, and beside them what they took if any of them is accepted now: repeated after a lost
    /// reply, it stores neither again. The lease is read as it was before, since it may end with this.
    ///
    /// - Parameter times: rows of batch, position, seconds of computing and core-seconds.
    static func timing(_ call: String, by times: String) -> String {
        """
        WITH outcome AS MATERIALIZED (SELECT * FROM \(call)),
        timed AS (
            INSERT INTO octavo.timings (batch_id, token, queue_seconds, positions, compute_seconds, core_seconds)
            SELECT b.id, $1,
                   greatest(date_part('epoch', min(l.claimed_at) - coalesce(b.activated_at, min(l.claimed_at))), 0),
                   array_agg(u.position), array_agg(u.compute_seconds::real), array_agg(u.core_seconds::real)
              FROM outcome
              JOIN octavo.leases l ON l.token = $1 AND outcome.accepted > 0
             CROSS JOIN \(times) AS u (batch_id, position, compute_seconds, core_seconds)
              JOIN octavo.batches b ON b.id = u.batch_id AND b.state IN (1, 2)
             GROUP BY b.id)
        SELECT accepted, already, is_fenced FROM outcome
        """
    }
}
