-- The queue: what was asked (batches, requests), what is yet to do (segments), who does it (leases), what came of it
-- (results, failures), and how far unfinished answers had come (checkpoints).
--
-- Requests never change once loaded. What moves is a cursor: a claim advances the cursor of a segment and inserts one
-- lease, whatever the number of requests, so that neither the backlog nor dead rows slow it. A lease is claimed,
-- renewed, checkpointed and lost as one unit; its token, never reused, is the only proof of holding it, and every
-- write of a worker begins by locking its lease row under that token.
--
-- Rules that every function here keeps:
--   * Time is clock_timestamp() of this server. now() stands still in a transaction, and workers' clocks are theirs.
--   * Locks are taken in the order leases, segments, batches (by id), so that no two functions can deadlock.
--   * Names end in a version: a changed function is a new one beside the old, which running workers go on calling.
--   * Functions that look into the large tables forbid sequential scans, and hash and merge joins if they join at all.
--     They touch a few hundred rows by primary key, and a planner without fresh statistics would read whole tables.
--   * No session state, so that all of it works behind a transaction-mode connection pool.

-- A file of requests. Updated by every claim and every write-back: no index covers a column that those change, and
-- pages stay half empty, so that updates are heap-only. States are numbers with a CHECK, since an enum's values
-- cannot be migrated both ways.
CREATE TABLE octavo.batches (
    id                 bigint GENERATED ALWAYS AS IDENTITY,
    created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    activated_at       timestamptz,
    started_at         timestamptz,
    completed_at       timestamptz,
    seed               bigint NOT NULL,
    -- Stride scheduling: the work done for the batch divided by its weight; the least goes next.
    vtime              double precision NOT NULL DEFAULT 0,
    loaded_bytes       bigint NOT NULL DEFAULT 0,
    prompt_tokens      bigint NOT NULL DEFAULT 0,
    completion_tokens  bigint NOT NULL DEFAULT 0,
    loaded_rows        integer NOT NULL DEFAULT 0,
    total              integer NOT NULL DEFAULT 0,
    done               integer NOT NULL DEFAULT 0,
    failed             integer NOT NULL DEFAULT 0,
    -- 0 loading, 1 active, 2 paused, 3 cancelled, 4 completed, 5 being deleted.
    state              smallint NOT NULL DEFAULT 0,
    -- 0 is urgent and served before all else; a greater number waits, but ages toward 1.
    priority           smallint NOT NULL DEFAULT 2,
    weight             smallint NOT NULL DEFAULT 1,
    max_attempts       smallint NOT NULL DEFAULT 4,
    idempotency_key    text NOT NULL,
    -- A hash of the file and of all that shapes its answers: the same key for other contents is a mistake.
    file_identity      text NOT NULL,
    name               text NOT NULL,
    source             text NOT NULL,
    -- NULL: any model may answer.
    model              text,
    -- Defaults merged into every body, as JSON text (not jsonb: it keeps numbers and escapes as they were written).
    settings           json NOT NULL DEFAULT '{}',
    CONSTRAINT batches_pkey PRIMARY KEY (id),
    CONSTRAINT batches_idempotency_key_unique UNIQUE (idempotency_key),
    CONSTRAINT batches_state_known CHECK (state BETWEEN 0 AND 5),
    CONSTRAINT batches_priority_range CHECK (priority BETWEEN 0 AND 100),
    CONSTRAINT batches_weight_range CHECK (weight BETWEEN 1 AND 1000),
    CONSTRAINT batches_max_attempts_range CHECK (max_attempts BETWEEN 1 AND 100),
    CONSTRAINT batches_counters_consistent CHECK (done >= 0 AND failed >= 0 AND done + failed <= total)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- Claims look at active batches only, however many finished ones are kept.
CREATE INDEX batches_active ON octavo.batches (id) WHERE state = 1;

-- One line of a batch's file. Positions count from 0 and go by falling length within a window, so that neighbors
-- decode well together; line is where the request stood in the file. Insert-only.
CREATE TABLE octavo.requests (
    batch_id        bigint NOT NULL,
    position        integer NOT NULL,
    line            integer NOT NULL,
    prompt_tokens   integer NOT NULL,
    max_new_tokens  integer NOT NULL,
    custom_id       text NOT NULL,
    body            text NOT NULL,
    CONSTRAINT requests_pkey PRIMARY KEY (batch_id, position),
    CONSTRAINT requests_lengths_natural CHECK (position >= 0 AND prompt_tokens >= 0 AND max_new_tokens >= 0),
    -- A B-tree entry has to fit a third of a page.
    CONSTRAINT requests_custom_id_length CHECK (octet_length(custom_id) <= 1024)
    -- Bodies up to a page stay in the row: a claim reads them all, in order. Inserts alone call for vacuum early, so
    -- that index-only scans work by the time of the export.
) WITH (toast_tuple_target = 8160, autovacuum_vacuum_insert_scale_factor = 0.05);

-- "Where is my row?", and the last defense against a duplicate custom_id.
CREATE UNIQUE INDEX requests_custom_id_unique ON octavo.requests (batch_id, custom_id);

-- A stretch of consecutive lines that was loaded in one transaction and sorted by length: within it, positions are a
-- permutation of the lines; across windows both rise. The export goes window by window.
CREATE TABLE octavo.windows (
    batch_id        bigint NOT NULL,
    number          integer NOT NULL,
    first_position  integer NOT NULL,
    end_position    integer NOT NULL,
    CONSTRAINT windows_pkey PRIMARY KEY (batch_id, number),
    CONSTRAINT windows_not_empty CHECK (first_position < end_position)
);

-- Pending requests of like length, next_position up to end_position. A claim moves next_position, and deletes the
-- segment when it is used up.
CREATE TABLE octavo.segments (
    id              bigint GENERATED ALWAYS AS IDENTITY,
    batch_id        bigint NOT NULL,
    -- NULL: now. Else not before this time; the next claim after it sets NULL.
    available_at    timestamptz,
    next_position   integer NOT NULL,
    end_position    integer NOT NULL,
    -- The greatest of any request in it.
    prompt_tokens   integer NOT NULL,
    max_new_tokens  integer NOT NULL,
    -- How many leases on these requests were lost with their worker.
    losses          smallint NOT NULL DEFAULT 0,
    -- Tokens of earlier leases whose checkpoints hold progress of these requests.
    previous        bigint[],
    CONSTRAINT segments_pkey PRIMARY KEY (id),
    CONSTRAINT segments_not_empty CHECK (next_position < end_position)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- Longest first: what is left at the end of a batch is short, and the workers finish together. Segments that wait are
-- kept out of the claims' way in an index of their own. No column of either index changes when a cursor moves.
CREATE INDEX segments_ready ON octavo.segments (batch_id, prompt_tokens DESC, id) WHERE available_at IS NULL;
CREATE INDEX segments_waiting ON octavo.segments (available_at) WHERE available_at IS NOT NULL;
CREATE INDEX segments_with_progress ON octavo.segments (batch_id) WHERE previous IS NOT NULL;

-- One worker's hold on some ranges of requests until expires_at; past it, until somebody reaps. Small, and updated
-- often: expires_at has no index so that a heartbeat is a heap-only update.
CREATE TABLE octavo.leases (
    token        bigint GENERATED ALWAYS AS IDENTITY,
    claimed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz NOT NULL,
    requests     integer NOT NULL,
    -- Requests that have neither finished nor left the lease by failing.
    remaining    integer NOT NULL,
    worker       text NOT NULL,
    -- What computes the answers; progress of another fingerprint is no use to it.
    fingerprint  text NOT NULL,
    CONSTRAINT leases_pkey PRIMARY KEY (token),
    CONSTRAINT leases_remaining_natural CHECK (remaining >= 0)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- What a lease holds. Ranges of live leases never overlap: the primary key is the backstop. The other columns are the
-- segment's, kept for the day that the range is given back.
CREATE TABLE octavo.lease_ranges (
    batch_id        bigint NOT NULL,
    first_position  integer NOT NULL,
    end_position    integer NOT NULL,
    token           bigint NOT NULL,
    prompt_tokens   integer NOT NULL,
    max_new_tokens  integer NOT NULL,
    losses          smallint NOT NULL,
    previous        bigint[],
    CONSTRAINT lease_ranges_pkey PRIMARY KEY (batch_id, first_position),
    CONSTRAINT lease_ranges_token_fkey FOREIGN KEY (token) REFERENCES octavo.leases ON DELETE CASCADE,
    CONSTRAINT lease_ranges_not_empty CHECK (first_position < end_position)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

CREATE INDEX lease_ranges_token ON octavo.lease_ranges (token);

-- How each lease ended: who computed what, and what was lost. Kept 30 days.
CREATE TABLE octavo.lease_log (
    token       bigint NOT NULL,
    claimed_at  timestamptz NOT NULL,
    ended_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    requests    integer NOT NULL,
    remaining   integer NOT NULL,
    outcome     text NOT NULL,
    worker      text NOT NULL,
    CONSTRAINT lease_log_pkey PRIMARY KEY (token),
    CONSTRAINT lease_log_outcome_known CHECK (outcome IN ('finished', 'released', 'lost'))
);

-- A finished request, once. The token tells a repeated write of the same lease from a conflicting one. Insert-only.
CREATE TABLE octavo.results (
    batch_id           bigint NOT NULL,
    token              bigint NOT NULL,
    finished_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    position           integer NOT NULL,
    prompt_tokens      integer NOT NULL,
    completion_tokens  integer NOT NULL,
    -- 0 stop, 1 length, 2 content filter, 3 tool calls.
    finish_reason      smallint NOT NULL,
    body               text NOT NULL,
    CONSTRAINT results_pkey PRIMARY KEY (batch_id, position),
    CONSTRAINT results_tokens_natural CHECK (prompt_tokens >= 0 AND completion_tokens >= 0)
) WITH (toast_tuple_target = 8160, autovacuum_vacuum_insert_scale_factor = 0.05);

-- Rates over the last minute. Rows come in order of time, so a few bytes per hundred pages find them.
CREATE INDEX results_finished_at ON octavo.results USING brin (finished_at) WITH (pages_per_range = 64);

-- A request that failed at least once: its count of attempts, and, once final, its end.
CREATE TABLE octavo.failures (
    batch_id     bigint NOT NULL,
    -- The lease under which it last failed, so that a repeated report burns no second attempt.
    token        bigint NOT NULL,
    failed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    position     integer NOT NULL,
    attempts     smallint NOT NULL,
    status_code  smallint NOT NULL,
    is_final     boolean NOT NULL,
    kind         text NOT NULL,
    -- The OpenAI error object, as JSON text.
    error        text NOT NULL,
    CONSTRAINT failures_pkey PRIMARY KEY (batch_id, position),
    CONSTRAINT failures_attempts_natural CHECK (attempts >= 0)
);

-- Decode progress: tokens since the lease's last checkpoint, of all its requests in one blob (the format is the
-- queue library's). Only ever appended to, since rewriting a growing value would write it whole each time.
CREATE TABLE octavo.checkpoints (
    token        bigint NOT NULL,
    sequence     integer NOT NULL,
    fingerprint  text NOT NULL,
    progress     bytea NOT NULL,
    CONSTRAINT checkpoints_pkey PRIMARY KEY (token, sequence)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);

-- Token ids do not compress well enough to pay for trying.
ALTER TABLE octavo.checkpoints ALTER COLUMN progress SET STORAGE EXTERNAL;

-- LZ4 costs a fraction of the default compression, where the server was built with it.
DO $$
BEGIN
    ALTER TABLE octavo.requests ALTER COLUMN body SET COMPRESSION lz4;
    ALTER TABLE octavo.results ALTER COLUMN body SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL;
END $$;

-- Workers as they last reported themselves; nothing is decided by this table.
CREATE TABLE octavo.workers (
    name               text NOT NULL,
    started_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    tokens_per_second  double precision NOT NULL,
    pid                integer NOT NULL,
    requests           integer NOT NULL,
    host               text NOT NULL,
    fingerprint        text NOT NULL,
    models             text[] NOT NULL,
    CONSTRAINT workers_pkey PRIMARY KEY (name)
) WITH (fillfactor = 50);

-- Wakes idle workers. Once per batch, never per request: a notification takes a lock that serializes commits.
CREATE FUNCTION octavo.announce_v1(p_batch_id bigint) RETURNS void
LANGUAGE sql AS $$
    SELECT pg_notify('octavo', p_batch_id::text);
$$;

-- How long a request waits after its nth failed attempt: 5 s doubling up to 10 min, and half to one and a half times
-- that, so that requests that failed together do not come back together.
CREATE FUNCTION octavo.retry_delay_v1(p_attempts integer) RETURNS interval
LANGUAGE sql VOLATILE AS $$
    SELECT make_interval(secs => least(600, 5 * 2 ^ least(p_attempts - 1, 10)) * (0.5 + random()));
$$;

-- The virtual time at which a batch joins the active ones: that of the least served, so that it neither jumps ahead
-- by all that others were served before it came nor waits behind them.
CREATE FUNCTION octavo.joining_vtime_v1() RETURNS double precision
LANGUAGE sql STABLE AS $$
    SELECT coalesce(min(vtime), 0) FROM octavo.batches WHERE state = 1;
$$;

-- Leases up to p_max_requests requests, whose prompts and answers come to at most p_token_budget tokens (one request
-- at least), to a worker that answers for p_models. Returns them with the tokens of the leases that worked on them
-- before; no row when nothing is claimable.
CREATE FUNCTION octavo.claim_v1(
    p_worker text, p_fingerprint text, p_models text[],
    p_max_requests integer, p_token_budget bigint, p_ttl_seconds double precision, p_only_batch bigint DEFAULT NULL
) RETURNS TABLE (
    token bigint, batch_id bigint, "position" integer, line integer, prompt_tokens integer, attempts smallint,
    custom_id text, body text, previous bigint[]
)
LANGUAGE plpgsql
SET enable_seqscan = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_now      timestamptz := clock_timestamp();
    v_batch_id bigint;
    v_segment  octavo.segments;
    v_token    bigint;
    v_longest  integer;
    v_losses   integer;
    v_limit    integer;
    v_budget   bigint := p_token_budget;
    v_cost     bigint;
    v_count    integer;
    v_taken    integer := 0;
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
            -- Ten minutes of waiting are worth one step of priority, but never make a batch urgent.
            CASE WHEN b.priority = 0 THEN 0
                 ELSE greatest(1, b.priority - floor(extract(epoch FROM v_now - b.activated_at) / 600)) END,
            b.vtime, b.id
    LOOP
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
            END IF;
            v_cost := v_segment.prompt_tokens::bigint + v_segment.max_new_tokens;
            v_count := least(v_limit - v_taken, v_budget / greatest(v_cost, 1),
                             v_segment.end_position - v_segment.next_position);
            IF v_taken = 0 THEN
                v_count := greatest(v_count, 1);
                v_longest := v_segment.prompt_tokens;
                INSERT INTO octavo.leases (expires_at, requests, remaining, worker, fingerprint)
                VALUES (v_now + make_interval(secs => p_ttl_seconds), 0, 0, p_worker, p_fingerprint)
                RETURNING leases.token INTO v_token;
            END IF;
            EXIT filling WHEN v_count < 1;

            IF v_segment.next_position + v_count = v_segment.end_position THEN
                DELETE FROM octavo.segments WHERE id = v_segment.id;
            ELSE
                UPDATE octavo.segments SET next_position = next_position + v_count WHERE id = v_segment.id;
            END IF;
            INSERT INTO octavo.lease_ranges
            VALUES (v_batch_id, v_segment.next_position, v_segment.next_position + v_count, v_token,
                    v_segment.prompt_tokens, v_segment.max_new_tokens, v_segment.losses, v_segment.previous);
            RETURN QUERY
                SELECT v_token, q.batch_id, q.position, q.line, q.prompt_tokens,
                       coalesce((SELECT f.attempts FROM octavo.failures f
                                  WHERE f.batch_id = q.batch_id AND f.position = q.position), 0::smallint),
                       q.custom_id, q.body, v_segment.previous
                  FROM octavo.requests q
                 WHERE q.batch_id = v_batch_id
                   AND q.position >= v_segment.next_position AND q.position < v_segment.next_position + v_count;

            v_ids := v_ids || v_batch_id;
            v_costs := v_costs || v_cost * v_count;
            v_budget := v_budget - v_cost * v_count;
            v_taken := v_taken + v_count;
            EXIT filling WHEN v_taken >= v_limit;
        END LOOP;
    END LOOP;

    IF v_taken = 0 THEN
        RETURN;
    END IF;
    UPDATE octavo.leases SET requests = v_taken, remaining = v_taken WHERE leases.token = v_token;
    -- Last, since from here to the commit other claims of these batches wait.
    PERFORM FROM octavo.batches WHERE id = ANY (v_ids) ORDER BY id FOR NO KEY UPDATE;
    UPDATE octavo.batches b
       SET vtime = b.vtime + c.cost / b.weight, started_at = coalesce(b.started_at, v_now)
      FROM (SELECT u.id, sum(u.cost) AS cost FROM unnest(v_ids, v_costs) AS u (id, cost) GROUP BY u.id) AS c
     WHERE b.id = c.id;
END $$;

-- Adds to the counters of batches, and completes those of which nothing is left. The rows are locked in order and as
-- late as can be. A batch that was cancelled since the caller looked is a serialization failure: nothing is written,
-- and the same call again finds the batch cancelled.
CREATE FUNCTION octavo.count_v1(
    p_batch_ids bigint[], p_done integer[], p_failed integer[], p_prompt_tokens bigint[], p_completion_tokens bigint[]
) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM octavo.batches WHERE id = ANY (p_batch_ids) ORDER BY id FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM octavo.batches WHERE id = ANY (p_batch_ids) AND state NOT IN (1, 2)) THEN
        RAISE EXCEPTION 'a batch was cancelled while its results were being written'
              USING ERRCODE = 'serialization_failure';
    END IF;
    UPDATE octavo.batches b
       SET done = b.done + c.done,
           failed = b.failed + c.failed,
           prompt_tokens = b.prompt_tokens + c.prompt_tokens,
           completion_tokens = b.completion_tokens + c.completion_tokens,
           state = CASE WHEN b.done + b.failed + c.done + c.failed = b.total THEN 4 ELSE b.state END,
           completed_at = CASE WHEN b.done + b.failed + c.done + c.failed = b.total THEN clock_timestamp() END
      FROM unnest(p_batch_ids, p_done, p_failed, p_prompt_tokens, p_completion_tokens)
           AS c (id, done, failed, prompt_tokens, completion_tokens)
     WHERE b.id = c.id;
END $$;

-- Deletes checkpoints whose lease has ended and to which no pending or leased request refers: of p_tokens, or of all.
-- What has no reference can never get one, so nothing need be locked.
CREATE FUNCTION octavo.sweep_checkpoints_v1(p_tokens bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    p_tokens := coalesce(p_tokens, ARRAY (SELECT DISTINCT token FROM octavo.checkpoints));
    DELETE FROM octavo.checkpoints c
     WHERE c.token = ANY (p_tokens)
       AND NOT EXISTS (SELECT FROM octavo.leases l WHERE l.token = c.token)
       AND c.token <> ALL (ARRAY (
            SELECT unnest(s.previous) FROM octavo.segments s WHERE s.previous IS NOT NULL AND s.previous && p_tokens
            UNION
            SELECT unnest(r.previous) FROM octavo.lease_ranges r WHERE r.previous && p_tokens));
END $$;

-- Ends leases that the caller has locked: into the log, their checkpoints swept.
CREATE FUNCTION octavo.end_leases_v1(p_tokens bigint[], p_outcome text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_checkpoints bigint[] := p_tokens || ARRAY (
        SELECT unnest(r.previous) FROM octavo.lease_ranges r WHERE r.token = ANY (p_tokens));
BEGIN
    WITH ended AS (DELETE FROM octavo.leases l WHERE l.token = ANY (p_tokens) RETURNING *)
    INSERT INTO octavo.lease_log (token, claimed_at, requests, remaining, outcome, worker)
    SELECT token, claimed_at, requests, CASE WHEN p_outcome = 'finished' THEN 0 ELSE remaining END, p_outcome, worker
      FROM ended;
    IF EXISTS (SELECT FROM octavo.checkpoints c WHERE c.token = ANY (v_checkpoints)) THEN
        PERFORM octavo.sweep_checkpoints_v1(v_checkpoints);
    END IF;
END $$;

-- After a worker's write: renews the lease that it has locked (by nothing, if NULL), or ends it when it holds nothing
-- more.
CREATE FUNCTION octavo.settle_lease_v1(p_token bigint, p_remaining integer, p_ttl_seconds double precision)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF p_remaining > 0 THEN
        UPDATE octavo.leases
           SET remaining = p_remaining,
               expires_at = coalesce(clock_timestamp() + make_interval(secs => p_ttl_seconds), expires_at)
         WHERE token = p_token;
    ELSE
        PERFORM octavo.end_leases_v1(ARRAY[p_token], 'finished');
    END IF;
END $$;

-- Stores results, and at will a checkpoint of the rest, under a lease. Safe to repeat after a lost reply: what this
-- lease stored before counts as "already". A lease that was reaped writes nothing: fenced. Results of a cancelled
-- batch are refused, which is neither.
CREATE FUNCTION octavo.finish_v1(
    p_token bigint, p_ttl_seconds double precision,
    p_batch_ids bigint[], p_positions integer[], p_finish_reasons smallint[],
    p_prompt_tokens integer[], p_completion_tokens integer[], p_bodies bytea[],
    p_sequence integer, p_progress bytea
) RETURNS TABLE (accepted integer, already integer, is_fenced boolean)
LANGUAGE plpgsql
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET jit = off
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
        SELECT u.batch_id, p_token, u.position, u.prompt_tokens, u.completion_tokens, u.finish_reason,
               convert_from(u.body, 'UTF8')
          FROM unnest(p_batch_ids, p_positions, p_prompt_tokens, p_completion_tokens, p_finish_reasons, p_bodies)
               AS u (batch_id, position, prompt_tokens, completion_tokens, finish_reason, body)
         WHERE EXISTS (SELECT FROM octavo.lease_ranges r
                        WHERE r.token = p_token AND r.batch_id = u.batch_id
                          AND u.position >= r.first_position AND u.position < r.end_position)
           AND EXISTS (SELECT FROM octavo.batches b WHERE b.id = u.batch_id AND b.state IN (1, 2))
            ON CONFLICT DO NOTHING
        RETURNING batch_id, prompt_tokens, completion_tokens),
    counted AS (
        SELECT batch_id, count(*)::integer AS done, sum(prompt_tokens) AS prompt_tokens,
               sum(completion_tokens) AS completion_tokens
          FROM stored GROUP BY batch_id)
    SELECT coalesce(sum(done), 0)::integer AS total, array_agg(batch_id) AS batch_ids, array_agg(done) AS done,
           array_agg(0) AS failed, array_agg(prompt_tokens) AS prompt_tokens,
           array_agg(completion_tokens) AS completion_tokens
      INTO v_new FROM counted;

    SELECT count(*) INTO v_stored
      FROM unnest(p_batch_ids, p_positions) AS u (batch_id, position)
      JOIN octavo.results r ON r.batch_id = u.batch_id AND r.position = u.position AND r.token = p_token;
    IF v_lease.token IS NULL THEN
        RETURN QUERY SELECT 0, v_stored, v_stored = 0 OR v_stored < cardinality(p_positions);
        RETURN;
    END IF;

    IF v_new.total > 0 THEN
        PERFORM octavo.count_v1(
            v_new.batch_ids, v_new.done, v_new.failed, v_new.prompt_tokens, v_new.completion_tokens);
    END IF;
    IF p_progress IS NOT NULL THEN
        INSERT INTO octavo.checkpoints VALUES (p_token, p_sequence, v_lease.fingerprint, p_progress)
            ON CONFLICT DO NOTHING;
    END IF;
    PERFORM octavo.settle_lease_v1(p_token, v_lease.remaining - v_new.total, p_ttl_seconds);
    RETURN QUERY SELECT v_new.total, v_stored - v_new.total, false;
END $$;

-- Stores a checkpoint under a lease and renews it; false when fenced. A repeated sequence number changes nothing.
CREATE FUNCTION octavo.checkpoint_v1(
    p_token bigint, p_ttl_seconds double precision, p_sequence integer, p_progress bytea
) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_fingerprint text;
BEGIN
    UPDATE octavo.leases SET expires_at = clock_timestamp() + make_interval(secs => p_ttl_seconds)
     WHERE token = p_token RETURNING fingerprint INTO v_fingerprint;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO octavo.checkpoints VALUES (p_token, p_sequence, v_fingerprint, p_progress) ON CONFLICT DO NOTHING;
    RETURN true;
END $$;

-- Renews leases, records the worker, and tells the states of the batches it works on. A token that is missing from
-- the answer is fenced. A lease of which every batch was deleted answers with NULLs.
CREATE FUNCTION octavo.heartbeat_v1(
    p_worker text, p_host text, p_pid integer, p_models text[], p_fingerprint text,
    p_tokens_per_second double precision, p_requests integer, p_tokens bigint[], p_ttl_seconds double precision
) RETURNS TABLE (token bigint, batch_id bigint, state smallint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO octavo.workers AS w (name, host, pid, models, fingerprint, tokens_per_second, requests)
    VALUES (p_worker, p_host, p_pid, p_models, p_fingerprint, p_tokens_per_second, p_requests)
        ON CONFLICT (name) DO UPDATE
       SET host = excluded.host, pid = excluded.pid, models = excluded.models, fingerprint = excluded.fingerprint,
           tokens_per_second = excluded.tokens_per_second, requests = excluded.requests, seen_at = clock_timestamp(),
           -- A name that is taken up again by another process starts anew.
           started_at = CASE WHEN w.host = excluded.host AND w.pid = excluded.pid THEN w.started_at
                             ELSE clock_timestamp() END;
    RETURN QUERY
        WITH renewed AS (
            UPDATE octavo.leases l SET expires_at = clock_timestamp() + make_interval(secs => p_ttl_seconds)
             WHERE l.token = ANY (p_tokens) RETURNING l.token)
        SELECT DISTINCT n.token, b.id, b.state
          FROM renewed n
          LEFT JOIN octavo.lease_ranges r ON r.token = n.token
          LEFT JOIN octavo.batches b ON b.id = r.batch_id;
END $$;

-- Counts one more failed attempt of a request, final when it was the last allowed or is permanent.
CREATE FUNCTION octavo.record_failure_v1(
    p_token bigint, p_batch_id bigint, p_position integer,
    p_kind text, p_is_permanent boolean, p_status_code smallint, p_error text
) RETURNS octavo.failures
LANGUAGE sql AS $$
    INSERT INTO octavo.failures AS f (batch_id, token, position, attempts, status_code, is_final, kind, error)
    SELECT b.id, p_token, p_position, 1, p_status_code, p_is_permanent OR b.max_attempts = 1, p_kind, p_error
      FROM octavo.batches b WHERE b.id = p_batch_id
        ON CONFLICT (batch_id, position) DO UPDATE
       SET token = excluded.token, failed_at = excluded.failed_at, attempts = f.attempts + 1,
           status_code = excluded.status_code, kind = excluded.kind, error = excluded.error,
           is_final = p_is_permanent OR f.attempts + 1 >= (
                SELECT b.max_attempts FROM octavo.batches b WHERE b.id = f.batch_id)
    RETURNING *;
$$;

-- Takes failed requests out of a lease, at the cost of one attempt each. Those with attempts left wait as segments of
-- their own; the others have come to their end. They are few, so they go one by one, each splitting its range. Safe to
-- repeat: a request that is no longer in the lease is only counted again.
CREATE FUNCTION octavo.fail_v1(
    p_token bigint, p_batch_ids bigint[], p_positions integer[],
    p_kinds text[], p_permanent smallint[], p_status_codes smallint[], p_errors text[]
) RETURNS TABLE (retried integer, failed integer, is_fenced boolean)
LANGUAGE plpgsql
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_lease    octavo.leases;
    v_sent     record;
    v_range    octavo.lease_ranges;
    v_failure  octavo.failures;
    v_left     integer := 0;
    v_final    bigint[] := '{}';
    v_counts   record;
BEGIN
    SELECT * INTO v_lease FROM octavo.leases l WHERE l.token = p_token FOR UPDATE;
    FOR v_sent IN
        SELECT u.*
          FROM unnest(p_batch_ids, p_positions, p_kinds, p_permanent, p_status_codes, p_errors)
               AS u (batch_id, position, kind, is_permanent, status_code, error)
         WHERE EXISTS (SELECT FROM octavo.batches b WHERE b.id = u.batch_id AND b.state IN (1, 2))
           AND NOT EXISTS (SELECT FROM octavo.results r WHERE r.batch_id = u.batch_id AND r.position = u.position)
         ORDER BY u.batch_id, u.position
    LOOP
        DELETE FROM octavo.lease_ranges r
         WHERE r.token = p_token AND r.batch_id = v_sent.batch_id
           AND v_sent.position >= r.first_position AND v_sent.position < r.end_position
        RETURNING * INTO v_range;
        CONTINUE WHEN NOT FOUND;
        INSERT INTO octavo.lease_ranges
        SELECT v_range.batch_id, part.first_position, part.end_position, p_token, v_range.prompt_tokens,
               v_range.max_new_tokens, v_range.losses, v_range.previous
          FROM (VALUES (v_range.first_position, v_sent.position), (v_sent.position + 1, v_range.end_position))
               AS part (first_position, end_position)
         WHERE part.first_position < part.end_position;
        v_left := v_left + 1;

        v_failure := octavo.record_failure_v1(
            p_token, v_sent.batch_id, v_sent.position, v_sent.kind, v_sent.is_permanent <> 0, v_sent.status_code,
            v_sent.error);
        IF v_failure.is_final THEN
            v_final := v_final || v_sent.batch_id;
        ELSE
            INSERT INTO octavo.segments
                (batch_id, available_at, next_position, end_position, prompt_tokens, max_new_tokens, losses, previous)
            VALUES (v_sent.batch_id, clock_timestamp() + octavo.retry_delay_v1(v_failure.attempts),
                    v_sent.position, v_sent.position + 1, v_range.prompt_tokens, v_range.max_new_tokens,
                    v_range.losses,
                    CASE WHEN EXISTS (SELECT FROM octavo.checkpoints c WHERE c.token = p_token)
                         THEN v_range.previous || p_token ELSE v_range.previous END);
        END IF;
    END LOOP;

    PERFORM octavo.count_failed_v1(v_final);
    SELECT count(*) FILTER (WHERE NOT f.is_final)::integer AS retried,
           count(*) FILTER (WHERE f.is_final)::integer AS failed
      INTO v_counts
      FROM unnest(p_batch_ids, p_positions) AS u (batch_id, position)
      JOIN octavo.failures f ON f.batch_id = u.batch_id AND f.position = u.position AND f.token = p_token;
    IF v_lease.token IS NOT NULL THEN
        PERFORM octavo.settle_lease_v1(p_token, v_lease.remaining - v_left, NULL);
    END IF;
    RETURN QUERY SELECT v_counts.retried, v_counts.failed,
                        v_lease.token IS NULL AND v_counts.retried + v_counts.failed < cardinality(p_positions);
END $$;

-- Adds failed requests, one per element, to their batches' counters.
CREATE FUNCTION octavo.count_failed_v1(p_batch_ids bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF cardinality(p_batch_ids) > 0 THEN
        PERFORM octavo.count_v1(
            array_agg(c.id), array_agg(0), array_agg(c.failed), array_agg(0::bigint), array_agg(0::bigint))
           FROM (SELECT u.id, count(*)::integer AS failed FROM unnest(p_batch_ids) AS u (id) GROUP BY u.id) AS c;
    END IF;
END $$;

-- Gives what is left of leases back to the queue, and ends them; returns the number of requests given back. The caller
-- has locked the leases in an earlier statement, so that the snapshots here see every result that was written under
-- them.
--
-- A released lease costs nothing. A lost one counts a loss against its ranges, which are from then on leased only with
-- others that were lost as often, from the second loss on half as many each time (claim_v1). So a request that crashes
-- its workers is soon alone; only then does a loss burn its attempts. The others finish on the way.
CREATE FUNCTION octavo.reopen_v1(p_tokens bigint[], p_is_lost boolean) RETURNS integer
LANGUAGE plpgsql
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    v_suspect  record;
    v_failure  octavo.failures;
    v_final    bigint[] := '{}';
    v_requests integer;
BEGIN
    FOR v_suspect IN
        SELECT r.batch_id, r.first_position AS position, r.token, r.losses
          FROM octavo.lease_ranges r
          JOIN octavo.leases l ON l.token = r.token AND l.requests = 1
         WHERE p_is_lost AND r.token = ANY (p_tokens) AND r.losses > 0
           AND EXISTS (SELECT FROM octavo.batches b WHERE b.id = r.batch_id AND b.state IN (1, 2))
           AND NOT EXISTS (SELECT FROM octavo.results x WHERE x.batch_id = r.batch_id AND x.position = r.first_position)
         ORDER BY r.batch_id, r.first_position
    LOOP
        v_failure := octavo.record_failure_v1(
            v_suspect.token, v_suspect.batch_id, v_suspect.position, 'crash', false, 500::smallint,
            json_build_object(
                'message', format('%s workers were lost while computing this request, the last of them this one alone',
                                  v_suspect.losses + 1),
                'type', 'server_error', 'param', NULL, 'code', 'crash')::text);
        IF v_failure.is_final THEN
            v_final := v_final || v_suspect.batch_id;
        END IF;
    END LOOP;
    PERFORM octavo.count_failed_v1(v_final);

    WITH pending AS (
        SELECT r.*, p.position,
               p.position - row_number() OVER (PARTITION BY r.batch_id, r.first_position ORDER BY p.position) AS island,
               CASE WHEN EXISTS (SELECT FROM octavo.checkpoints c WHERE c.token = r.token)
                    THEN r.previous || r.token ELSE r.previous END AS progress
          FROM octavo.lease_ranges r
          JOIN octavo.batches b ON b.id = r.batch_id AND b.state IN (1, 2)
         CROSS JOIN LATERAL generate_series(r.first_position, r.end_position - 1) AS p (position)
         WHERE r.token = ANY (p_tokens)
           AND NOT EXISTS (SELECT FROM octavo.results x WHERE x.batch_id = r.batch_id AND x.position = p.position)
           AND NOT EXISTS (SELECT FROM octavo.failures f
                            WHERE f.batch_id = r.batch_id AND f.position = p.position AND f.is_final)),
    reopened AS (
        INSERT INTO octavo.segments
            (batch_id, available_at, next_position, end_position, prompt_tokens, max_new_tokens, losses, previous)
        SELECT batch_id, CASE WHEN p_is_lost AND losses > 0
                              THEN clock_timestamp() + make_interval(secs => least(300, 2 ^ losses)) END,
               min(position), max(position) + 1, prompt_tokens, max_new_tokens,
               least(losses + p_is_lost::integer, 1000), progress
          FROM pending
         GROUP BY batch_id, first_position, island, prompt_tokens, max_new_tokens, losses, progress
        RETURNING end_position - next_position AS requests)
    SELECT coalesce(sum(requests), 0) INTO v_requests FROM reopened;
    PERFORM octavo.end_leases_v1(p_tokens, CASE WHEN p_is_lost THEN 'lost' ELSE 'released' END);
    RETURN v_requests;
END $$;

-- Ends a lease without penalty, as a worker does that shuts down; returns the number of requests given back.
CREATE FUNCTION octavo.release_v1(p_token bigint) RETURNS integer
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM octavo.leases WHERE token = p_token FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    RETURN octavo.reopen_v1(ARRAY[p_token], false);
END $$;

-- Takes back up to p_limit leases that have expired, and clears away what is left over; any worker does this now and
-- then. Returns the number of leases. A lease that its holder is writing under is locked, and skipped: the holder wins.
CREATE FUNCTION octavo.reap_v1(p_limit integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    v_tokens bigint[] := ARRAY (
        SELECT token FROM octavo.leases WHERE expires_at < clock_timestamp()
         ORDER BY token LIMIT p_limit FOR UPDATE SKIP LOCKED);
BEGIN
    IF cardinality(v_tokens) > 0 THEN
        PERFORM octavo.reopen_v1(v_tokens, true);
    END IF;
    PERFORM octavo.sweep_checkpoints_v1(NULL);
    DELETE FROM octavo.workers WHERE seen_at < clock_timestamp() - interval '1 day';
    DELETE FROM octavo.lease_log
     WHERE token IN (SELECT token FROM octavo.lease_log ORDER BY token LIMIT 1000)
       AND ended_at < clock_timestamp() - interval '30 days';
    RETURN cardinality(v_tokens);
END $$;

-- Queues the failed requests of a batch again, of one kind or all, with all their attempts; returns their number.
-- Neighbors of like length (within a power of 1.25) become one segment.
CREATE FUNCTION octavo.retry_failed_v1(p_batch_id bigint, p_kind text) RETURNS integer
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
               vtime = greatest(vtime, octavo.joining_vtime_v1())
         WHERE id = p_batch_id;
        PERFORM octavo.announce_v1(p_batch_id);
    END IF;
    RETURN v_requests;
END $$;

-- Deletes one window of a batch that is being deleted; false when there was none, and then the batch is gone.
CREATE FUNCTION octavo.delete_window_v1(p_batch_id bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_window octavo.windows;
BEGIN
    DELETE FROM octavo.windows w
     WHERE w.batch_id = p_batch_id AND w.number = (
            SELECT min(n.number) FROM octavo.windows n WHERE n.batch_id = p_batch_id)
    RETURNING * INTO v_window;
    IF NOT FOUND THEN
        DELETE FROM octavo.lease_ranges WHERE batch_id = p_batch_id;
        DELETE FROM octavo.segments WHERE batch_id = p_batch_id;
        DELETE FROM octavo.batches WHERE id = p_batch_id;
        RETURN false;
    END IF;
    DELETE FROM octavo.results
     WHERE batch_id = p_batch_id AND position >= v_window.first_position AND position < v_window.end_position;
    DELETE FROM octavo.failures
     WHERE batch_id = p_batch_id AND position >= v_window.first_position AND position < v_window.end_position;
    DELETE FROM octavo.requests
     WHERE batch_id = p_batch_id AND position >= v_window.first_position AND position < v_window.end_position;
    RETURN true;
END $$;

-- For people: every request with its state and what came of it.
-- "Where is my row?": SELECT * FROM octavo.request_states WHERE batch_id = 7 AND custom_id = 'row-42';
CREATE VIEW octavo.request_states AS
SELECT q.batch_id, b.name AS batch, q.custom_id, q.line,
       CASE WHEN r.token IS NOT NULL THEN 'finished'
            WHEN f.is_final THEN 'failed'
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

COMMENT ON VIEW octavo.request_states IS 'One row per request: pending, leased, retrying, finished, failed, cancelled';
