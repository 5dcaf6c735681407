import OctavoPostgres

/// How the rows of a batch are deleted beside others' work.
public struct DeletionPace: Sendable {
    /// At most so many requests in a transaction.
    public var chunk: Int
    /// How long the server rests between two transactions, for workers and for vacuum.
    public var pause: Duration

    /// Makes a pace.
    public init(chunk: Int = 10_000, pause: Duration = .zero) {
        self.chunk = chunk
        self.pause = pause
    }
}

extension Queue {
    /// Deletes a batch and all its rows, in steps. From the first on it is being deleted: interrupted, the call can be
    /// repeated, and goes on where it was.
    ///
    /// - Parameter progress: called after each step with the number of requests deleted by this call.
    /// - Throws: `QueueError.noSuchBatch`; `CancellationError`; `PostgresError`.
    public func delete(
        _ batch: Int64, pace: DeletionPace = DeletionPace(), progress: @Sendable (Int) -> Void = { _ in }
    ) async throws {
        guard try await !rows(MarkDeleting(batch: batch, from: BatchState.stored)).isEmpty else {
            throw QueueError.noSuchBatch("\(batch)", existing: try await batchNames())
        }
        try await deleteRows(of: batch, pace: pace, progress: progress)
    }

    /// Deletes a batch whose loading was given up; does nothing to any other.
    public func discard(_ batch: Int64) async throws {
        guard try await !rows(MarkDeleting(batch: batch, from: [.loading])).isEmpty else { return }
        try await deleteRows(of: batch, pace: DeletionPace()) { _ in }
    }

    /// Deletes the rows of a batch that is marked so, the batch itself last.
    private func deleteRows(
        of batch: Int64, pace: DeletionPace, progress: @Sendable (Int) -> Void
    ) async throws {
        precondition(pace.chunk > 0, "a step deletes at least one request")
        while try await forgetAnswers(of: batch, limit: pace.chunk) == pace.chunk {
            try await Task.sleep(for: pace.pause)
        }
        var deleted = 0
        while true {
            let step = try await row(DeleteRows(batch: batch, limit: pace.chunk))
            if step.isGone { return }
            deleted += step.requests
            progress(deleted)
            try await Task.sleep(for: pace.pause)
        }
    }
}

/// Which batches are old enough to be deleted.
public struct Retention: Sendable, Hashable {
    /// Only batches that ended longer ago than this.
    public var age: Duration
    /// The newest so many ended batches are kept, however old.
    public var keptCount: Int
    /// In which states a batch has to be: some of those in which no work is left.
    public var states: Set<BatchState>

    /// The states of batches of which no work is left.
    public static let endedStates: Set<BatchState> = [.completed, .cancelled, .expired]

    /// Makes a rule.
    public init(age: Duration = .zero, keptCount: Int = 0, states: Set<BatchState> = endedStates) {
        precondition(states.isSubset(of: Self.endedStates), "a batch with work left is only deleted by its name")
        self.age = age
        self.keptCount = keptCount
        self.states = states
    }
}

extension Queue {
    /// The batches that a rule gives up, oldest first, those among them whose deletion was interrupted at any age.
    public func prunableBatches(_ retention: Retention) async throws -> [BatchSummary] {
        let ids = try await rows(FindPrunable(retention: retention))
        var summaries: [BatchSummary] = []
        for id in ids { summaries.append(try await batchSummary(id)) }
        return summaries
    }
}

/// Marks a batch as being deleted, if it is in one of some states.
private struct MarkDeleting: Statement {
    static let sql = "UPDATE octavo.batches SET state = 5 WHERE id = $1 AND state = ANY ($2) RETURNING id"
    var batch: Int64
    var from: [BatchState]

    var parameters: [PostgresValue] { [.int(batch), .int2Array(from.map(\.rawValue))] }

    static func decode(_ row: PostgresRow) throws -> Int { try row.int("id") }
}

private struct DeleteRows: Statement {
    static let sql = "SELECT * FROM octavo.delete_rows_v1($1, $2)"
    var batch: Int64
    var limit: Int

    var parameters: [PostgresValue] { [.int(batch), .int32(Int32(clamping: limit))] }

    static func decode(_ row: PostgresRow) throws -> (requests: Int, isGone: Bool) {
        (try row.int("requests"), try row.bool("is_gone"))
    }
}

private struct FindPrunable: Statement {
    static let sql = """
        WITH ended AS (
            SELECT id, state, completed_at, row_number() OVER (ORDER BY completed_at DESC, id DESC) AS age_rank
              FROM (SELECT id, completed_at, \(BatchState.sql) FROM octavo.batches) AS b
             WHERE state IN (3, 4, 6))
        SELECT id FROM ended
         WHERE state = ANY ($1) AND age_rank > $2 AND completed_at < clock_timestamp() - make_interval(secs => $3)
        UNION
        SELECT id FROM octavo.batches WHERE state = 5
         ORDER BY id
        """
    var retention: Retention

    var parameters: [PostgresValue] {
        [
            .int2Array(retention.states.map(\.rawValue)), .int(retention.keptCount), .double(retention.age.seconds),
        ]
    }

    static func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("id")) }
}
