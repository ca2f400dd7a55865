-- name: enter_boundary
-- Keep changes of policy, of tenant status and of the tenant's runs out until this request is
-- decided, so that nothing is admitted after the fact that says it no longer could be. Those take
-- one of the locks exclusively.
SELECT pg_advisory_xact_lock_shared(4713002002),
       pg_advisory_xact_lock_shared(4713003, hashtext(%(tenant_id)s));

-- name: stay_inside_boundary
-- Keep changes of policy and of tenant status out until this transaction ends.
SELECT pg_advisory_xact_lock_shared(4713002002);

-- name: open_gate
-- Everything the gate needs to know before it reads a body, in one round trip. A tenant that the
-- producer has no grant for at all looks like one that does not exist. The run is the one that was
-- named, or the standing one; its segment is the last. Without an idempotency key no lock is tried.
SELECT marker.environment,
       (SELECT policy_rev FROM ops.policy_revision WHERE state = 'active') AS active_policy,
       (SELECT status FROM ops.tenant WHERE tenant_id = %(tenant_id)s) AS tenant_status,
       (SELECT status FROM ops.principal WHERE object_id = %(object_id)s) AS principal_status,
       (SELECT kind FROM ops.principal WHERE object_id = %(object_id)s) AS principal_kind,
       ARRAY(
           SELECT contract FROM ops.producer_grant
            WHERE tenant_id = %(tenant_id)s AND object_id = %(object_id)s
       ) AS contracts,
       run.run_id, run.closed AS run_closed, run.segment, run.policy_rev AS segment_policy,
       CASE WHEN %(lock)s::bigint IS NULL THEN true
            ELSE pg_try_advisory_xact_lock(%(lock)s::bigint) END AS locked
  FROM ops.environment_marker AS marker
  LEFT JOIN LATERAL (
           SELECT platform_run.run_id, platform_run.closed_at IS NOT NULL AS closed,
                  run_segment.segment, run_segment.policy_rev
             FROM ops.platform_run
             LEFT JOIN ops.run_segment USING (tenant_id, run_id)
            WHERE platform_run.tenant_id = %(tenant_id)s
              AND CASE WHEN %(run_id)s::text IS NULL THEN platform_run.standing
                       ELSE platform_run.run_id = %(run_id)s END
            ORDER BY run_segment.segment DESC NULLS LAST
            LIMIT 1
       ) AS run ON true;

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

-- name: take_turn
-- Let one request of a tenant that lost a race decide at a time.
SELECT pg_advisory_xact_lock(4713002, hashtext(%(tenant_id)s));

-- name: claim_keys
-- Claim the dedupe keys of new events; a key that was claimed since the look is an error, and the
-- whole request is decided again. Sorted, so that two overlapping batches wait for each other
-- instead of deadlocking.
INSERT INTO ops.admission_key (tenant_id, dedupe_key, payload_hash)
SELECT %(tenant_id)s, claim.dedupe_key, claim.payload_hash
  FROM unnest(%(dedupe_keys)b::bytea[], %(payload_hashes)b::bytea[])
    AS claim (dedupe_key, payload_hash)
 ORDER BY claim.dedupe_key;

-- name: claimed_payloads
-- The payload hashes of keys that were claimed before.
SELECT dedupe_key, payload_hash FROM ops.admission_key
 WHERE tenant_id = %(tenant_id)s AND dedupe_key = ANY(%(dedupe_keys)b::bytea[]);

-- name: held_before
-- Receipts of the same bytes that are in quarantine now; no row: none of them is.
SELECT content_hash, receipt_id FROM ops.quarantine
 WHERE tenant_id = %(tenant_id)s AND contract = %(contract)s
   AND content_hash = ANY(%(hashes)b::bytea[]) AND state = 'held';

-- name: hold_records
-- Set records aside with the reasons; their bytes go into the copy.
INSERT INTO ops.quarantine
       (tenant_id, receipt_id, request_id, run_id, contract, record_index, content_hash,
        content_bytes, reasons, sent_by, held_at, expires_at, state)
SELECT %(tenant_id)s, entry.receipt_id, %(request_id)s, %(run_id)s, %(contract)s,
       entry.record_index, entry.content_hash, entry.content_bytes, entry.reasons::jsonb,
       %(sent_by)s, %(now)s, %(expires_at)s, 'held'
  FROM unnest(%(receipt_ids)s::text[], %(indexes)s::integer[], %(hashes)b::bytea[],
              %(sizes)s::integer[], %(reasons)s::text[])
    AS entry (receipt_id, record_index, content_hash, content_bytes, reasons)
 ORDER BY entry.content_hash;

-- name: keep_copies
-- Keep the sealed bytes of held records until they are settled.
INSERT INTO ops.quarantine_copy (tenant_id, receipt_id, key_version, nonce, ciphertext)
SELECT %(tenant_id)s, entry.receipt_id, %(key_version)s, entry.nonce, entry.ciphertext
  FROM unnest(%(receipt_ids)s::text[], %(nonces)b::bytea[], %(ciphertexts)b::bytea[])
    AS entry (receipt_id, nonce, ciphertext);

-- name: insert_admissions
-- Append the receipts of a batch to the ledger, in order.
INSERT INTO ops.admission (month, body)
SELECT %(month)s, entry.body
  FROM unnest(%(bodies)b::text[]) WITH ORDINALITY AS entry (body, position)
 ORDER BY entry.position;

-- name: insert_records
-- Keep the deterministic and the redacted part of a batch.
INSERT INTO ops.record (tenant_id, receipt_id, contract, deterministic, semantic)
SELECT %(tenant_id)s, entry.receipt_id, %(contract)s,
       entry.deterministic::jsonb, entry.semantic::jsonb
  FROM unnest(%(receipt_ids)b::text[], %(deterministic)b::text[], %(semantic)b::text[])
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

-- name: keys_of_payload
-- The dedupe keys of a payload; no row: it was never admitted.
SELECT dedupe_key FROM ops.admission_key
 WHERE tenant_id = %(tenant_id)s AND payload_hash = %(payload_hash)s
 ORDER BY dedupe_key
 LIMIT %(most)s;

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

-- name: quarantined
-- Records of a tenant in one state, oldest first.
SELECT receipt_id, request_id, run_id, contract, record_index, content_bytes, reasons, sent_by,
       held_at, expires_at, state, settled_at, settled_by, reason_code, released_as
  FROM ops.quarantine
 WHERE tenant_id = %(tenant_id)s AND state = %(state)s
   AND (%(contract)s::text IS NULL OR contract = %(contract)s)
 ORDER BY held_at, receipt_id
 LIMIT %(most)s;

-- name: quarantined_record
-- One record in quarantine; no row: there is none of that receipt.
SELECT receipt_id, request_id, run_id, contract, record_index, content_bytes, reasons, sent_by,
       held_at, expires_at, state, settled_at, settled_by, reason_code, released_as
  FROM ops.quarantine
 WHERE tenant_id = %(tenant_id)s AND receipt_id = %(receipt_id)s;

-- name: claim_held
-- Keep everybody else from settling a held record until this transaction ends; no row: it is
-- settled.
SELECT receipt_id FROM ops.quarantine
 WHERE tenant_id = %(tenant_id)s AND receipt_id = %(receipt_id)s AND state = 'held'
   FOR UPDATE;

-- name: settle_quarantined
-- Settle a held record; no row touched: it was settled before.
UPDATE ops.quarantine
   SET state = %(after)s, settled_at = %(now)s, settled_by = %(by)s,
       reason_code = %(reason_code)s, released_as = %(released_as)s
 WHERE tenant_id = %(tenant_id)s AND receipt_id = %(receipt_id)s AND state = 'held';

-- name: drop_copy
-- Forget the sealed bytes of a settled record.
DELETE FROM ops.quarantine_copy
 WHERE tenant_id = %(tenant_id)s AND receipt_id = %(receipt_id)s;

-- name: quarantine_copy
-- The sealed bytes of a held record; for ops_keys alone.
SELECT key_version, nonce, ciphertext FROM ops.quarantine_copy
 WHERE tenant_id = %(tenant_id)s AND receipt_id = %(receipt_id)s;

-- name: expire_quarantined
-- Settle held records whose time is up, across tenants; returns whose each was. A record that is
-- being settled at this moment is passed over.
UPDATE ops.quarantine SET state = 'expired', settled_at = %(now)s, settled_by = %(by)s
 WHERE (tenant_id, receipt_id) IN (
           SELECT tenant_id, receipt_id FROM ops.quarantine
            WHERE state = 'held' AND expires_at <= %(now)s
            ORDER BY expires_at
            LIMIT %(batch)s
              FOR UPDATE SKIP LOCKED
       )
RETURNING tenant_id;

-- name: drop_expired_copies
-- Forget the sealed bytes of expired records, across tenants.
DELETE FROM ops.quarantine_copy AS copy
 USING ops.quarantine AS entry
 WHERE entry.tenant_id = copy.tenant_id AND entry.receipt_id = copy.receipt_id
   AND entry.state = 'expired';

-- name: tenant_and_policy
-- The status of a tenant and the active policy.
SELECT (SELECT status FROM ops.tenant WHERE tenant_id = %(tenant_id)s),
       (SELECT policy_rev FROM ops.policy_revision WHERE state = 'active');

-- name: close_runs
-- Keep requests of one tenant out until this change of its runs is committed; other tenants go on.
SELECT pg_advisory_xact_lock(4713003, hashtext(%(tenant_id)s));

-- name: run_opened_before
-- The run that was opened under a key; no row: the key is new.
SELECT run_id FROM ops.platform_run
 WHERE tenant_id = %(tenant_id)s AND open_key = %(open_key)s;

-- name: open_run
-- Open a run; no row touched: its key was used a moment ago.
INSERT INTO ops.platform_run (tenant_id, run_id, standing, opened_at, opened_by, open_key)
VALUES (%(tenant_id)s, %(run_id)s, false, %(now)s, %(by)s, %(open_key)s)
ON CONFLICT ON CONSTRAINT platform_run_open_key_unique DO NOTHING;

-- name: close_run
-- Close a run for good.
UPDATE ops.platform_run SET closed_at = %(now)s, closed_by = %(by)s, outcome = %(outcome)s
 WHERE tenant_id = %(tenant_id)s AND run_id = %(run_id)s AND closed_at IS NULL;

-- name: standing_run
-- The run that applies when a request names none.
SELECT run_id FROM ops.platform_run WHERE tenant_id = %(tenant_id)s AND standing;

-- name: first_segment
-- Open the first segment of a run.
INSERT INTO ops.run_segment (tenant_id, run_id, segment, policy_rev, opened_at, opened_by)
VALUES (%(tenant_id)s, %(run_id)s, 1, %(policy_rev)s, %(now)s, %(by)s);

-- name: open_segments
-- Open the next segment of every open run whose last one is of another policy, across tenants.
INSERT INTO ops.run_segment (tenant_id, run_id, segment, policy_rev, opened_at, opened_by)
SELECT run.tenant_id, run.run_id, coalesce(last.segment, 0) + 1, %(policy_rev)s, %(now)s, %(by)s
  FROM ops.platform_run AS run
  LEFT JOIN LATERAL (
           SELECT segment.segment, segment.policy_rev FROM ops.run_segment AS segment
            WHERE segment.tenant_id = run.tenant_id AND segment.run_id = run.run_id
            ORDER BY segment.segment DESC
            LIMIT 1
       ) AS last ON true
 WHERE run.closed_at IS NULL AND last.policy_rev IS DISTINCT FROM %(policy_rev)s;

-- name: runs
-- The newest runs of a tenant.
SELECT run_id, standing, opened_at, opened_by, closed_at, closed_by, outcome,
       (SELECT count(*) FROM ops.run_segment AS segment
         WHERE segment.tenant_id = run.tenant_id AND segment.run_id = run.run_id) AS segments
  FROM ops.platform_run AS run
 WHERE tenant_id = %(tenant_id)s
 ORDER BY opened_at DESC, run_id DESC
 LIMIT %(most)s;

-- name: run
-- One run; no row: there is none of that id in the tenant.
SELECT run_id, standing, opened_at, opened_by, closed_at, closed_by, outcome,
       (SELECT count(*) FROM ops.run_segment AS segment
         WHERE segment.tenant_id = run.tenant_id AND segment.run_id = run.run_id) AS segments
  FROM ops.platform_run AS run
 WHERE tenant_id = %(tenant_id)s AND run_id = %(run_id)s;

-- name: segments
-- The segments of a run, oldest first.
SELECT segment, policy_rev, opened_at, opened_by FROM ops.run_segment
 WHERE tenant_id = %(tenant_id)s AND run_id = %(run_id)s
 ORDER BY segment;
