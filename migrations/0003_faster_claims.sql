-- Claims and write-backs with fewer statements and fewer locks. The functions beside which these stand go on working:
-- a lease that one version claimed, another may finish.
--
-- To a planner whose statistics do not know a batch yet, it has one request, and any index that begins with batch_id
-- finds that: claim_v1 then read the whole batch by the index of custom ids for every claim, until the next ANALYZE.
-- Here plans do not depend on statistics. They are made once (force_generic_plan: else those that read the requests
-- were made anew in every call), and where rows are wanted in the order of an index, sorting is forbidden.

-- The last minute's results were found by reading all pages since the last vacuum, which at ten million requests come
-- to half a million rows.
ALTER INDEX octavo.results_finished_at SET (autosummarize = on);

-- As claim_v1, and tells how often these requests were lost with a worker (the same for all of a lease), which a worker
-- had to ask for. The lease is inserted last, with what it holds, instead of being updated.
CREATE FUNCTION octavo.claim_v2(
    p_worker text, p_fingerprint text, p_models text[],
    p_max_requests integer, p_token_budget bigint, p_ttl_seconds double precision, p_only_batch bigint DEFAULT NULL
) RETURNS TABLE (
    token bigint, losses smallint, batch_id bigint, "position" integer, line integer, prompt_tokens integer,
    attempts smallint, custom_id text, body text, previous bigint[]
)
LANGUAGE plpgsql
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_sort = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    v_now      timestamptz := clock_timestamp();
    v_batch_id bigint;
    v_segment  octavo.segments;
    v_token    bigint;
    v_longest  integer;
    v_losses   smallint;
    v_limit    integer;
    v_budget   bigint := p_token_budget;
    v_cost     bigint;
    v_spent    bigint;
    v_count    integer;
    v_taken    integer := 0;
    v_ranges   octavo.lease_ranges[] := '{}';
    v_ids      bigint[] := '{}';
    v_costs    bigint[] := '{}';
BEGIN
    UPDATE octavo.segments SET available_at = NULL
     WHERE id = ANY (ARRAY (
        SELECT s.id FROM octavo.segments s WHERE s.available_at <= v_now
         ORDER BY s.available_at LIMIT 256 FOR UPDATE SKIP LOCKED));

    <<filling>>
    FOR v_batch_id IN
        SELECT b.id FROM octavo.batches b
         WHERE b.state = 1 AND (b.model IS NULL OR b.model = ANY (p_models))
           AND (p_only_batch IS NULL OR b.id = p_only_batch)
         ORDER BY
            -- Ten minutes of waiting are worth one step of priority, but never make a batch urgent. (extract gives a
            -- numeric, which takes three times as long with a thousand batches.)
            CASE WHEN b.priority = 0 THEN 0
                 ELSE greatest(1, b.priority - floor(date_part('epoch', v_now - b.activated_at) / 600)) END,
            b.vtime, b.id
    LOOP
        v_spent := 0;
        LOOP
            -- After the first segment, only what decodes well beside it: at least half its length, or within 64
            -- tokens, which cost little to prefill. Suspects are only joined by others that were lost as often.
            SELECT * INTO v_segment FROM octavo.segments s
             WHERE s.batch_id = v_batch_id AND s.available_at IS NULL
               AND (v_taken = 0 OR s.losses = v_losses AND s.prompt_tokens BETWEEN v_longest / 2 - 64 AND v_longest)
             ORDER BY s.prompt_tokens DESC, s.id LIMIT 1
               FOR UPDATE SKIP LOCKED;
            IF NOT FOUND AND v_taken = 0 THEN
                -- All that there is may be in the hands of another claim, which will leave most of it. Claims that
                -- wait here have taken nothing yet, so nobody waits for them.
                SELECT * INTO v_segment FROM octavo.segments s
                 WHERE s.batch_id = v_batch_id AND s.available_at IS NULL
                 ORDER BY s.prompt_tokens DESC, s.id LIMIT 1
                   FOR UPDATE;
            END IF;
            EXIT WHEN v_segment.id IS NULL;

            IF v_taken = 0 THEN
                -- From the second loss on, each halves the lease, so that what crashes its workers is soon alone.
                v_losses := v_segment.losses;
                v_limit := greatest(p_max_requests >> least(greatest(v_losses - 1, 0), 30), 1);
                v_longest := v_segment.prompt_tokens;
                v_token := nextval(pg_get_serial_sequence('octavo.leases', 'token'));
            END IF;
            v_cost := v_segment.prompt_tokens::bigint + v_segment.max_new_tokens;
            v_count := least(v_limit - v_taken, v_budget / greatest(v_cost, 1),
                             v_segment.end_position - v_segment.next_position);
            v_count := greatest(v_count, (v_taken = 0)::integer);
            EXIT WHEN v_count < 1;

            IF v_segment.next_position + v_count = v_segment.end_position THEN
                DELETE FROM octavo.segments WHERE id = v_segment.id;
            ELSE
                UPDATE octavo.segments SET next_position = next_position + v_count WHERE id = v_segment.id;
            END IF;
            v_ranges := v_ranges || ROW (
                v_batch_id, v_segment.next_position, v_segment.next_position + v_count, v_token,
                v_segment.prompt_tokens, v_segment.max_new_tokens, v_segment.losses, v_segment.previous
            )::octavo.lease_ranges;
            v_spent := v_spent + v_cost * v_count;
            v_budget := v_budget - v_cost * v_count;
            v_taken := v_taken + v_count;
            EXIT WHEN v_taken >= v_limit;
        END LOOP;
        IF v_spent > 0 THEN
            v_ids := v_ids || v_batch_id;
            v_costs := v_costs || v_spent;
        END IF;
        EXIT filling WHEN v_taken > 0 AND (v_taken >= v_limit OR v_count < 1);
    END LOOP;

    IF v_taken = 0 THEN
        RETURN;
    END IF;
    INSERT INTO octavo.leases (token, expires_at, requests, remaining, worker, fingerprint) OVERRIDING SYSTEM VALUE
    VALUES (v_token, clock_timestamp() + make_interval(secs => p_ttl_seconds), v_taken, v_taken, p_worker,
            p_fingerprint);
    INSERT INTO octavo.lease_ranges SELECT * FROM unnest(v_ranges);
    RETURN QUERY
        SELECT v_token, v_losses, q.batch_id, q.position, q.line, q.prompt_tokens,
               coalesce((SELECT f.attempts FROM octavo.failures f
                          WHERE f.batch_id = q.batch_id AND f.position = q.position), 0::smallint),
               q.custom_id, q.body, r.previous
          FROM unnest(v_ranges) AS r
         CROSS JOIN LATERAL (
                -- In order, which only the primary key gives without a sort.
                SELECT * FROM octavo.requests o
                 WHERE o.batch_id = r.batch_id AND o.position >= r.first_position AND o.position < r.end_position
                 ORDER BY o.batch_id, o.position) AS q;
    -- Last, since from here to the commit other claims of these batches wait.
    IF cardinality(v_ids) > 1 THEN
        PERFORM FROM octavo.batches WHERE id = ANY (v_ids) ORDER BY id FOR NO KEY UPDATE;
    END IF;
    UPDATE octavo.batches b
       SET vtime = b.vtime + c.cost / b.weight, started_at = coalesce(b.started_at, v_now)
      FROM unnest(v_ids, v_costs) AS c (id, cost)
     WHERE b.id = c.id;
END $$;

-- Adds finished requests to the counters of batches, given in order, and completes those of which nothing is left. A
-- batch that was cancelled since the caller looked is a serialization failure, as in count_v1.
CREATE FUNCTION octavo.count_v2(
    p_batch_ids bigint[], p_done integer[], p_prompt_tokens bigint[], p_completion_tokens bigint[]
) RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_counted integer;
BEGIN
    IF cardinality(p_batch_ids) > 1 THEN
        PERFORM FROM octavo.batches WHERE id = ANY (p_batch_ids) ORDER BY id FOR NO KEY UPDATE;
    END IF;
    UPDATE octavo.batches b
       SET done = b.done + c.done,
           prompt_tokens = b.prompt_tokens + c.prompt_tokens,
           completion_tokens = b.completion_tokens + c.completion_tokens,
           state = CASE WHEN b.done + b.failed + c.done = b.total THEN 4 ELSE b.state END,
           completed_at = CASE WHEN b.done + b.failed + c.done = b.total THEN clock_timestamp() END
      FROM unnest(p_batch_ids, p_done, p_prompt_tokens, p_completion_tokens)
           AS c (id, done, prompt_tokens, completion_tokens)
     WHERE b.id = c.id AND b.state IN (1, 2);
    GET DIAGNOSTICS v_counted = ROW_COUNT;
    IF v_counted < cardinality(p_batch_ids) THEN
        RAISE EXCEPTION 'a batch was cancelled while its results were being written'
              USING ERRCODE = 'serialization_failure';
    END IF;
END $$;

-- As finish_v1. It looks for what an earlier call stored only if something was not stored by this one, finds the lease's
-- ranges and the batches' states once instead of for each result, and locks the batches last, so that others that
-- write to them wait only for the commit.
CREATE FUNCTION octavo.finish_v2(
    p_token bigint, p_ttl_seconds double precision,
    p_batch_ids bigint[], p_positions integer[], p_finish_reasons smallint[],
    p_prompt_tokens integer[], p_completion_tokens integer[], p_bodies text[],
    p_sequence integer, p_progress bytea
) RETURNS TABLE (accepted integer, already integer, is_fenced boolean)
LANGUAGE plpgsql
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    v_lease   octavo.leases;
    v_new     record;
    v_stored  integer;
BEGIN
    SELECT * INTO v_lease FROM octavo.leases l WHERE l.token = p_token FOR UPDATE;

    -- Without a lease there are no ranges, and nothing is stored.
    WITH stored AS (
        INSERT INTO octavo.results (batch_id, token, position, prompt_tokens, completion_tokens, finish_reason, body)
        SELECT u.batch_id, p_token, u.position, u.prompt_tokens, u.completion_tokens, u.finish_reason, u.body
          FROM octavo.lease_ranges r
          JOIN octavo.batches b ON b.id = r.batch_id AND b.state IN (1, 2)
          JOIN unnest(p_batch_ids, p_positions, p_prompt_tokens, p_completion_tokens, p_finish_reasons, p_bodies)
               AS u (batch_id, position, prompt_tokens, completion_tokens, finish_reason, body)
            ON u.batch_id = r.batch_id AND u.position >= r.first_position AND u.position < r.end_position
         WHERE r.token = p_token
            ON CONFLICT DO NOTHING
        RETURNING batch_id, prompt_tokens, completion_tokens),
    counted AS (
        SELECT batch_id, count(*)::integer AS done, sum(prompt_tokens) AS prompt_tokens,
               sum(completion_tokens) AS completion_tokens
          FROM stored GROUP BY batch_id ORDER BY batch_id)
    SELECT coalesce(sum(done), 0)::integer AS total, array_agg(batch_id) AS batch_ids, array_agg(done) AS done,
           array_agg(prompt_tokens) AS prompt_tokens, array_agg(completion_tokens) AS completion_tokens
      INTO v_new FROM counted;

    v_stored := v_new.total;
    IF v_stored < cardinality(p_positions) THEN
        SELECT count(*) INTO v_stored
          FROM unnest(p_batch_ids, p_positions) AS u (batch_id, position)
          JOIN octavo.results r ON r.batch_id = u.batch_id AND r.position = u.position AND r.token = p_token;
    END IF;
    IF v_lease.token IS NULL THEN
        RETURN QUERY SELECT 0, v_stored, v_stored = 0 OR v_stored < cardinality(p_positions);
        RETURN;
    END IF;

    IF p_progress IS NOT NULL THEN
        INSERT INTO octavo.checkpoints VALUES (p_token, p_sequence, v_lease.fingerprint, p_progress)
            ON CONFLICT DO NOTHING;
    END IF;
    PERFORM octavo.settle_lease_v1(p_token, v_lease.remaining - v_new.total, p_ttl_seconds);
    IF v_new.total > 0 THEN
        PERFORM octavo.count_v2(v_new.batch_ids, v_new.done, v_new.prompt_tokens, v_new.completion_tokens);
    END IF;
    RETURN QUERY SELECT v_new.total, v_stored - v_new.total, false;
END $$;
