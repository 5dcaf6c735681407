-- Deadlines of batches, deletion in small steps, repair, and what a rolling upgrade needs to know: which program a
-- worker runs, and which programs may work on a schema that is newer than they are.
--
-- Workers that know only version 1 go on while this is applied, and after it. So no function of theirs changes, what
-- they insert gets defaults, and an expired batch is a cancelled one to them: its state is 3, with a mark beside it.

-- The oldest version that a program must know to work on this schema. A migration after which older programs cannot
-- go on raises the default to its own number; all others leave it.
ALTER TABLE octavo.migrations ADD COLUMN oldest_program integer NOT NULL DEFAULT 1;

-- In the order in which most functions touch them, so that few transactions of workers are in the way.
ALTER TABLE octavo.workers ADD COLUMN program text NOT NULL DEFAULT '';
ALTER TABLE octavo.batches
    ADD COLUMN deadline_at timestamptz,
    ADD COLUMN is_expired boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT batches_expired_ended CHECK (NOT is_expired OR state IN (3, 5));

CREATE INDEX batches_with_deadline ON octavo.batches (deadline_at) WHERE deadline_at IS NOT NULL AND state IN (0, 1, 2);

-- Deletes segments of batches that were given up. Those that a claim holds are left for the next time: waiting for them
-- with a batch locked could be a deadlock.
CREATE FUNCTION octavo.sweep_segments_v1(p_batch_ids bigint[]) RETURNS void
LANGUAGE sql AS $$
    DELETE FROM octavo.segments WHERE id = ANY (ARRAY (
        SELECT id FROM octavo.segments WHERE batch_id = ANY (p_batch_ids) FOR UPDATE SKIP LOCKED));
$$;

-- Gives up what is unfinished of batches whose deadline has passed; returns their number. Nobody waits for a deadline:
-- whoever looks at the queue calls this first, workers with every heartbeat. A batch that somebody is writing to is
-- left for the next call.
--
-- The only function that has its owner's rights, since roles that may otherwise only read call it too. It takes no
-- arguments, and does nothing but what the clock demands.
CREATE FUNCTION octavo.expire_overdue_v1() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_ids bigint[] := ARRAY (
        SELECT b.id FROM octavo.batches b
         WHERE b.state IN (0, 1, 2) AND b.deadline_at <= clock_timestamp()
         ORDER BY b.id FOR NO KEY UPDATE SKIP LOCKED);
BEGIN
    IF cardinality(v_ids) > 0 THEN
        UPDATE octavo.batches SET state = 3, is_expired = true, completed_at = clock_timestamp() WHERE id = ANY (v_ids);
        PERFORM octavo.sweep_segments_v1(v_ids);
    END IF;
    RETURN cardinality(v_ids);
END $$;

-- As heartbeat_v1, and tells the worker's program; batches whose deadline has passed are told as cancelled. The leases
-- are renewed first: locks are taken in the order leases, batches.
CREATE FUNCTION octavo.heartbeat_v2(
    p_worker text, p_host text, p_pid integer, p_models text[], p_fingerprint text, p_program text,
    p_tokens_per_second double precision, p_requests integer, p_tokens bigint[], p_ttl_seconds double precision
) RETURNS TABLE (token bigint, batch_id bigint, state smallint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_renewed bigint[];
BEGIN
    INSERT INTO octavo.workers AS w (name, host, pid, models, fingerprint, program, tokens_per_second, requests)
    VALUES (p_worker, p_host, p_pid, p_models, p_fingerprint, p_program, p_tokens_per_second, p_requests)
        ON CONFLICT (name) DO UPDATE
       SET host = excluded.host, pid = excluded.pid, models = excluded.models, fingerprint = excluded.fingerprint,
           program = excluded.program, tokens_per_second = excluded.tokens_per_second, requests = excluded.requests,
           seen_at = clock_timestamp(),
           -- A name that is taken up again by another process starts anew.
           started_at = CASE WHEN w.host = excluded.host AND w.pid = excluded.pid THEN w.started_at
                             ELSE clock_timestamp() END;
    WITH renewed AS (
        UPDATE octavo.leases l SET expires_at = clock_timestamp() + make_interval(secs => p_ttl_seconds)
         WHERE l.token = ANY (p_tokens) RETURNING l.token)
    SELECT coalesce(array_agg(n.token), '{}') INTO v_renewed FROM renewed n;
    PERFORM octavo.expire_overdue_v1();
    RETURN QUERY
        SELECT DISTINCT n.token, b.id, b.state
          FROM unnest(v_renewed) AS n (token)
          LEFT JOIN octavo.lease_ranges r ON r.token = n.token
          LEFT JOIN octavo.batches b ON b.id = r.batch_id;
END $$;

-- As reap_v1, and clears away the segments that claims held while their batch was being given up.
CREATE FUNCTION octavo.reap_v2(p_limit integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    v_given_up bigint[] := ARRAY (
        SELECT id FROM octavo.batches WHERE state = 3 AND completed_at > clock_timestamp() - interval '1 hour');
BEGIN
    IF cardinality(v_given_up) > 0 THEN
        PERFORM octavo.sweep_segments_v1(v_given_up);
    END IF;
    RETURN octavo.reap_v1(p_limit);
END $$;

-- Deletes up to p_limit requests of a batch that is being deleted, with all that belongs to them, and once there are
-- none the batch itself. The window shrinks with its rows, so that whoever is next goes on behind them. The batch's lock
-- keeps a second deleter out for the time of a call. A batch that never was active has neither results nor leases, and
-- whoever may only load batches may delete it.
CREATE FUNCTION octavo.delete_rows_v1(p_batch_id bigint, p_limit integer)
RETURNS TABLE (requests integer, is_gone boolean)
LANGUAGE plpgsql
SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    v_activated_at timestamptz;
    v_window       octavo.windows;
    v_end          integer;
    v_deleted      integer;
    v_tokens       bigint[];
BEGIN
    SELECT activated_at INTO v_activated_at FROM octavo.batches WHERE id = p_batch_id AND state = 5 FOR UPDATE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 0, true;
        RETURN;
    END IF;
    SELECT * INTO v_window FROM octavo.windows w WHERE w.batch_id = p_batch_id ORDER BY w.number LIMIT 1;
    IF NOT FOUND THEN
        IF v_activated_at IS NOT NULL THEN
            v_tokens := ARRAY (
                SELECT token FROM octavo.lease_ranges WHERE batch_id = p_batch_id
                UNION SELECT unnest(previous) FROM octavo.lease_ranges WHERE batch_id = p_batch_id
                UNION SELECT unnest(previous) FROM octavo.segments WHERE batch_id = p_batch_id);
            DELETE FROM octavo.lease_ranges WHERE batch_id = p_batch_id;
        END IF;
        DELETE FROM octavo.segments WHERE batch_id = p_batch_id;
        IF cardinality(v_tokens) > 0 THEN
            PERFORM octavo.sweep_checkpoints_v1(v_tokens);
        END IF;
        DELETE FROM octavo.batches WHERE id = p_batch_id;
        RETURN QUERY SELECT 0, true;
        RETURN;
    END IF;
    v_end := least(v_window.first_position::bigint + p_limit, v_window.end_position);
    IF v_activated_at IS NOT NULL THEN
        DELETE FROM octavo.results
         WHERE batch_id = p_batch_id AND position >= v_window.first_position AND position < v_end;
        DELETE FROM octavo.failures
         WHERE batch_id = p_batch_id AND position >= v_window.first_position AND position < v_end;
    END IF;
    DELETE FROM octavo.requests
     WHERE batch_id = p_batch_id AND position >= v_window.first_position AND position < v_end;
    GET DIAGNOSTICS v_deleted = ROW_COUNT;
    IF v_end = v_window.end_position THEN
        DELETE FROM octavo.windows WHERE batch_id = p_batch_id AND number = v_window.number;
    ELSE
        UPDATE octavo.windows SET first_position = v_end WHERE batch_id = p_batch_id AND number = v_window.number;
    END IF;
    RETURN QUERY SELECT v_deleted, false;
END $$;

-- Requests of a live batch that are nowhere: neither pending, nor leased, nor ended. There are none, unless somebody
-- changed the tables by hand.
CREATE FUNCTION octavo.lost_requests_v1(p_batch_id bigint) RETURNS SETOF octavo.requests
LANGUAGE sql STABLE AS $$
    WITH places AS (
        SELECT p AS position FROM octavo.segments s, generate_series(s.next_position, s.end_position - 1) AS p
         WHERE s.batch_id = p_batch_id
        UNION ALL
        SELECT p FROM octavo.lease_ranges l, generate_series(l.first_position, l.end_position - 1) AS p
         WHERE l.batch_id = p_batch_id
        UNION ALL
        SELECT r.position FROM octavo.results r WHERE r.batch_id = p_batch_id
        UNION ALL
        SELECT f.position FROM octavo.failures f WHERE f.batch_id = p_batch_id AND f.is_final)
    SELECT q.*
      FROM octavo.requests q JOIN octavo.batches b ON b.id = q.batch_id AND b.state IN (1, 2, 4)
     WHERE q.batch_id = p_batch_id AND NOT EXISTS (SELECT FROM places p WHERE p.position = q.position);
$$;

-- What a recount of a batch's rows gives for its counters.
CREATE FUNCTION octavo.recount_v1(
    p_batch_id bigint, OUT done integer, OUT failed integer, OUT prompt_tokens bigint, OUT completion_tokens bigint
)
LANGUAGE sql STABLE AS $$
    SELECT count(*)::integer, (SELECT count(*)::integer FROM octavo.failures f WHERE f.batch_id = p_batch_id AND f.is_final),
           coalesce(sum(r.prompt_tokens), 0)::bigint, coalesce(sum(r.completion_tokens), 0)::bigint
      FROM octavo.results r WHERE r.batch_id = p_batch_id;
$$;

-- Queues the lost requests of a batch again, and sets its counters to a recount. Safe beside workers: a place is never
-- left but for another in one transaction, so that what one snapshot finds nowhere is nowhere; and results are inserted
-- before their batch is locked to count them, so that what the recount does not see is counted after it.
CREATE FUNCTION octavo.repair_batch_v1(p_batch_id bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM octavo.batches WHERE id = p_batch_id AND state <> 5 FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO octavo.segments (batch_id, next_position, end_position, prompt_tokens, max_new_tokens)
    SELECT p_batch_id, min(position), max(position) + 1, max(prompt_tokens), max(max_new_tokens)
      FROM (SELECT l.*, l.position - row_number() OVER (ORDER BY l.position) AS island
              FROM octavo.lost_requests_v1(p_batch_id) l) AS lost
     GROUP BY island;
    UPDATE octavo.batches b
       SET done = n.done, failed = n.failed, prompt_tokens = n.prompt_tokens, completion_tokens = n.completion_tokens,
           state = CASE WHEN b.state IN (1, 2, 4) AND n.done + n.failed = b.total THEN 4
                        WHEN b.state = 4 THEN 1 ELSE b.state END,
           completed_at = CASE WHEN b.state IN (1, 2, 4) AND n.done + n.failed < b.total THEN NULL
                               ELSE coalesce(b.completed_at, CASE WHEN n.done + n.failed = b.total AND b.state <> 0
                                                                  THEN clock_timestamp() END) END
      FROM octavo.recount_v1(p_batch_id) AS n
     WHERE b.id = p_batch_id;
END $$;

-- As before, and tells expired requests from cancelled ones.
CREATE OR REPLACE VIEW octavo.request_states AS
SELECT q.batch_id, b.name AS batch, q.custom_id, q.line,
       CASE WHEN r.token IS NOT NULL THEN 'finished'
            WHEN f.is_final THEN 'failed'
            WHEN b.is_expired THEN 'expired'
            WHEN b.state IN (3, 5) THEN 'cancelled'
            WHEN held.token IS NOT NULL THEN 'leased'
            WHEN f.attempts > 0 THEN 'retrying'
            ELSE 'pending' END AS state,
       coalesce(f.attempts, 0::smallint) AS failed_attempts,
       coalesce(
            (SELECT l.worker FROM octavo.leases l WHERE l.token = coalesce(r.token, held.token, f.token)),
            (SELECT g.worker FROM octavo.lease_log g WHERE g.token = coalesce(r.token, held.token, f.token))) AS worker,
       coalesce(r.prompt_tokens, q.prompt_tokens) AS prompt_tokens,
       r.completion_tokens,
       CASE WHEN r.token IS NULL THEN f.error END AS error,
       coalesce(r.finished_at, f.failed_at) AS ended_at,
       q.position
  FROM octavo.requests q
  JOIN octavo.batches b ON b.id = q.batch_id
  LEFT JOIN octavo.results r ON r.batch_id = q.batch_id AND r.position = q.position
  LEFT JOIN octavo.failures f ON f.batch_id = q.batch_id AND f.position = q.position
  -- Ranges of leases never overlap: if any holds the request, it is the nearest that begins at or before it.
  LEFT JOIN LATERAL (
        SELECT n.token, n.end_position FROM octavo.lease_ranges n
         WHERE n.batch_id = q.batch_id AND n.first_position <= q.position
         ORDER BY n.first_position DESC LIMIT 1) AS held ON held.end_position > q.position;

COMMENT ON VIEW octavo.request_states IS
    'One row per request: pending, leased, retrying, finished, failed, cancelled, expired';
