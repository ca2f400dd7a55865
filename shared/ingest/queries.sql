-- name: stay_inside_boundary
-- Keep changes of policy and of tenant status out until this request is decided, so that nothing
-- is admitted after the fact that says it no longer could be. Those take the lock exclusively.
SELECT pg_advisory_xact_lock_shared(4713002002);

-- name: open_gate
-- Everything the gate needs to know before it reads a body, in one round trip. A tenant that the
-- producer has no grant for at all looks like one that does not exist. Without an idempotency key
-- no lock is tried.
SELECT marker.environment,
       (SELECT policy_rev FROM ops.policy_revision WHERE state = 'active') AS active_policy,
       (SELECT status FROM ops.tenant WHERE tenant_id = %(tenant_id)s) AS tenant_status,
       (SELECT status FROM ops.principal WHERE object_id = %(object_id)s) AS principal_status,
       (SELECT kind FROM ops.principal WHERE object_id = %(object_id)s) AS principal_kind,
       ARRAY(
           SELECT contract FROM ops.producer_grant
            WHERE tenant_id = %(tenant_id)s AND object_id = %(object_id)s
       ) AS contracts,
       (SELECT run_id FROM ops.platform_run
         WHERE tenant_id = %(tenant_id)s AND standing AND closed_at IS NULL) AS run_id,
       CASE WHEN %(lock)s::bigint IS NULL THEN true
            ELSE pg_try_advisory_xact_lock(%(lock)s::bigint) END AS locked
  FROM ops.environment_marker AS marker;

-- name: works_for
-- Whether an active producer has any grant in a tenant.
SELECT EXISTS (
           SELECT FROM ops.producer_grant
             JOIN ops.principal USING (object_id)
            WHERE producer_grant.tenant_id = %(tenant_id)s
              AND producer_grant.object_id = %(object_id)s
              AND principal.status = 'active'
       );

-- name: stored_answer
-- The answer given under a key before; no row: the key is new. Asked after the lock is held, so
-- that an answer committed a moment ago is seen.
SELECT body_hash, answer FROM ops.idempotent_answer
 WHERE tenant_id = %(tenant_id)s AND key_digest = %(key_digest)s;

-- name: claim_keys
-- Claim dedupe keys and return those that were free. Sorted, so that two overlapping batches wait
-- for each other instead of deadlocking.
INSERT INTO ops.admission_key (tenant_id, dedupe_key, payload_hash)
SELECT %(tenant_id)s, claim.dedupe_key, claim.payload_hash
  FROM unnest(%(dedupe_keys)b::bytea[], %(payload_hashes)b::bytea[])
    AS claim (dedupe_key, payload_hash)
 ORDER BY claim.dedupe_key
ON CONFLICT DO NOTHING
RETURNING dedupe_key;

-- name: claimed_payloads
-- The payload hashes of keys that were claimed before.
SELECT dedupe_key, payload_hash FROM ops.admission_key
 WHERE tenant_id = %(tenant_id)s AND dedupe_key = ANY(%(dedupe_keys)b::bytea[]);

-- name: insert_admissions
-- Append the receipts of a batch to the ledger, in order.
INSERT INTO ops.admission (month, body)
SELECT %(month)s, entry.body
  FROM unnest(%(bodies)s::text[]) WITH ORDINALITY AS entry (body, position)
 ORDER BY entry.position;

-- name: insert_records
-- Keep the deterministic and the redacted part of a batch.
INSERT INTO ops.record (tenant_id, receipt_id, contract, deterministic, semantic)
SELECT %(tenant_id)s, entry.receipt_id, %(contract)s,
       entry.deterministic::jsonb, entry.semantic::jsonb
  FROM unnest(%(receipt_ids)s::text[], %(deterministic)s::text[], %(semantic)s::text[])
    AS entry (receipt_id, deterministic, semantic);

-- name: insert_document
-- Announce the receipt document of a request; it is written after the commit.
INSERT INTO ops.receipt_document (tenant_id, request_id, digest, receipt_ids, created_at)
VALUES (%(tenant_id)s, %(request_id)s, %(digest)s, %(receipt_ids)s, %(now)s);

-- name: mark_document_written
-- Note that a document is in Blob storage.
UPDATE ops.receipt_document SET written_at = %(now)s
 WHERE tenant_id = %(tenant_id)s AND request_id = %(request_id)s AND written_at IS NULL;

-- name: unwritten_documents
-- Documents whose write is overdue, oldest first, behind the one that was looked at last (ids sort
-- by time); no row: nothing was lost. So one that can never be written keeps nobody waiting.
SELECT tenant_id, request_id, digest, receipt_ids FROM ops.receipt_document
 WHERE written_at IS NULL AND created_at < %(before)s AND request_id > %(after)s
 ORDER BY request_id
 LIMIT %(batch)s;

-- name: document_of_request
-- The document that a receipt is part of.
SELECT tenant_id, request_id, digest, receipt_ids FROM ops.receipt_document
 WHERE tenant_id = %(tenant_id)s AND request_id = %(request_id)s;

-- name: admission_bodies
-- The ledger texts of some receipts.
SELECT receipt_id, body FROM ops.admission
 WHERE tenant_id = %(tenant_id)s AND receipt_id = ANY(%(receipt_ids)s);

-- name: forget_answers
-- Forget answers that no honest repeat will ask for any more; no row touched: none is that old.
DELETE FROM ops.idempotent_answer
 WHERE (tenant_id, key_digest) IN (
           SELECT tenant_id, key_digest FROM ops.idempotent_answer
            WHERE created_at < %(before)s
            ORDER BY created_at
            LIMIT %(batch)s
       );

-- name: keep_answer
-- Keep an answer under its idempotency key.
INSERT INTO ops.idempotent_answer (tenant_id, key_digest, body_hash, answer, created_at)
VALUES (%(tenant_id)s, %(key_digest)s, %(body_hash)s, %(answer)s, %(now)s);
