import OctavoPostgres
import OctavoTestSupport

/// How states leave the database and come back.
enum SnapshotSQL {
    /// Everything that can matter, as numbers: the plan is made once a session.
    static let functions = """
        CREATE SCHEMA model_check;

        CREATE FUNCTION model_check.snapshot()
        RETURNS TABLE (source text, numbers bigint[], previous bigint[])
        LANGUAGE plpgsql AS $$
        BEGIN
            RETURN QUERY
            SELECT 'batch', ARRAY[b.state, b.done, b.failed, b.prompt_tokens, b.completion_tokens]::bigint[], NULL::bigint[]
              FROM (SELECT * FROM octavo.batches ORDER BY id) AS b
            UNION ALL
            SELECT 'segment', ARRAY[s.batch_id, s.next_position, s.end_position, s.losses,
                CASE WHEN s.available_at IS NULL THEN 0 WHEN s.available_at <= clock_timestamp() THEN 1 ELSE 2 END],
                s.previous
              FROM (SELECT * FROM octavo.segments ORDER BY id) AS s
            UNION ALL
            SELECT 'lease', ARRAY[l.token, (l.expires_at < clock_timestamp())::integer, l.requests, l.remaining], NULL
              FROM (SELECT * FROM octavo.leases ORDER BY token) AS l
            UNION ALL
            SELECT 'range', ARRAY[r.batch_id, r.first_position, r.end_position, r.token, r.losses], r.previous
              FROM (SELECT * FROM octavo.lease_ranges ORDER BY batch_id, first_position) AS r
            UNION ALL
            SELECT 'result', ARRAY[x.batch_id, x.position, x.token], NULL
              FROM (SELECT * FROM octavo.results ORDER BY batch_id, position) AS x
            UNION ALL
            SELECT 'failure', ARRAY[f.batch_id, f.position, f.token, f.attempts, f.is_final::integer], NULL
              FROM (SELECT * FROM octavo.failures ORDER BY batch_id, position) AS f
            UNION ALL
            SELECT 'checkpoint', ARRAY[c.token, c.sequence], NULL
              FROM (SELECT * FROM octavo.checkpoints ORDER BY token, sequence) AS c;
        END $$;

        CREATE FUNCTION model_check.problems() RETURNS TABLE (problem text)
        LANGUAGE plpgsql AS $$
        BEGIN
            RETURN QUERY \(QueueOracle.misplacedRequests);
            RETURN QUERY \(QueueOracle.doubleEnds);
            RETURN QUERY \(QueueOracle.miscountedBatches);
            RETURN QUERY \(QueueOracle.miscountedLeases);
            RETURN QUERY
                SELECT 'a range refers to progress of which no checkpoint is left'
                  FROM (SELECT unnest(s.previous) FROM octavo.segments s
                        UNION SELECT unnest(r.previous) FROM octavo.lease_ranges r) AS p (token)
                 WHERE NOT EXISTS (SELECT FROM octavo.checkpoints c WHERE c.token = p.token);
        END $$;
        """

    /// Loads a batch of equal requests. Identities of leases begin far above those of canonical worlds.
    static let load = """
        WITH batch AS (
            INSERT INTO octavo.batches
                (seed, state, total, loaded_rows, max_attempts, idempotency_key, file_identity, name, source, activated_at)
            VALUES (7, 1, $1, $1, $2, $3, $3, $3, $3, clock_timestamp()) RETURNING id),
        requests AS (
            INSERT INTO octavo.requests
            SELECT id, p, p + 1, 100, 10, p::text, '{}' FROM batch, generate_series(0, $1 - 1) AS p)
        SELECT setval(pg_get_serial_sequence('octavo.leases', 'token'), 1000) FROM batch
        """

    static let clear = """
        DELETE FROM octavo.segments; DELETE FROM octavo.lease_ranges; DELETE FROM octavo.leases;
        DELETE FROM octavo.results; DELETE FROM octavo.failures; DELETE FROM octavo.checkpoints;
        DELETE FROM octavo.lease_log;
        """
}

extension ModelDatabase {
    /// Reads the tables.
    func snapshot() throws -> QueueState {
        var state = QueueState()
        for row in try session.query("SELECT * FROM model_check.snapshot()", name: "snapshot") {
            let n = try row.intArray(1)
            let previous = try row.optionalIntArray(2)
            switch try row.string(0) {
            case "batch":
                state.batches.append(
                    .init(state: n[0], done: n[1], failed: n[2], promptTokens: n[3], completionTokens: n[4]))
            case "segment":
                state.segments.append(
                    .init(
                        range: RequestRange(batch: n[0], positions: n[1]..<n[2]),
                        availability: .init(rawValue: n[4]) ?? .now, losses: n[3], previous: previous))
            case "lease":
                state.leases.append(.init(token: n[0], isExpired: n[1] == 1, requests: n[2], remaining: n[3]))
            case "range":
                state.ranges.append(
                    .init(
                        range: RequestRange(batch: n[0], positions: n[1]..<n[2]), token: n[3], losses: n[4],
                        previous: previous))
            case "result":
                state.results.append(.init(request: Request(batch: n[0], position: n[1]), token: n[2]))
            case "failure":
                state.failures.append(
                    .init(
                        request: Request(batch: n[0], position: n[1]), token: n[2], attempts: n[3],
                        isFinal: n[4] == 1))
            default: state.checkpoints.append(.init(token: n[0], sequence: n[1]))
            }
        }
        return state
    }

    /// Writes a state into tables that hold nothing but the requests.
    func restore(_ state: QueueState) throws {
        try session.execute(Self.script(restoring: state), name: "restore")
    }

    /// The statements that write a state.
    static func script(restoring state: QueueState) -> String {
        var statements = state.batches.enumerated().map { index, batch in
            """
            UPDATE octavo.batches SET state = \(batch.state), done = \(batch.done), failed = \(batch.failed), vtime = 0,
                prompt_tokens = \(batch.promptTokens), completion_tokens = \(batch.completionTokens) WHERE id = \(index + 1)
            """
        }
        func insert(_ table: String, _ columns: String, _ rows: [String]) {
            guard !rows.isEmpty else { return }
            statements.append(
                "INSERT INTO octavo.\(table) (\(columns)) OVERRIDING SYSTEM VALUE VALUES \(rows.joined(separator: ", "))"
            )
        }
        insert(
            "segments",
            "batch_id, next_position, end_position, prompt_tokens, max_new_tokens, losses, available_at, previous",
            state.segments.map {
                "(\($0.range.sql), 100, 10, \($0.losses), \($0.availability.sql), \(sql($0.previous)))"
            })
        insert(
            "leases", "token, expires_at, requests, remaining, worker, fingerprint",
            state.leases.map {
                "(\($0.token), '\($0.isExpired ? "-" : "")infinity', \($0.requests), \($0.remaining), 'w', 'f')"
            })
        insert(
            "lease_ranges",
            "batch_id, first_position, end_position, token, prompt_tokens, max_new_tokens, losses, previous",
            state.ranges.map { "(\($0.range.sql), \($0.token), 100, 10, \($0.losses), \(sql($0.previous)))" })
        insert(
            "results", "batch_id, position, token, prompt_tokens, completion_tokens, finish_reason, body",
            state.results.map { "(\($0.request.sql), \($0.token), 100, 7, 0, '{}')" })
        insert(
            "failures", "batch_id, position, token, attempts, status_code, is_final, kind, error",
            state.failures.map { "(\($0.request.sql), \($0.token), \($0.attempts), 500, \($0.isFinal), 'k', '{}')" })
        insert(
            "checkpoints", "token, sequence, fingerprint, progress",
            state.checkpoints.map { "(\($0.token), \($0.sequence), 'f', '')" })
        return statements.joined(separator: ";\n")
    }

    private static func sql(_ tokens: [Int]?) -> String {
        guard let tokens else { return "NULL::bigint[]" }
        return "'{\(tokens.map(String.init).joined(separator: ","))}'::bigint[]"
    }
}

extension RequestRange {
    fileprivate var sql: String { "\(batch), \(positions.lowerBound), \(positions.upperBound)" }
}

extension Request {
    fileprivate var sql: String { "\(batch), \(position)" }
}

extension QueueState.Availability {
    fileprivate var sql: String {
        switch self {
        case .now: "NULL::timestamptz"
        case .due: "'-infinity'"
        case .waiting: "'infinity'"
        }
    }
}
