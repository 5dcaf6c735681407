-- A clock of virtual time, by which batches join that are new or come back; and look-ups of a batch's row that stay short
-- while something holds back vacuum.
--
-- Batches used to join at the least virtual time of the active ones. Where batches as small as a lease kept coming as
-- fast as leases were claimed, each joined at that least time again, and they passed a larger one, once served, for ever.
-- The clock goes on with every claim, by what was claimed divided by the weights of all that want to be served, as in
-- weighted fair queueing, so that later newcomers join later.
--
-- Functions that workers of earlier versions call are replaced by ones that they cannot tell from those before. Workers
-- that call claim_v1 leave the clock standing, which only means that newcomers join earlier, as before.

-- In tokens for each unit of weight. A sequence, since it has no lock that lasts until the commit, for which claims of
-- different batches would wait, and no versions. Of two claims at once, one may not be seen: it need not be exact.
CREATE SEQUENCE octavo.virtual_clock MINVALUE 0 START 0;

-- Roles that were granted their privileges before: whoever may claim, and whoever may submit batches.
DO $$
DECLARE
    v_grant record;
BEGIN
    FOR v_grant IN
        SELECT DISTINCT CASE c.relname WHEN 'leases' THEN 'SELECT, UPDATE' ELSE 'SELECT' END AS privileges,
               CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS grantee
          FROM pg_catalog.pg_class c CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) AS a
         WHERE c.oid IN ('octavo.leases'::regclass, 'octavo.requests'::regclass) AND a.privilege_type = 'INSERT'
    LOOP
        EXECUTE format('GRANT %s ON SEQUENCE octavo.virtual_clock TO %s', v_grant.privileges, v_grant.grantee);
    END LOOP;
END $$;

-- The priority that a batch has come to. Ten minutes of waiting are worth one step, but never make a batch urgent.
-- (extract gives a numeric, which takes three times as long with a thousand batches.)
CREATE FUNCTION octavo.aged_priority_v1(p_priority smallint, p_activated_at timestamptz, p_now timestamptz)
RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_priority = 0 THEN 0
                ELSE greatest(1, p_priority - floor(date_part('epoch', p_now - p_activated_at) / 600)) END;
$$;

-- The virtual time at which a batch joins the active ones: that of the clock, but neither before all nor behind all of
-- those that it is to take turns with. (The clock is of all batches; those of another model or priority may be far from
-- it.) What the batch was served before counts, but puts it no further back than behind all, either.
CREATE FUNCTION octavo.joining_vtime_v2(p_batch_id bigint) RETURNS double precision
LANGUAGE sql STABLE AS $$
    SELECT least(greatest(own.vtime, c.last_value, min(o.vtime)), max(o.vtime))
      FROM octavo.virtual_clock c
     CROSS JOIN octavo.batches own
      LEFT JOIN octavo.batches o
        ON o.state = 1 AND o.id <> own.id AND coalesce(o.model = own.model, true)
       AND octavo.aged_priority_v1(o.priority, o.activated_at, clock_timestamp())
           = octavo.aged_priority_v1(own.priority, coalesce(own.activated_at, clock_timestamp()), clock_timestamp())
     WHERE own.id = p_batch_id
     GROUP BY own.vtime, c.last_value;
$$;

-- Locks a batch, and returns where its row is now; NULL if there is none. To be used by the caller's next statement, which
-- sees what this one has waited for.
--
-- The row is updated with every claim and every write-back, and while some transaction holds back vacuum, all of its
-- versions stay and are in the index, oldest first. So the index is read backward, which is what looking for a range
-- of one id in falling order does (to look for one id, any direction will do), and only up to the version that counts.
CREATE FUNCTION octavo.lock_batch_v1(p_batch_id bigint) RETURNS tid
LANGUAGE plpgsql AS $$
DECLARE
    v_row tid;
BEGIN
    SELECT b.ctid INTO v_row FROM octavo.batches b
     WHERE b.id BETWEEN p_batch_id AND p_batch_id ORDER BY b.id DESC LIMIT 1 FOR NO KEY UPDATE;
    RETURN v_row;
END $$;

-- As before, and advances the clock. A segment that is locked is found again by its place.
CREATE OR REPLACE FUNCTION octavo.claim_v2(
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
    v_batch    record;
    v_first    record;
    v_row      tid;
    v_index    integer;
    v_segment  record;
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
    FOR v_batch IN
        -- One after the other, backward (see lock_batch_v1); more than a few by a scan, which takes less time for each.
        WITH RECURSIVE newest AS (
            (SELECT 1 AS number, b.id, b.vtime, b.model, b.activated_at, b.priority, b.weight
               FROM octavo.batches b WHERE b.state = 1 ORDER BY b.id DESC LIMIT 1)
            UNION ALL
            SELECT p.number + 1, b.*
              FROM newest p
             CROSS JOIN LATERAL (
                    SELECT n.id, n.vtime, n.model, n.activated_at, n.priority, n.weight
                      FROM octavo.batches n WHERE n.state = 1 AND n.id < p.id ORDER BY n.id DESC LIMIT 1) AS b
             WHERE p.number < 16),
        candidates AS MATERIALIZED (
            SELECT b.id, b.vtime, b.weight, octavo.aged_priority_v1(b.priority, b.activated_at, v_now) AS priority
              FROM (
                SELECT id, vtime, model, activated_at, priority, weight FROM newest
                UNION ALL
                SELECT id, vtime, model, activated_at, priority, weight FROM octavo.batches
                 WHERE state = 1 AND id < (SELECT id FROM newest WHERE number = 16)) AS b
             WHERE (b.model IS NULL OR b.model = ANY (p_models)) AND (p_only_batch IS NULL OR b.id = p_only_batch))
        SELECT b.id, b.vtime, b.weight, (SELECT sum(weight) FROM candidates) AS weights
          FROM candidates b
         ORDER BY b.priority, b.vtime, b.id
    LOOP
        v_spent := 0;
        LOOP
            -- After the first segment, only what decodes well beside it: at least half its length, or within 64
            -- tokens, which cost little to prefill. Suspects are only joined by others that were lost as often.
            SELECT s.ctid AS place, s.* INTO v_segment FROM octavo.segments s
             WHERE s.batch_id = v_batch.id AND s.available_at IS NULL
               AND (v_taken = 0 OR s.losses = v_losses AND s.prompt_tokens BETWEEN v_longest / 2 - 64 AND v_longest)
             ORDER BY s.prompt_tokens DESC, s.id LIMIT 1
               FOR UPDATE SKIP LOCKED;
            IF NOT FOUND AND v_taken = 0 THEN
                -- All that there is may be in the hands of another claim, which will leave most of it. Claims that
                -- wait here have taken nothing yet, so nobody waits for them.
                SELECT s.ctid AS place, s.* INTO v_segment FROM octavo.segments s
                 WHERE s.batch_id = v_batch.id AND s.available_at IS NULL
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
                DELETE FROM octavo.segments WHERE ctid = v_segment.place;
            ELSE
                UPDATE octavo.segments SET next_position = next_position + v_count WHERE ctid = v_segment.place;
            END IF;
            v_ranges := v_ranges || ROW (
                v_batch.id, v_segment.next_position, v_segment.next_position + v_count, v_token,
                v_segment.prompt_tokens, v_segment.max_new_tokens, v_segment.losses, v_segment.previous
            )::octavo.lease_ranges;
            v_spent := v_spent + v_cost * v_count;
            v_budget := v_budget - v_cost * v_count;
            v_taken := v_taken + v_count;
            EXIT WHEN v_taken >= v_limit;
        END LOOP;
        IF v_spent > 0 THEN
            IF v_ids = '{}' THEN
                v_first := v_batch;
            END IF;
            v_ids := v_ids || v_batch.id;
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
    -- The clock never stays behind the batch that is served. A batch that is alone is where others join, whatever the
    -- clock says.
    IF v_first.weights > v_first.weight THEN
        PERFORM setval('octavo.virtual_clock', greatest(
                    c.last_value + ceil((p_token_budget - v_budget)::double precision / v_first.weights),
                    v_first.vtime)::bigint)
           FROM octavo.virtual_clock c;
    END IF;
    -- Last, since from here to the commit other claims of these batches wait.
    FOR v_index IN SELECT u.ordinal FROM unnest(v_ids) WITH ORDINALITY AS u (id, ordinal) ORDER BY u.id LOOP
        v_row := octavo.lock_batch_v1(v_ids[v_index]);
        UPDATE octavo.batches b
           SET vtime = b.vtime + v_costs[v_index]::double precision / b.weight,
               started_at = coalesce(b.started_at, v_now)
         WHERE b.ctid = v_row;
    END LOOP;
END $$;

-- As before, with one look-up of each batch.
CREATE OR REPLACE FUNCTION octavo.count_v2(
    p_batch_ids bigint[], p_done integer[], p_prompt_tokens bigint[], p_completion_tokens bigint[]
) RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_row tid;
BEGIN
    FOR v_index IN 1 .. cardinality(p_batch_ids) LOOP
        v_row := octavo.lock_batch_v1(p_batch_ids[v_index]);
        UPDATE octavo.batches b
           SET done = b.done + p_done[v_index],
               prompt_tokens = b.prompt_tokens + p_prompt_tokens[v_index],
               completion_tokens = b.completion_tokens + p_completion_tokens[v_index],
               state = CASE WHEN b.done + b.failed + p_done[v_index] = b.total THEN 4 ELSE b.state END,
               completed_at = CASE WHEN b.done + b.failed + p_done[v_index] = b.total THEN clock_timestamp() END
         WHERE b.ctid = v_row AND b.state IN (1, 2);
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a batch was cancelled while its results were being written'
                  USING ERRCODE = 'serialization_failure';
        END IF;
    END LOOP;
END $$;

-- As before, with one look-up of each batch.
CREATE OR REPLACE FUNCTION octavo.finish_v2(
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
         CROSS JOIN LATERAL (
                SELECT state FROM octavo.batches
                 WHERE id BETWEEN r.batch_id AND r.batch_id ORDER BY id DESC LIMIT 1) AS b
          JOIN unnest(p_batch_ids, p_positions, p_prompt_tokens, p_completion_tokens, p_finish_reasons, p_bodies)
               AS u (batch_id, position, prompt_tokens, completion_tokens, finish_reason, body)
            ON u.batch_id = r.batch_id AND u.position >= r.first_position AND u.position < r.end_position
         WHERE r.token = p_token AND b.state IN (1, 2)
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

-- As before; a batch that was completed joins again by the clock.
CREATE OR REPLACE FUNCTION octavo.retry_failed_v1(p_batch_id bigint, p_kind text) RETURNS integer
LANGUAGE plpgsql
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    v_requests integer;
BEGIN
    PERFORM FROM octavo.batches WHERE id = p_batch_id AND state IN (1, 2, 4) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    WITH forgiven AS (
        DELETE FROM octavo.failures f
         WHERE f.batch_id = p_batch_id AND f.is_final AND (p_kind IS NULL OR f.kind = p_kind) RETURNING f.position),
    pending AS (
        SELECT q.position, q.prompt_tokens, q.max_new_tokens,
               floor(ln(greatest(q.prompt_tokens, 1)) / ln(1.25)) AS length,
               q.position - row_number() OVER (ORDER BY q.position) AS island
          FROM forgiven f JOIN octavo.requests q ON q.batch_id = p_batch_id AND q.position = f.position),
    queued AS (
        INSERT INTO octavo.segments (batch_id, next_position, end_position, prompt_tokens, max_new_tokens)
        SELECT p_batch_id, min(position), max(position) + 1, max(prompt_tokens), max(max_new_tokens)
          FROM pending GROUP BY island, length
        RETURNING end_position - next_position AS requests)
    SELECT coalesce(sum(requests), 0) INTO v_requests FROM queued;
    IF v_requests > 0 THEN
        UPDATE octavo.batches
           SET failed = failed - v_requests, completed_at = NULL, state = CASE WHEN state = 4 THEN 1 ELSE state END,
               vtime = CASE WHEN state = 4 THEN octavo.joining_vtime_v2(id) ELSE vtime END
         WHERE id = p_batch_id;
        PERFORM octavo.announce_v1(p_batch_id);
    END IF;
    RETURN v_requests;
END $$;
