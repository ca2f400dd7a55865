-- name: roles_of
-- Roles granted to an active principal; no row: the caller may do nothing.
SELECT role_grant.role
  FROM ops.role_grant
  JOIN ops.principal USING (principal_id)
 WHERE principal.object_id = %(object_id)s AND principal.status = 'active';

-- name: roles_of_person
-- Roles granted to an active user; no row: a service, a stranger, or somebody who may do nothing.
SELECT role_grant.role
  FROM ops.role_grant
  JOIN ops.principal USING (principal_id)
 WHERE principal.object_id = %(object_id)s AND principal.status = 'active'
   AND principal.kind = 'user';

-- name: environment
-- Which environment this database belongs to; no row: it is not initialised.
SELECT environment FROM ops.environment_marker;

-- name: create_group
-- Create a group; no row touched: the name is taken.
INSERT INTO ops.tenant_group (group_id, name, created_at, created_by)
VALUES (%(group_id)s, %(name)s, %(now)s, %(by)s)
ON CONFLICT ON CONSTRAINT tenant_group_name_unique DO NOTHING;

-- name: group_by_name
-- The id of a group, by name or id.
SELECT group_id FROM ops.tenant_group WHERE %(name)s IN (name, group_id);

-- name: groups
-- Every group.
SELECT group_id, name FROM ops.tenant_group ORDER BY name;

-- name: create_tenant
-- Create an active tenant; no row touched: the name is taken.
INSERT INTO ops.tenant (tenant_id, group_id, name, status, created_at, created_by)
VALUES (%(tenant_id)s, %(group_id)s, %(name)s, 'active', %(now)s, %(by)s)
ON CONFLICT ON CONSTRAINT tenant_name_unique DO NOTHING;

-- name: tenant_by_name
-- A tenant, by name or id.
SELECT tenant_id, group_id, name, status FROM ops.tenant WHERE %(name)s IN (name, tenant_id);

-- name: tenants
-- Every tenant.
SELECT tenant_id, group_id, name, status FROM ops.tenant ORDER BY name;

-- name: set_tenant_status
-- Change a tenant's status; no row touched: it already has it.
UPDATE ops.tenant SET status = %(status)s
 WHERE tenant_id = %(tenant_id)s AND status <> %(status)s;

-- name: lock_boundary
-- Wait until no request is being decided under the old status; held to the end of the transaction.
SELECT pg_advisory_xact_lock(4713002002);

-- name: open_standing_run
-- Open the run that applies when a request names none.
INSERT INTO ops.platform_run (tenant_id, run_id, standing, opened_at)
VALUES (%(tenant_id)s, %(run_id)s, true, %(now)s);

-- name: create_principal
-- Register a principal; no row touched: the object id is taken.
INSERT INTO ops.principal
       (principal_id, kind, object_id, label, status, created_at, created_by)
VALUES (%(principal_id)s, %(kind)s, %(object_id)s, %(label)s, 'active', %(now)s, %(by)s)
ON CONFLICT ON CONSTRAINT principal_object_id_unique DO NOTHING;

-- name: principal_by_object_id
-- A principal by the directory's object id.
SELECT principal_id, kind, object_id, label, status
  FROM ops.principal WHERE object_id = %(object_id)s;

-- name: principals
-- Every principal of a kind, or of any.
SELECT principal_id, kind, object_id, label, status FROM ops.principal
 WHERE %(kind)s::text IS NULL OR kind = %(kind)s
 ORDER BY created_at, principal_id;

-- name: set_principal_status
-- Change a principal's status; no row touched: it already has it.
UPDATE ops.principal SET status = %(status)s
 WHERE object_id = %(object_id)s AND status <> %(status)s;

-- name: add_member
-- Put a principal into a group; no row touched: it is there.
INSERT INTO ops.group_member (group_id, principal_id, created_at, created_by)
VALUES (%(group_id)s, %(principal_id)s, %(now)s, %(by)s)
ON CONFLICT ON CONSTRAINT group_member_pk DO NOTHING;

-- name: grant_role
-- Grant a role; no row touched: it was granted before.
INSERT INTO ops.role_grant (principal_id, role, created_at, created_by)
VALUES (%(principal_id)s, %(role)s, %(now)s, %(by)s)
ON CONFLICT ON CONSTRAINT role_grant_pk DO NOTHING;

-- name: role_grants
-- Every role that was granted, to whom.
SELECT role_grant.role, principal.object_id
  FROM ops.role_grant JOIN ops.principal USING (principal_id)
 ORDER BY role_grant.role, principal.object_id;

-- name: revoke_role
-- Revoke a role; no row touched: there was none.
DELETE FROM ops.role_grant WHERE principal_id = %(principal_id)s AND role = %(role)s;

-- name: lock_owners
-- Let one change of owners in at a time; held to the end of the transaction.
SELECT pg_advisory_xact_lock(4713002003);

-- name: active_owners
-- The object ids of the active platform owners.
SELECT principal.object_id
  FROM ops.role_grant
  JOIN ops.principal USING (principal_id)
 WHERE role_grant.role = 'platform_owner' AND principal.status = 'active';

-- name: grant_producer
-- Let a service post a contract for a tenant; no row touched: it may already.
INSERT INTO ops.producer_grant (tenant_id, object_id, contract, created_at, created_by)
VALUES (%(tenant_id)s, %(object_id)s, %(contract)s, %(now)s, %(by)s)
ON CONFLICT ON CONSTRAINT producer_grant_pk DO NOTHING;

-- name: revoke_producer
-- Take that back; no row touched: there was no grant.
DELETE FROM ops.producer_grant
 WHERE tenant_id = %(tenant_id)s AND object_id = %(object_id)s AND contract = %(contract)s;

-- name: grants
-- Every producer grant.
SELECT tenant_id, object_id, contract FROM ops.producer_grant
 ORDER BY tenant_id, object_id, contract;
