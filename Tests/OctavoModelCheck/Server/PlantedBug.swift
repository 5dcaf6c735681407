import OctavoPostgres

/// A mistake that somebody could make in a function of the queue, to see that the check finds it.
struct PlantedBug: Sendable {
    var name: String
    /// A sentence for the list.
    var summary: String
    /// The function's name without its version; the newest that has the text is meant, since one may call an older one.
    var function: String
    /// What is written in it, and what the mistake writes instead. Comments do not count, and runs of blanks count as one.
    var text: String
    var mistake: String
    /// What must be among what happens, to show it.
    var needs: Set<Verb> = []
    /// Whether it takes calls that overlap to show it.
    var needsOverlap = false

    /// Whether a plan can show it.
    func canShow(in plan: Plan) -> Bool {
        (plan.overlaps != nil) == needsOverlap && needs.isSubset(of: plan.scope.verbs)
    }

    /// Puts the mistake in place of the function.
    func plant(in session: PostgresSession) throws {
        let definitions = try session.query(
            """
            SELECT regexp_replace(regexp_replace(pg_get_functiondef(oid), '--[^\n]*', '', 'g'), '\\s+', ' ', 'g')
              FROM pg_proc WHERE proname ~ ('^' || $1 || '_v\\d+$')
             ORDER BY length(proname) DESC, proname DESC
            """, [.text(function)]
        ).map { try $0.string(0) }
        guard let definition = definitions.first(where: { $0.contains(text) }) else {
            throw CheckError("octavo.\(function) has changed: \"\(text)\" is not in it, so \(name) cannot be planted")
        }
        try session.execute(definition.replacing(text, with: mistake), name: "planting \(name)")
    }
}

extension PlantedBug {
    static func named(_ name: String) -> PlantedBug? { all.first { $0.name == name } }

    static let all = atomic + overlapping

    /// What a worker sent, in the words of `finish`.
    private static let sent =
        "unnest(p_batch_ids, p_positions, p_prompt_tokens, p_completion_tokens, p_finish_reasons, p_bodies) "
        + "AS u (batch_id, position, prompt_tokens, completion_tokens, finish_reason, body)"

    /// Mistakes that calls show which come one after the other.
    private static let atomic = [
        PlantedBug(
            name: "finish-unfenced", summary: "finish stores results of a lease that was lost", function: "finish",
            text:
                "FROM octavo.lease_ranges r CROSS JOIN LATERAL ( SELECT state FROM octavo.batches "
                + "WHERE id BETWEEN r.batch_id AND r.batch_id ORDER BY id DESC LIMIT 1) AS b JOIN \(sent) "
                + "ON u.batch_id = r.batch_id AND u.position >= r.first_position AND u.position < r.end_position "
                + "WHERE r.token = p_token AND b.state IN (1, 2)",
            mistake: "FROM octavo.batches b JOIN \(sent) ON u.batch_id = b.id AND b.state IN (1, 2)"),
        PlantedBug(
            name: "finish-beyond-range", summary: "finish stores results of requests that have left the lease",
            function: "finish", text: "AND u.position >= r.first_position AND u.position < r.end_position",
            mistake: "", needs: [.fail]),
        PlantedBug(
            name: "finish-overwrites", summary: "a finish that is repeated stores, and counts, its results again",
            function: "finish", text: "ON CONFLICT DO NOTHING RETURNING",
            mistake: "ON CONFLICT (batch_id, position) DO UPDATE SET token = excluded.token RETURNING"),
        PlantedBug(
            name: "finish-no-conflict", summary: "a finish that is repeated ends with an error", function: "finish",
            text: "ON CONFLICT DO NOTHING RETURNING", mistake: "RETURNING"),
        PlantedBug(
            name: "finish-cancelled", summary: "finish stores results of a batch that was cancelled",
            function: "finish", text: "AND b.state IN (1, 2)", mistake: "", needs: [.cancel]),
        PlantedBug(
            name: "reopen-finished", summary: "reap and release queue again what has a result", function: "reopen",
            text:
                "AND NOT EXISTS (SELECT FROM octavo.results x WHERE x.batch_id = r.batch_id AND x.position = p.position)",
            mistake: ""),
        PlantedBug(
            name: "reopen-failed", summary: "reap queues again what it has just declared failed", function: "reopen",
            text: "AND NOT EXISTS (SELECT FROM octavo.failures f WHERE f.batch_id = r.batch_id "
                + "AND f.position = p.position AND f.is_final)",
            mistake: ""),
        PlantedBug(
            name: "reap-unexpired", summary: "reap takes leases whose time is not up", function: "reap",
            text: "WHERE expires_at < clock_timestamp() ORDER BY", mistake: "ORDER BY"),
        PlantedBug(
            name: "count-twice", summary: "results are counted twice", function: "count",
            text: "SET done = b.done + p_done[v_index],", mistake: "SET done = b.done + 2 * p_done[v_index],"),
        PlantedBug(
            name: "fail-keeps-range", summary: "a failed request that is to be tried again stays in its lease",
            function: "fail", text: "(v_sent.position + 1, v_range.end_position)",
            mistake: "(v_sent.position, v_range.end_position)", needs: [.fail]),
        PlantedBug(
            name: "sweep-referenced", summary: "checkpoints are swept that requests still refer to",
            function: "sweep_checkpoints",
            text: "WHERE s.previous IS NOT NULL AND s.previous && p_tokens", mistake: "WHERE false",
            needs: [.checkpoint]),
    ]

    /// Mistakes that take two calls at once.
    private static let overlapping = [
        PlantedBug(
            name: "claim-unlocked", summary: "claim does not lock the segment that it takes", function: "claim",
            text: "LIMIT 1 FOR UPDATE SKIP LOCKED;", mistake: "LIMIT 1;", needsOverlap: true),
        PlantedBug(
            name: "finish-unlocked", summary: "finish does not lock its lease", function: "finish",
            text: "WHERE l.token = p_token FOR UPDATE;", mistake: "WHERE l.token = p_token;", needsOverlap: true),
        PlantedBug(
            name: "reap-unlocked", summary: "reap does not lock the leases that it takes", function: "reap",
            text: "LIMIT p_limit FOR UPDATE SKIP LOCKED", mistake: "LIMIT p_limit", needsOverlap: true),
        PlantedBug(
            name: "release-unlocked", summary: "release does not lock its lease", function: "release",
            text: "WHERE token = p_token FOR UPDATE;", mistake: "WHERE token = p_token;", needs: [.release],
            needsOverlap: true),
        PlantedBug(
            name: "count-unchecked", summary: "results of a batch that is being cancelled are counted",
            function: "count", text: "WHERE b.ctid = v_row AND b.state IN (1, 2);", mistake: "WHERE b.ctid = v_row;",
            needs: [.cancel],
            needsOverlap: true),
    ]
}

/// Why the check itself cannot go on.
struct CheckError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}
