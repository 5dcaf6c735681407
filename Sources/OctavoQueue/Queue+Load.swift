import OctavoPostgres

extension Queue {
    /// Makes a batch in state `.loading`, or finds the one that has the same idempotency key, to resume or attach to.
    ///
    /// - Throws: `QueueError.idempotencyKeyReused` when the key's batch has another file identity; `PostgresError`.
    public func attach(_ batch: NewBatch) async throws -> BatchLoad {
        let found = try await perform { session in
            let isNew = !(try session.rows(InsertBatch(batch: batch))).isEmpty
            return try session.row(FindBatchLoad(key: batch.idempotencyKey, isNew: isNew))
        }
        guard found.fileIdentity == batch.fileIdentity else {
            throw QueueError.idempotencyKeyReused(key: batch.idempotencyKey, batch: found.load.id)
        }
        return found.load
    }

    /// Stores a window of requests, all or none: by falling length, in segments of like length.
    ///
    /// - Parameters:
    ///   - rows: at most `maximumWindowRows` consecutive lines of the file, all beyond those of earlier windows.
    ///   - expectedRows: how many requests the caller believes to be stored so far.
    ///   - loadedBytes: the offset in the file up to which lines are stored with these.
    /// - Throws: `QueueError.loadedElsewhere` when another number is stored, `.notLoading`, `.duplicateCustomID`,
    ///   `.tooManyRequests`; `PostgresError`. After a lost connection, `attach` tells whether the window was stored.
    public func load(
        _ rows: [RequestRow], into batch: Int64, expectedRows: Int, loadedBytes: Int64
    ) async throws {
        precondition(rows.count <= Self.maximumWindowRows, "\(rows.count) rows exceed a window")
        precondition(
            rows.allSatisfy { Int32(exactly: $0.promptTokens + $0.maximumNewTokens) != nil && $0.promptTokens >= 0 },
            "token counts are natural and fit 32 bits")
        guard expectedRows + rows.count <= Int(Int32.max), rows.allSatisfy({ Int32(exactly: $0.line) != nil }) else {
            throw QueueError.tooManyRequests(batch: batch)
        }
        let window = LoadWindow(rows)
        let advance = AdvanceLoad(batch: batch, expectedRows: expectedRows, addedRows: rows.count, bytes: loadedBytes)
        do {
            try await connection.run { session in
                try session.transaction { session in
                    // First of all, since the row's lock keeps another loader waiting that would only fail.
                    guard try !session.rows(advance).isEmpty else { throw try session.refusal(toLoad: batch) }
                    guard !rows.isEmpty else { return }
                    try session.copy(rows, in: window.order, into: batch, from: expectedRows)
                    _ = try session.rows(InsertSegments(batch: batch, base: expectedRows, segments: window.segments))
                    _ = try session.rows(InsertWindow(batch: batch, base: expectedRows, rows: rows.count))
                }
            }
        } catch let error as PostgresError where error.sqlState == SQLState.uniqueViolation {
            throw QueueError.duplicateCustomID(batch: batch, customID: error.quotedCustomID)
        }
    }

    /// Makes a loaded batch claimable, and wakes the workers; completes it at once if it is empty. Does nothing to a batch
    /// that is no longer loading.
    ///
    /// - Parameter total: how many requests the file has.
    /// - Throws: `QueueError.incompleteLoad` when another number is stored; `PostgresError`.
    public func activate(_ batch: Int64, total: Int) async throws {
        let loaded = try await perform { session in
            _ = try session.rows(ActivateBatch(batch: batch, total: total))
            return try session.rows(FindLoadedRows(batch: batch)).first
        }
        guard let loaded else { throw QueueError.noSuchBatch("\(batch)", existing: []) }
        guard loaded == total else {
            throw QueueError.incompleteLoad(batch: batch, loaded: loaded, expected: total)
        }
    }

}

extension PostgresSession {
    /// Why the rows of a batch could not be advanced.
    fileprivate func refusal(toLoad batch: Int64) throws -> QueueError {
        switch try rows(FindBatchState(batch: batch)).first {
        case nil: .noSuchBatch("\(batch)", existing: [])
        case .loading: .loadedElsewhere(batch: batch)
        case .some(let state): .notLoading(batch: batch, state: state)
        }
    }

    /// Writes rows in the window's order by binary COPY; the window begins at position `base`.
    fileprivate func copy(_ rows: [RequestRow], in order: [Int], into batch: Int64, from base: Int) throws {
        let sql = """
            COPY octavo.requests (batch_id, position, line, prompt_tokens, max_new_tokens, custom_id, body)
            FROM STDIN (FORMAT binary)
            """
        try copyIn(sql, name: "CopyRequests") { writer in
            for (place, index) in order.enumerated() {
                let row = rows[index]
                try writer.beginRow(columnCount: 7)
                writer.write(int64: batch)
                writer.write(int32: Int32(base + place))
                writer.write(int32: Int32(row.line))
                writer.write(int32: Int32(row.promptTokens))
                writer.write(int32: Int32(row.maximumNewTokens))
                try writer.write(text: row.customID)
                try writer.write(text: row.body)
            }
        }
    }
}

extension PostgresError {
    /// The custom id that a unique violation's detail quotes: `Key (batch_id, custom_id)=(7, row-1) already exists.`
    fileprivate var quotedCustomID: String {
        guard let detail, let start = detail.firstRange(of: "=("), let end = detail.lastIndex(of: ")"),
            let comma = detail[start.upperBound...].firstRange(of: ", "), comma.upperBound <= end
        else { return detail ?? message }
        return String(detail[comma.upperBound..<end])
    }
}

/// A batch with a key that is taken is not inserted, and gives no row.
private struct InsertBatch: Statement {
    static let sql = """
        INSERT INTO octavo.batches
            (name, idempotency_key, file_identity, model, settings, seed, priority, weight, max_attempts, source,
             deadline_at, job, reuses)
        VALUES ($1, $2, $3, $4, $5::text::json, $6, $7::bigint, $8::bigint, $9::bigint, $10,
                coalesce(to_timestamp($11), clock_timestamp() + make_interval(secs => $12)), $13::text::json, $14)
        ON CONFLICT (idempotency_key) DO NOTHING RETURNING id
        """
    var batch: NewBatch

    var parameters: [PostgresValue] {
        [
            .text(batch.name), .text(batch.idempotencyKey), .text(batch.fileIdentity),
            .optional(batch.model, PostgresValue.text), .text(batch.settings), .int(batch.seed), .int(batch.priority),
            .int(batch.weight), .int(batch.maximumAttempts), .text(batch.source),
            .optional(batch.deadline?.time, PostgresValue.double),
            .optional(batch.deadline?.duration) { .double($0.seconds) },
            .optional(batch.job, PostgresValue.text), .bool(batch.reusesAnswers),
        ]
    }

    static func decode(_ row: PostgresRow) throws -> Int { try row.int("id") }
}

private struct FindBatchLoad: Statement {
    static let sql = """
        SELECT id, \(BatchState.sql), loaded_rows, loaded_bytes, file_identity, $2 AS is_new
          FROM octavo.batches WHERE idempotency_key = $1
        """
    var key: String
    var isNew: Bool

    var parameters: [PostgresValue] { [.text(key), .bool(isNew)] }

    static func decode(_ row: PostgresRow) throws -> (load: BatchLoad, fileIdentity: String) {
        let load = BatchLoad(
            id: Int64(try row.int("id")), state: try row.batchState("state"), loadedRows: try row.int("loaded_rows"),
            loadedBytes: Int64(try row.int("loaded_bytes")), isNew: try row.bool("is_new"))
        return (load, try row.string("file_identity"))
    }
}

/// Compares and sets: of two loaders, one finds no row.
private struct AdvanceLoad: Statement {
    static let sql = """
        UPDATE octavo.batches SET loaded_rows = loaded_rows + $3::bigint, loaded_bytes = $4
         WHERE id = $1 AND state = 0 AND loaded_rows = $2 RETURNING id
        """
    var batch: Int64
    var expectedRows: Int
    var addedRows: Int
    var bytes: Int64

    var parameters: [PostgresValue] { [.int(batch), .int(expectedRows), .int(addedRows), .int(bytes)] }

    static func decode(_ row: PostgresRow) throws -> Int { try row.int("id") }
}

private struct InsertSegments: Statement {
    static let sql = """
        INSERT INTO octavo.segments (batch_id, next_position, end_position, prompt_tokens, max_new_tokens)
        SELECT $1, * FROM unnest($2, $3, $4, $5)
        """
    var batch: Int64
    var base: Int
    var segments: [LoadWindow.Segment]

    var parameters: [PostgresValue] {
        [
            .int(batch),
            .int4Array(segments.map { Int32(base + $0.places.lowerBound) }),
            .int4Array(segments.map { Int32(base + $0.places.upperBound) }),
            .int4Array(segments.map { Int32($0.promptTokens) }),
            .int4Array(segments.map { Int32($0.maximumNewTokens) }),
        ]
    }
    static func decode(_ row: PostgresRow) {}
}

private struct InsertWindow: Statement {
    static let sql = """
        INSERT INTO octavo.windows (batch_id, number, first_position, end_position)
        SELECT $1, count(*), $2::bigint, $3::bigint FROM octavo.windows WHERE batch_id = $1
        """
    var batch: Int64
    var base: Int
    var rows: Int

    var parameters: [PostgresValue] { [.int(batch), .int(base), .int(base + rows)] }
    static func decode(_ row: PostgresRow) {}
}

/// An empty batch is complete. The virtual time is that of the clock, else batches already active would wait until the
/// newcomer had been served as much.
private struct ActivateBatch: Statement {
    static let sql = """
        WITH activated AS (
            UPDATE octavo.batches
               SET total = $2::bigint, activated_at = clock_timestamp(), vtime = octavo.joining_vtime_v2(id),
                   state = CASE WHEN $2 = 0 THEN 4 ELSE 1 END,
                   completed_at = CASE WHEN $2 = 0 THEN clock_timestamp() END
             WHERE id = $1 AND state = 0 AND loaded_rows = $2
            RETURNING id)
        SELECT octavo.announce_v1(id) FROM activated
        """
    var batch: Int64
    var total: Int

    var parameters: [PostgresValue] { [.int(batch), .int(total)] }
    static func decode(_ row: PostgresRow) {}
}

private struct FindLoadedRows: Statement {
    static let sql = "SELECT loaded_rows FROM octavo.batches WHERE id = $1"
    var batch: Int64

    var parameters: [PostgresValue] { [.int(batch)] }

    static func decode(_ row: PostgresRow) throws -> Int { try row.int("loaded_rows") }
}
