-- What each result took: how long its request waited for the claim that answered it, how long it was computed, and how
-- many core-seconds were spent on it.
--
-- Apart from the results, since an answer is a function of its request and the model, and this is not; and since the
-- functions that store results stay as they are. Workers of earlier versions store none: their results have no times.

-- A row for all results of one write and one batch, with arrays in parallel, so that a result takes some fourteen bytes
-- and the write one row more. Found by the token, which each result has. Insert-only.
CREATE TABLE octavo.timings (
    batch_id         bigint NOT NULL,
    token            bigint NOT NULL,
    -- From the moment that the batch could be worked on to the claim of the lease.
    queue_seconds    real NOT NULL,
    positions        integer[] NOT NULL,
    -- From the moment that the engine took the request up to the end of its last step.
    compute_seconds  real[] NOT NULL,
    -- Its share of the threads' time in these steps, by tokens computed.
    core_seconds     real[] NOT NULL,
    CONSTRAINT timings_parallel CHECK (
        cardinality(positions) = cardinality(compute_seconds) AND cardinality(positions) = cardinality(core_seconds))
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05);

-- Written in the order of time, read by window of a batch.
CREATE INDEX timings_token ON octavo.timings (batch_id, token);

-- Short arrays are not worth the try.
ALTER TABLE octavo.timings
    ALTER COLUMN positions SET STORAGE EXTERNAL, ALTER COLUMN compute_seconds SET STORAGE EXTERNAL,
    ALTER COLUMN core_seconds SET STORAGE EXTERNAL;

-- Times leave with their batch, whichever version of a program deletes it. A batch that never was active has none, and
-- whoever may only load batches may delete it.
CREATE FUNCTION octavo.delete_timings_v1() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.activated_at IS NOT NULL THEN
        DELETE FROM octavo.timings WHERE batch_id = OLD.id;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER batches_delete_timings AFTER DELETE ON octavo.batches
    FOR EACH ROW EXECUTE FUNCTION octavo.delete_timings_v1();

-- The times of results one by one, for people.
CREATE VIEW octavo.request_timings AS
SELECT t.batch_id, u.position, t.queue_seconds, u.compute_seconds, u.core_seconds
  FROM octavo.timings t
 CROSS JOIN LATERAL unnest(t.positions, t.compute_seconds, t.core_seconds) AS u (position, compute_seconds, core_seconds);

COMMENT ON VIEW octavo.request_timings IS
    'One row per result that was timed: seconds in the queue, seconds of computing, core-seconds';

-- Roles that were granted their privileges before: whoever may store results, and whoever may see how things stand.
DO $$
DECLARE
    v_grant record;
BEGIN
    FOR v_grant IN
        SELECT DISTINCT a.privilege_type AS privilege,
               CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS grantee
          FROM pg_catalog.pg_class c CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) AS a
         WHERE c.oid = 'octavo.results'::regclass AND a.privilege_type = 'INSERT'
            OR c.oid = 'octavo.batches'::regclass AND a.privilege_type = 'SELECT'
    LOOP
        EXECUTE format('GRANT %s ON octavo.timings TO %s', v_grant.privilege, v_grant.grantee);
        IF v_grant.privilege = 'SELECT' THEN
            EXECUTE format('GRANT SELECT ON octavo.request_timings TO %s', v_grant.grantee);
        END IF;
    END LOOP;
END $$;
