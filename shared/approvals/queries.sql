-- name: propose
-- Ask for an approval; no row touched: one for the same plan is open.
INSERT INTO ops.approval
       (approval_id, tenant_id, kind, subject, plan, plan_digest, state,
        requested_by, requested_at, expires_at, reason_code, reason_text)
VALUES (%(approval_id)s, %(tenant_id)s, %(kind)s, %(subject)s, %(plan)s, %(plan_digest)s,
        'proposed', %(requested_by)s, %(now)s, %(expires_at)s, %(reason_code)s, %(reason_text)s)
ON CONFLICT (tenant_id, kind, subject, plan_digest) WHERE state IN ('proposed', 'approved')
DO NOTHING;

-- name: lock_open_request
-- The open approval of a plan, locked; no row: it has just ended.
SELECT approval_id, tenant_id, kind, subject, plan, plan_digest, state, requested_by, requested_at,
       expires_at, reason_code, reason_text, decided_by, decided_at, decision_code, decision_text,
       ended_by, ended_at
  FROM ops.approval
 WHERE kind = %(kind)s AND subject = %(subject)s AND plan_digest = %(plan_digest)s
   AND tenant_id IS NOT DISTINCT FROM %(tenant_id)s AND state IN ('proposed', 'approved')
   FOR UPDATE;

-- name: approval
-- One approval; no row: there is none of that id here.
SELECT approval_id, tenant_id, kind, subject, plan, plan_digest, state, requested_by, requested_at,
       expires_at, reason_code, reason_text, decided_by, decided_at, decision_code, decision_text,
       ended_by, ended_at
  FROM ops.approval WHERE approval_id = %(approval_id)s;

-- name: lock_approval
-- One approval, locked to the end of the transaction; no row: there is none of that id here.
SELECT approval_id, tenant_id, kind, subject, plan, plan_digest, state, requested_by, requested_at,
       expires_at, reason_code, reason_text, decided_by, decided_at, decision_code, decision_text,
       ended_by, ended_at
  FROM ops.approval WHERE approval_id = %(approval_id)s FOR UPDATE;

-- name: approvals
-- The newest approvals, open ones first; in one state as of a moment, or in any.
SELECT approval_id, tenant_id, kind, subject, plan, plan_digest, state, requested_by, requested_at,
       expires_at, reason_code, reason_text, decided_by, decided_at, decision_code, decision_text,
       ended_by, ended_at
  FROM ops.approval
 WHERE %(state)s::text IS NULL
    OR %(state)s = CASE WHEN state IN ('proposed', 'approved') AND expires_at <= %(now)s
                        THEN 'expired' ELSE state END
 ORDER BY state IN ('proposed', 'approved') AND expires_at > %(now)s DESC,
          requested_at DESC, approval_id DESC
 LIMIT %(most)s;

-- name: lock_overdue
-- Open approvals whose time has run out, the longest first; what somebody is deciding on waits.
SELECT approval_id, tenant_id, kind, subject, plan, plan_digest, state, requested_by, requested_at,
       expires_at, reason_code, reason_text, decided_by, decided_at, decision_code, decision_text,
       ended_by, ended_at
  FROM ops.approval
 WHERE state IN ('proposed', 'approved') AND expires_at <= %(now)s
 ORDER BY expires_at, approval_id
 LIMIT %(batch)s
   FOR UPDATE SKIP LOCKED;

-- name: move_approval
-- Move an approval on from the state it was seen in; no row touched: it has moved meanwhile.
UPDATE ops.approval
   SET state = %(state)s, decided_by = %(decided_by)s, decided_at = %(decided_at)s,
       decision_code = %(decision_code)s, decision_text = %(decision_text)s,
       ended_by = %(ended_by)s, ended_at = %(ended_at)s
 WHERE approval_id = %(approval_id)s AND state = %(held)s;
