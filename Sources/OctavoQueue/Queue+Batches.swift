import OctavoPostgres

extension Queue {
    /// Gives a batch up: nothing of it is claimed any more, and results that come late are refused. What is finished stays.
    ///
    /// - Throws: `QueueError.wrongState` for a batch that has ended, `.noSuchBatch`; `PostgresError`.
    public func cancel(_ batch: Int64) async throws {
        try await perform { session in
            guard try session.rows(CancelBatch(batch: batch)).isEmpty else { return }
            try session.refuse(batch, "cancelled", unless: .cancelled, .expired)
        }
        // In a transaction of its own, so that it holds no batch while it locks segments. A claim that is just being
        // made may keep one, which nobody will look at.
        _ = try await rows(DeleteSegments(batch: batch))
    }

    /// Stops claims of a batch; what is leased goes on.
    ///
    /// - Throws: as `cancel`.
    public func pause(_ batch: Int64) async throws {
        try await perform { session in
            guard try session.rows(PauseBatch(batch: batch)).isEmpty else { return }
            try session.refuse(batch, "paused", unless: .paused)
        }
    }

    /// Lets a paused batch be claimed again, and wakes the workers.
    ///
    /// - Throws: as `cancel`.
    public func resume(_ batch: Int64) async throws {
        try await perform { session in
            guard try session.rows(ResumeBatch(batch: batch)).isEmpty else { return }
            try session.refuse(batch, "resumed", unless: .active)
        }
    }

    /// Queues failed requests again, with all their attempts.
    ///
    /// - Parameter kind: only failures of this kind; nil for all.
    /// - Returns: their number.
    /// - Throws: as `cancel`, for a batch that is loading, cancelled or being deleted.
    public func retryFailed(_ batch: Int64, kind: String? = nil) async throws -> Int {
        try await perform { session in
            let retried = try session.row(RetryFailed(batch: batch, kind: kind))
            if retried == 0 { try session.refuse(batch, "retried", unless: .active, .paused, .completed) }
            return retried
        }
    }

    /// Changes what claims go by from now on; what is leased stays leased.
    ///
    /// - Parameters:
    ///   - priority: 0 is urgent; a greater number waits for lesser ones.
    ///   - weight: the share of work among batches of equal priority, from 1; nil leaves it.
    /// - Throws: `QueueError.wrongState` for a batch that has ended, `.noSuchBatch`; `PostgresError`.
    public func prioritize(_ batch: Int64, priority: Int?, weight: Int?) async throws {
        try await perform { session in
            let change = PrioritizeBatch(batch: batch, priority: priority, weight: weight)
            guard try session.rows(change).isEmpty else { return }
            try session.refuse(batch, "prioritized")
        }
    }

    /// Gives up what is unfinished of batches whose deadline has passed, as the server's clock has it. Workers do so with
    /// every heartbeat; whoever looks at batches calls this first, lest none is running.
    public func expireOverdue() async throws {
        do {
            _ = try await rows(ExpireOverdue())
        } catch let error as PostgresError where error.sqlState == SQLState.readOnlyTransaction {
            return  // a standby shows what its primary has been told
        }
    }

    /// The batch with an id or, failing that, with a name.
    ///
    /// - Throws: `QueueError.noSuchBatch`, saying which there are; `.ambiguousName`; `PostgresError`.
    public func resolveBatch(_ text: String) async throws -> Int64 {
        let matches = try await rows(FindBatchByText(text: text))
        if let byID = matches.first(where: \.isByID) { return byID.id }
        switch matches.count {
        case 0: throw QueueError.noSuchBatch(text, existing: try await batchNames())
        case 1: return matches[0].id
        default: throw QueueError.ambiguousName(text, batches: matches.map(\.id))
        }
    }

    /// The newest batches, as messages list them.
    func batchNames() async throws -> [String] {
        try await rows(FindBatchNames())
    }
}

extension PostgresSession {
    /// Throws why a batch could not be acted on, unless it is in one of the states that leave nothing to do.
    fileprivate func refuse(_ batch: Int64, _ action: String, unless accepted: BatchState...) throws {
        guard let state = try rows(FindBatchState(batch: batch)).first else {
            throw QueueError.noSuchBatch("\(batch)", existing: try rows(FindBatchNames()))
        }
        guard accepted.contains(state) else {
            throw QueueError.wrongState(batch: batch, state: state, action: action)
        }
    }
}

struct FindBatchState: Statement {
    static let sql = "SELECT \(BatchState.sql) FROM octavo.batches WHERE id = $1"
    var batch: Int64

    var parameters: [PostgresValue] { [.int(batch)] }

    static func decode(_ row: PostgresRow) throws -> BatchState { try row.batchState("state") }
}

private struct FindBatchNames: Statement {
    static let sql = "SELECT format('%s (%s)', id, name) FROM octavo.batches ORDER BY id DESC LIMIT 10"

    static func decode(_ row: PostgresRow) throws -> String { try row.string(0) }
}

private struct FindBatchByText: Statement {
    static let sql = """
        SELECT id, id::text = $1 AS is_by_id FROM octavo.batches WHERE id::text = $1 OR name = $1 ORDER BY id
        """
    var text: String

    var parameters: [PostgresValue] { [.text(text)] }

    static func decode(_ row: PostgresRow) throws -> (id: Int64, isByID: Bool) {
        (Int64(try row.int("id")), try row.bool("is_by_id"))
    }
}

private struct CancelBatch: Statement {
    static let sql = """
        UPDATE octavo.batches SET state = 3, completed_at = clock_timestamp()
         WHERE id = $1 AND state IN (0, 1, 2) RETURNING id
        """
    var batch: Int64

    var parameters: [PostgresValue] { [.int(batch)] }

    static func decode(_ row: PostgresRow) throws -> Int { try row.int("id") }
}

private struct PauseBatch: Statement {
    static let sql = "UPDATE octavo.batches SET state = 2 WHERE id = $1 AND state = 1 RETURNING id"
    var batch: Int64

    var parameters: [PostgresValue] { [.int(batch)] }

    static func decode(_ row: PostgresRow) throws -> Int { try row.int("id") }
}

private struct ResumeBatch: Statement {
    static let sql = """
        WITH resumed AS (
            UPDATE octavo.batches SET state = 1, vtime = octavo.joining_vtime_v2(id)
             WHERE id = $1 AND state = 2 RETURNING id)
        SELECT id FROM resumed, octavo.announce_v1(id)
        """
    var batch: Int64

    var parameters: [PostgresValue] { [.int(batch)] }

    static func decode(_ row: PostgresRow) throws -> Int { try row.int("id") }
}

private struct RetryFailed: Statement {
    static let sql = "SELECT octavo.retry_failed_v1($1, $2)"
    var batch: Int64
    var kind: String?

    var parameters: [PostgresValue] { [.int(batch), .optional(kind, PostgresValue.text)] }

    static func decode(_ row: PostgresRow) throws -> Int { try row.int(0) }
}

private struct PrioritizeBatch: Statement {
    static let sql = """
        UPDATE octavo.batches
           SET priority = coalesce($2::bigint, priority), weight = coalesce($3::bigint, weight)
         WHERE id = $1 AND state IN (0, 1, 2) RETURNING id
        """
    var batch: Int64
    var priority: Int?
    var weight: Int?

    var parameters: [PostgresValue] {
        [.int(batch), .optional(priority, PostgresValue.int), .optional(weight, PostgresValue.int)]
    }

    static func decode(_ row: PostgresRow) throws -> Int { try row.int("id") }
}

private struct ExpireOverdue: Statement {
    static let sql = "SELECT octavo.expire_overdue_v1()"

    static func decode(_ row: PostgresRow) {}
}

private struct DeleteSegments: Statement {
    static let sql = "SELECT octavo.sweep_segments_v1(ARRAY[$1::bigint])"
    var batch: Int64

    var parameters: [PostgresValue] { [.int(batch)] }

    static func decode(_ row: PostgresRow) {}
}
