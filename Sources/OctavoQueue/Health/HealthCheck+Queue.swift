extension HealthCheck {
    /// Whether the tables agree with each other.
    static let consistencyChecks = [
        HealthCheck(
            name: "counters", severity: .error,
            remedy: "octavo database doctor --repair recounts it, also while workers run.",
            sql: """
                SELECT b.id AS subject,
                       format('batch %s counts %s finished, %s failed, %s prompt tokens, %s new tokens; its rows are '
                              '%s, %s, %s, %s', b.id, b.done, b.failed, b.prompt_tokens, b.completion_tokens,
                              n.done, n.failed, n.prompt_tokens, n.completion_tokens) AS message
                  FROM octavo.batches b CROSS JOIN LATERAL octavo.recount_v1(b.id) AS n
                 WHERE b.state <> 5
                   AND (b.done, b.failed, b.prompt_tokens, b.completion_tokens)
                       IS DISTINCT FROM (n.done, n.failed, n.prompt_tokens, n.completion_tokens)
                 ORDER BY b.id
                """,
            repair: "SELECT octavo.repair_batch_v1($1)"),
        // A sum over the places of a batch's requests: cheap, where naming the lost ones is not.
        HealthCheck(
            name: "lost-requests", severity: .error,
            remedy: "octavo database doctor --repair queues them again.",
            sql: """
                SELECT b.id AS subject,
                       format('%s requests of batch %s are neither pending, nor leased, nor ended', n.lost, b.id)
                       AS message
                  FROM octavo.batches b
                 CROSS JOIN LATERAL octavo.recount_v1(b.id) AS c
                 CROSS JOIN LATERAL (
                    SELECT b.total - c.done - c.failed
                           - (SELECT coalesce(sum(s.end_position - s.next_position), 0)
                                FROM octavo.segments s WHERE s.batch_id = b.id)
                           - (SELECT coalesce(sum(l.end_position - l.first_position - (
                                    SELECT count(*) FROM octavo.results r
                                     WHERE r.batch_id = b.id AND r.position >= l.first_position
                                       AND r.position < l.end_position)), 0)
                                FROM octavo.lease_ranges l WHERE l.batch_id = b.id) AS lost) AS n
                 WHERE b.state IN (1, 2, 4) AND n.lost > 0
                 ORDER BY b.id
                """,
            repair: "SELECT octavo.repair_batch_v1($1)"),
    ]

    /// Whether work goes on.
    static func workChecks(_ minutes: (Int) -> String) -> [HealthCheck] {
        [
            HealthCheck(
                name: "expired-leases", severity: .warning,
                remedy: "Start a worker, which takes them back, or run octavo database doctor --repair.",
                sql: """
                    SELECT min(token) AS subject,
                           format('%s leases with %s unfinished requests have expired, the first %s ago, and no worker takes '
                                  'them back', count(*), sum(remaining),
                                  date_trunc('second', clock_timestamp() - min(expires_at))) AS message
                      FROM octavo.leases WHERE expires_at < clock_timestamp() - \(minutes(1))
                    HAVING count(*) > 0
                    """,
                repair: "SELECT octavo.reap_v2(10000) FROM (SELECT $1::bigint) AS first_token"),
            HealthCheck(
                name: "overdue-batches", severity: .warning,
                remedy: "Start a worker, or run octavo status or octavo database doctor --repair, which expire it.",
                sql: """
                    SELECT id AS subject,
                           format('the deadline of batch %s passed at %s, and nobody has looked since', id,
                                  date_trunc('second', deadline_at)) AS message
                      FROM octavo.batches
                     WHERE state IN (0, 1, 2) AND deadline_at < clock_timestamp() - \(minutes(1)) ORDER BY id
                    """,
                repair: "SELECT octavo.expire_overdue_v1() FROM (SELECT $1::bigint) AS batch"),
            HealthCheck(
                name: "unserved-batches", severity: .warning,
                remedy: "Start octavo worker with the model; --model-name lets it serve other names, too.",
                sql: """
                    SELECT NULL::bigint AS subject,
                           format('batch %s (%s) waits with %s requests, and no worker that serves %s was seen in the last '
                                  'two minutes', b.id, b.name, b.total - b.done - b.failed, coalesce(b.model, 'any model'))
                           AS message
                      FROM octavo.batches b
                     WHERE b.state = 1 AND b.done + b.failed < b.total
                       AND NOT EXISTS (SELECT FROM octavo.workers w
                                        WHERE w.seen_at > clock_timestamp() - interval '2 minutes'
                                          AND (b.model IS NULL OR b.model = ANY (w.models)))
                     ORDER BY b.id
                    """),
            HealthCheck(
                name: "unfinished-loading", severity: .warning,
                remedy: "The same octavo enqueue again goes on with it; octavo delete removes it.",
                sql: """
                    SELECT NULL::bigint AS subject,
                           format('batch %s (%s) has been loading since %s; %s requests are there', id, name,
                                  date_trunc('second', created_at), loaded_rows) AS message
                      FROM octavo.batches WHERE state = 0 AND created_at < clock_timestamp() - \(minutes(60)) ORDER BY id
                    """),
            HealthCheck(
                name: "unfinished-deletion", severity: .warning,
                remedy: "If nobody is deleting it now: octavo delete with its number goes on.",
                sql: """
                    SELECT NULL::bigint AS subject, format('batch %s (%s) is half deleted', id, name) AS message
                      FROM octavo.batches WHERE state = 5 ORDER BY id
                    """),
        ]
    }

    /// Whether the workers fit together.
    static func workerChecks(program: String) -> [HealthCheck] {
        let quoted = "'\(program.replacing("'", with: "''"))'"
        return [
            HealthCheck(
                name: "worker-versions", severity: .warning,
                remedy: "Restart them with the new program when it suits: until then both work side by side.",
                sql: """
                    SELECT NULL::bigint AS subject,
                           format('%s workers run %s and this is %s: %s', count(*),
                                  coalesce(nullif(program, ''), 'a version that does not tell its name'), \(quoted),
                                  string_agg(name, ', ' ORDER BY name)) AS message
                      FROM octavo.workers
                     WHERE seen_at > clock_timestamp() - interval '2 minutes' AND program <> \(quoted)
                     GROUP BY program ORDER BY program
                    """),
            HealthCheck(
                name: "fingerprints", severity: .warning,
                remedy: "Give all workers of a model the same files, version, --scheme and --kv-cache.",
                sql: """
                    SELECT NULL::bigint AS subject,
                           format('the workers of %s have %s fingerprints, so that answers depend on who computes them, '
                                  'and one does not go on from the checkpoints of another: %s', model,
                                  count(DISTINCT fingerprint), string_agg(DISTINCT fingerprint, ', ')) AS message
                      FROM octavo.workers, unnest(models[1:1]) AS m (model)
                     WHERE seen_at > clock_timestamp() - interval '2 minutes'
                     GROUP BY model HAVING count(DISTINCT fingerprint) > 1
                    """),
        ]
    }
}
