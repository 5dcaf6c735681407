extension HealthCheck {
    /// Whether the server can keep up. Those that concern vacuum matter to queues more than to most: rows that are updated
    /// often become slow when their dead versions stay.
    static func serverChecks(_ minutes: (Int) -> String) -> [HealthCheck] {
        [
            HealthCheck(
                name: "autovacuum", severity: .error,
                remedy: "Turn it on: ALTER SYSTEM SET autovacuum = on; ALTER SYSTEM SET track_counts = on; "
                    + "SELECT pg_reload_conf(); ALTER TABLE ... RESET (autovacuum_enabled).",
                sql: """
                    SELECT NULL::bigint AS subject, format('%s is off', name) AS message
                      FROM pg_settings WHERE name IN ('autovacuum', 'track_counts') AND setting = 'off'
                    UNION ALL
                    SELECT NULL, format('autovacuum is off for octavo.%s', relname)
                      FROM pg_class
                     WHERE relnamespace = 'octavo'::regnamespace
                       AND reloptions && ARRAY['autovacuum_enabled=false', 'autovacuum_enabled=off']
                    """),
            HealthCheck(
                name: "wraparound", severity: .error,
                remedy: "End old transactions, then: VACUUM (FREEZE) in this database.",
                sql: """
                    SELECT NULL::bigint AS subject,
                           format('the oldest row version of database %s is %s transactions old; at two billion the server '
                                  'takes no more writes', datname, age(datfrozenxid)) AS message
                      FROM pg_database WHERE datname = current_database() AND age(datfrozenxid) > 1000000000
                    """),
            HealthCheck(
                name: "prepared-transactions", severity: .error,
                remedy: "End it: COMMIT PREPARED or ROLLBACK PREPARED with its name.",
                sql: """
                    SELECT NULL::bigint AS subject,
                           format('the transaction %L of %s has been prepared since %s: its locks stand, and dead rows since '
                                  'then cannot be removed', gid, owner, date_trunc('second', prepared)) AS message
                      FROM pg_prepared_xacts
                     WHERE database = current_database() AND prepared < clock_timestamp() - \(minutes(5))
                     ORDER BY prepared
                    """),
            HealthCheck(
                name: "old-transactions", severity: .warning,
                remedy: "Let its program commit, or end it: SELECT pg_terminate_backend(PROCESS).",
                sql: """
                    SELECT NULL::bigint AS subject,
                           format('process %s (%s, %s) has had a transaction open for %s: dead rows since then cannot be '
                                  'removed', pid, coalesce(nullif(application_name, ''), backend_type), coalesce(state, '?'),
                                  date_trunc('second', clock_timestamp() - xact_start)) AS message
                      FROM pg_stat_activity
                     WHERE datname = current_database() AND pid <> pg_backend_pid()
                       AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
                       AND xact_start < clock_timestamp() - \(minutes(10))
                       AND backend_type <> 'autovacuum worker'
                     ORDER BY xact_start
                    """),
            HealthCheck(
                name: "replication-slots", severity: .warning,
                remedy: "If its standby is gone: SELECT pg_drop_replication_slot(NAME).",
                sql: """
                    SELECT NULL::bigint AS subject,
                           format('nobody reads the replication slot %s, for which log and dead rows are kept', slot_name)
                           AS message
                      FROM pg_replication_slots WHERE NOT active AND NOT temporary ORDER BY slot_name
                    """),
            HealthCheck(
                name: "dead-rows", severity: .warning,
                remedy: "Look for old transactions, then: VACUUM (VERBOSE) with the table's name.",
                sql: """
                    SELECT NULL::bigint AS subject,
                           format('%s.%s has %s dead rows beside %s live ones, in %s; vacuumed last: %s', schemaname, relname,
                                  n_dead_tup, n_live_tup, pg_size_pretty(pg_total_relation_size(relid)),
                                  coalesce(date_trunc('second', greatest(last_vacuum, last_autovacuum))::text, 'never'))
                           AS message
                      FROM pg_stat_user_tables
                     WHERE schemaname = 'octavo' AND n_dead_tup > 10000 AND n_dead_tup > n_live_tup / 5
                     ORDER BY n_dead_tup DESC
                    """),
            HealthCheck(
                name: "connections", severity: .warning,
                remedy:
                    "A worker takes three. Raise max_connections, or put PgBouncer in transaction mode before the server.",
                sql: """
                    SELECT NULL::bigint AS subject,
                           format('%s of %s connections are taken', taken, allowed) AS message
                      FROM (SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS taken,
                                   current_setting('max_connections')::integer
                                   - current_setting('superuser_reserved_connections')::integer AS allowed) AS c
                     WHERE taken > 0.8 * allowed
                    """),
            HealthCheck(
                name: "notifications", severity: .warning,
                remedy: "Some session listens and never reads, or stays in a transaction: find and end it.",
                sql: """
                    SELECT NULL::bigint AS subject,
                           format('the queue of notifications is %s %% full', round(100 * pg_notification_queue_usage()))
                           AS message
                     WHERE pg_notification_queue_usage() > 0.5
                    """),
        ]
    }
}
