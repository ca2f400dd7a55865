-- name: mark_environment
-- Give the database to an environment; no row touched: it has one.
INSERT INTO ops.environment_marker
       (environment, workspace, schema_version, initialised_at, initialised_by)
VALUES (%(environment)s, %(workspace)s, 'v2', %(now)s, %(by)s)
ON CONFLICT ON CONSTRAINT environment_marker_pk DO NOTHING;

-- name: prepare_months
-- Make the ledger partitions of some months; the answer is how many were missing.
SELECT ops.prepare_ledger_months(%(first)s, %(months)s);

-- name: marker
-- What the database says of itself; no row: it is not initialised.
SELECT environment, workspace, schema_version, epoch FROM ops.environment_marker;

-- name: register_owner
-- Register the first platform owner.
INSERT INTO ops.principal
       (principal_id, kind, object_id, label, status, created_at, created_by)
VALUES (%(principal_id)s, 'user', %(object_id)s, 'first owner', 'active', %(now)s, %(by)s);

-- name: grant_owner
-- Grant the first owner its role.
INSERT INTO ops.role_grant (principal_id, role, created_at, created_by)
VALUES (%(principal_id)s, %(role)s, %(now)s, %(by)s);
