import OctavoPostgres

/// A worker as it was when the schema had version 1: it says to the server what Octavo said then, and knows
/// nothing of later functions and columns.
struct FirstVersionWorker: Sendable {
    /// What it did.
    struct Counts: Sendable {
        var finished = 0
        var statuses = 0
        /// What the server refused.
        var errors: [String] = []

        mutating func add(_ other: Counts) {
            finished += other.finished
            statuses += other.statuses
            errors += other.errors
        }
    }

    let url: String
    let name: String

    /// Loads one batch, as version 1 did.
    static func enqueue(_ count: Int, on session: PostgresSession) throws {
        try session.transaction { session in
            try session.execute(
                """
                INSERT INTO octavo.batches
                    (name, idempotency_key, file_identity, model, settings, seed, priority, weight, max_attempts, source)
                VALUES ('old', 'k', 'f', NULL, '{}', 7, 2, 1, 4, 's') ON CONFLICT (idempotency_key) DO NOTHING;
                INSERT INTO octavo.requests (batch_id, position, line, prompt_tokens, max_new_tokens, custom_id, body)
                SELECT 1, p, p + 1, 5, 5, 'row-' || p, '{}' FROM generate_series(0, \(count - 1)) AS p;
                INSERT INTO octavo.segments (batch_id, next_position, end_position, prompt_tokens, max_new_tokens)
                VALUES (1, 0, \(count), 5, 5);
                INSERT INTO octavo.windows (batch_id, number, first_position, end_position) VALUES (1, 0, 0, \(count));
                UPDATE octavo.batches SET total = \(count), loaded_rows = \(count), activated_at = clock_timestamp(),
                       vtime = octavo.joining_vtime_v1(), state = 1;
                """)
        }
    }

    /// Claims, beats, checkpoints, gives back, finishes, reaps and asks for the status, until the batch is complete.
    func run() async throws -> Counts {
        let session = try PostgresSession(PostgresConfiguration(connectionString: url))
        var counts = Counts()
        var (round, isOver) = (0, false)
        while !isOver {
            round += 1
            do {
                counts.finished += try work(session, round: round)
                isOver = try isComplete(session)
                counts.statuses += 1
            } catch {
                counts.errors.append("\(error)")
                return counts
            }
            await Task.yield()
        }
        return counts
    }

    /// As version 1 did, a statement that a deadlock's victim was in the middle of is tried again.
    private func query(
        _ session: PostgresSession, _ sql: String, _ parameters: [PostgresValue] = []
    ) throws -> PostgresResult {
        while true {
            do {
                return try session.query(sql, parameters)
            } catch {
                guard error.isTransient else { throw error }
            }
        }
    }

    private func work(_ session: PostgresSession, round: Int) throws -> Int {
        let rows = try query(
            session,
            "SELECT * FROM octavo.claim_v1($1, $2, $3, $4, $5, $6, $7)",
            [
                .text(name), .text("f"), .textArray(["m"]), .int32(16), .int(1 << 20), .double(60),
                .optional(nil as Int?) { .int($0) },
            ]
        ).map { row -> (token: Int64, position: Int32) in
            (Int64(try row.int("token")), Int32(try row.int("position")))
        }
        _ = try query(
            session,
            "SELECT * FROM octavo.heartbeat_v1($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            [
                .text(name), .text("host"), .int32(1), .textArray(["m"]), .text("f"), .double(1), .int32(16),
                .int8Array(rows.prefix(1).map(\.token)), .double(60),
            ])
        if round.isMultiple(of: 8) { _ = try query(session, "SELECT octavo.reap_v1(100)") }
        guard let token = rows.first?.token else { return 0 }
        _ = try query(
            session,
            "SELECT octavo.checkpoint_v1($1, $2, $3, $4)", [.int(token), .double(60), .int32(1), .bytes([1])])
        if round.isMultiple(of: 5) {
            _ = try query(session, "SELECT octavo.release_v1($1)", [.int(token)])
            return 0
        }
        let finished = try query(
            session,
            "SELECT * FROM octavo.finish_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            [
                .int(token), .double(60), .int8Array(rows.map { _ in 1 }), .int4Array(rows.map(\.position)),
                .int2Array(rows.map { _ in 0 }), .int4Array(rows.map { _ in 5 }), .int4Array(rows.map { _ in 5 }),
                .byteaArray(rows.map { _ in Array("{}".utf8) }), .optional(nil as Int32?) { .int32($0) },
                .optional(nil as [UInt8]?) { .bytes($0) },
            ]
        ).only()
        return try finished.int("accepted") + finished.int("already")
    }

    /// Reads what version 1 asked before it ended, with the states that it knew.
    private func isComplete(_ session: PostgresSession) throws -> Bool {
        let states = try query(
            session,
            "SELECT b.id, b.name, b.source, b.model, b.state, b.priority, b.total, b.done, b.failed FROM octavo.batches b"
        ).map { try $0.int("state") }
        guard states.allSatisfy((0...5).contains) else {
            throw PostgresError(.invalidValue, "\(states) are not states that this version knows")
        }
        return states == [4]
    }
}
