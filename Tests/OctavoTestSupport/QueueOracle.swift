/// What must hold of the queue's tables whenever no statement is running, as SQL. Each query gives one text for everything
/// that does not hold, and no row if all does.
public enum QueueOracle {
    /// Every request of a live batch is in exactly one place: a segment, a lease, a result or a final failure.
    public static let misplacedRequests = """
        WITH places AS (
            SELECT batch_id, p AS position, 'a segment' AS place
              FROM octavo.segments, generate_series(next_position, end_position - 1) AS p
            UNION ALL
            SELECT r.batch_id, p, 'a lease'
              FROM octavo.lease_ranges r, generate_series(first_position, end_position - 1) AS p
             WHERE NOT EXISTS (SELECT FROM octavo.results x WHERE x.batch_id = r.batch_id AND x.position = p)
            UNION ALL
            SELECT batch_id, position, 'a result' FROM octavo.results
            UNION ALL
            SELECT batch_id, position, 'a failure' FROM octavo.failures WHERE is_final)
        SELECT format('request %s/%s is in %s places', q.batch_id, q.position, count(p.position))
               || coalesce(': ' || string_agg(p.place, ', ' ORDER BY p.place), '')
          FROM octavo.requests q JOIN octavo.batches b ON b.id = q.batch_id AND b.state IN (1, 2, 4)
          LEFT JOIN places p ON p.batch_id = q.batch_id AND p.position = q.position
         GROUP BY q.batch_id, q.position HAVING count(p.position) <> 1
        """

    /// The counters of batches equal a recount, and a batch is completed when, and only when, all of it has ended.
    public static let miscountedBatches = """
        SELECT format('the counters of batch %s differ from a recount', id) FROM octavo.batches b
         WHERE (done, failed, prompt_tokens, completion_tokens) IS DISTINCT FROM (
                (SELECT count(*) FROM octavo.results r WHERE r.batch_id = b.id),
                (SELECT count(*) FROM octavo.failures f WHERE f.batch_id = b.id AND f.is_final),
                (SELECT coalesce(sum(prompt_tokens), 0) FROM octavo.results r WHERE r.batch_id = b.id),
                (SELECT coalesce(sum(completion_tokens), 0) FROM octavo.results r WHERE r.batch_id = b.id))
            OR state IN (1, 2, 4) AND total <> (SELECT count(*) FROM octavo.requests q WHERE q.batch_id = b.id)
            OR state = 4 AND done + failed <> total OR state IN (1, 2) AND done + failed = total
        """

    /// What a lease counts as remaining is what it holds and has no result. (Deleting a batch takes the ranges away.)
    public static let miscountedLeases = """
        SELECT format('a lease that holds %s requests counts %s', held.count, l.remaining)
          FROM octavo.leases l
         CROSS JOIN LATERAL (
                SELECT count(*)
                  FROM octavo.lease_ranges r, generate_series(r.first_position, r.end_position - 1) AS p
                 WHERE r.token = l.token
                   AND NOT EXISTS (SELECT FROM octavo.results x WHERE x.batch_id = r.batch_id AND x.position = p)
               ) AS held
         WHERE l.remaining <> held.count AND EXISTS (SELECT FROM octavo.lease_ranges r WHERE r.token = l.token)
        """

    /// No request has a result and a final failure, whatever became of its batch.
    public static let doubleEnds = """
        SELECT format('request %s/%s has two ends', batch_id, position)
          FROM octavo.results JOIN octavo.failures f USING (batch_id, position) WHERE f.is_final
        """

    /// The tables that are empty when all batches have ended and all workers have gone.
    public static let emptyAtTheEnd = ["leases", "lease_ranges", "segments", "checkpoints"]
}
