-- Requests that say the same (model, prompt, parameters, and a seed unless they are greedy) have the same answer. It is
-- computed once: the table tells where it is, and a copy answers the others.
--
-- Nothing depends on this table. What it lacks, or what is no longer where it says, is computed.

ALTER TABLE octavo.batches
    -- Whether its requests may be answered by copies, and its answers be copied.
    ADD COLUMN reuses boolean NOT NULL DEFAULT true,
    -- How many were.
    ADD COLUMN reused integer NOT NULL DEFAULT 0;

CREATE TABLE octavo.answers (
    -- 128 bits of a hash of all that the answer depends on.
    identity  bytea NOT NULL,
    batch_id  bigint NOT NULL,
    position  integer NOT NULL,
    CONSTRAINT answers_pkey PRIMARY KEY (identity)
);

-- For the day that a batch is deleted.
CREATE INDEX answers_batch ON octavo.answers (batch_id);

-- Takes note of stored results. Not worth waiting for the disk: what a crash forgets is computed again.
CREATE FUNCTION octavo.remember_answers_v1(p_identities bytea[], p_batch_ids bigint[], p_positions integer[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    -- In order, so that two that take note of the same cannot deadlock. The last wins, since what the first said may
    -- have been deleted.
    INSERT INTO octavo.answers AS a (identity, batch_id, position)
    SELECT DISTINCT ON (u.identity) u.*
      FROM unnest(p_identities, p_batch_ids, p_positions) AS u (identity, batch_id, position)
     ORDER BY u.identity
        ON CONFLICT (identity) DO UPDATE SET batch_id = excluded.batch_id, position = excluded.position
     WHERE (a.batch_id, a.position) IS DISTINCT FROM (excluded.batch_id, excluded.position);
END $$;

-- Where the answers to requests are; no row where nobody knows. Results cannot be told from here once their batch is
-- being deleted.
CREATE FUNCTION octavo.find_answers_v1(p_identities bytea[])
RETURNS TABLE (identity bytea, batch_id bigint, "position" integer)
LANGUAGE sql STABLE
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET jit = off
AS $$
    SELECT a.identity, a.batch_id, a.position
      FROM unnest(p_identities) AS u (identity)
      JOIN octavo.answers a ON a.identity = u.identity
      JOIN octavo.batches b ON b.id = a.batch_id AND b.state <> 5
     WHERE EXISTS (SELECT FROM octavo.results r WHERE r.batch_id = a.batch_id AND r.position = a.position);
$$;

-- Finishes requests of a lease with copies of other requests' results, as finish_v2 does with results that it is given;
-- one whose source is gone stays in the lease. Each batch is finished by itself, in order, which tells how many of its
-- requests were: they are counted once, however often the call is repeated.
CREATE FUNCTION octavo.reuse_answers_v1(
    p_token bigint, p_ttl_seconds double precision,
    p_batch_ids bigint[], p_positions integer[], p_source_batch_ids bigint[], p_source_positions integer[]
) RETURNS TABLE (accepted integer, already integer, is_fenced boolean)
LANGUAGE plpgsql
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    v_copies  record;
    v_outcome record;
BEGIN
    accepted := 0;
    already := 0;
    is_fenced := false;
    FOR v_copies IN
        SELECT u.batch_id, array_agg(u.batch_id ORDER BY u.position) AS batch_ids,
               array_agg(u.position ORDER BY u.position) AS positions,
               array_agg(r.finish_reason ORDER BY u.position) AS finish_reasons,
               array_agg(r.prompt_tokens ORDER BY u.position) AS prompt_tokens,
               array_agg(r.completion_tokens ORDER BY u.position) AS completion_tokens,
               array_agg(r.body ORDER BY u.position) AS bodies
          FROM unnest(p_batch_ids, p_positions, p_source_batch_ids, p_source_positions)
               AS u (batch_id, position, source_batch_id, source_position)
          JOIN octavo.results r ON r.batch_id = u.source_batch_id AND r.position = u.source_position
         GROUP BY u.batch_id ORDER BY u.batch_id
    LOOP
        SELECT * INTO v_outcome FROM octavo.finish_v2(
            p_token, p_ttl_seconds, v_copies.batch_ids, v_copies.positions, v_copies.finish_reasons,
            v_copies.prompt_tokens, v_copies.completion_tokens, v_copies.bodies, NULL, NULL);
        UPDATE octavo.batches SET reused = reused + v_outcome.accepted
         WHERE id = v_copies.batch_id AND v_outcome.accepted > 0;
        accepted := accepted + v_outcome.accepted;
        already := already + v_outcome.already;
        is_fenced := is_fenced OR v_outcome.is_fenced;
    END LOOP;
    RETURN NEXT;
END $$;

-- Forgets at most so many answers of a batch, and tells how many those were.
CREATE FUNCTION octavo.forget_answers_v1(p_batch_id bigint, p_limit integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    v_count integer;
BEGIN
    DELETE FROM octavo.answers a WHERE a.identity = ANY (ARRAY (
        SELECT n.identity FROM octavo.answers n WHERE n.batch_id = p_batch_id LIMIT p_limit));
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END $$;

-- Roles that were granted their privileges before: whoever may store results, and whoever may submit batches.
DO $$
DECLARE
    v_grant record;
BEGIN
    FOR v_grant IN
        SELECT DISTINCT c.relname = 'results' AS is_worker,
               CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS grantee
          FROM pg_catalog.pg_class c CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) AS a
         WHERE c.oid IN ('octavo.results'::regclass, 'octavo.requests'::regclass) AND a.privilege_type = 'INSERT'
    LOOP
        IF v_grant.is_worker THEN
            EXECUTE format('GRANT SELECT, INSERT, UPDATE ON octavo.answers TO %s', v_grant.grantee);
            EXECUTE format('GRANT UPDATE (reused) ON octavo.batches TO %s', v_grant.grantee);
        ELSE
            EXECUTE format('GRANT SELECT, DELETE ON octavo.answers TO %s', v_grant.grantee);
        END IF;
    END LOOP;
END $$;
