-- name: active_revision
-- The revision in force; no row: none was ever activated.
SELECT policy_rev FROM ops.policy_revision WHERE state = 'active';

-- name: policy_in_force
-- The revision in force and what it says; no row: none was ever activated.
SELECT policy_rev, document FROM ops.policy_revision WHERE state = 'active';

-- name: lock_revisions
-- Let one activation in at a time; held to the end of the transaction.
SELECT pg_advisory_xact_lock(4713002002);

-- name: supersede_revision
-- End the revision in force.
UPDATE ops.policy_revision SET state = 'superseded', superseded_at = %(now)s
 WHERE state = 'active';

-- name: activate_revision
-- Put a revision in force, for the first time or again.
INSERT INTO ops.policy_revision (policy_rev, document, state, activated_at, activated_by)
VALUES (%(policy_rev)s, %(document)s, 'active', %(now)s, %(by)s)
ON CONFLICT ON CONSTRAINT policy_revision_pk DO UPDATE
   SET state = 'active', activated_at = %(now)s, activated_by = %(by)s, superseded_at = NULL;
