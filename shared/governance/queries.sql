-- name: record_fact
-- Append a fact unless its key is already there; a repeat touches no row.
WITH fresh AS (
    INSERT INTO ops.fact_key (tenant_id, fact_id)
    VALUES (%(tenant_id)s, %(fact_id)s)
    ON CONFLICT DO NOTHING
    RETURNING fact_id
)
INSERT INTO ops.fact (month, body)
SELECT %(month)s, %(body)s FROM fresh;

-- name: count_denials
-- Add to the tallies of some minutes; sorted, so that two writers wait instead of deadlocking.
INSERT INTO ops.denial_tally AS tally (minute, code, caller, denials)
SELECT counted.minute, counted.code, counted.caller, counted.denials
  FROM unnest(
           %(minutes)s::timestamptz[], %(codes)s::text[], %(callers)s::text[],
           %(denials)s::bigint[]
       ) AS counted (minute, code, caller, denials)
 ORDER BY counted.minute, counted.code, counted.caller
ON CONFLICT ON CONSTRAINT denial_tally_pk DO UPDATE SET denials = tally.denials + excluded.denials;

-- name: take_closed_minutes
-- Remove and return tallies of minutes that are over; no row: nothing was refused.
DELETE FROM ops.denial_tally
 WHERE (minute, code, caller) IN (
           SELECT minute, code, caller
             FROM ops.denial_tally
            WHERE minute <= %(closed)s
            ORDER BY minute, code, caller
            LIMIT %(batch)s
              FOR UPDATE SKIP LOCKED
       )
RETURNING minute, code, caller, denials;
