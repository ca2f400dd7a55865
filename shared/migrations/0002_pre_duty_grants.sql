-- Who may do what, in one place: the database's own default deny (design 3).
-- A login that is not named for a table cannot touch it. Nobody but the owner may TRUNCATE, and
-- nobody at all may UPDATE or DELETE a ledger row.

REVOKE ALL ON SCHEMA public FROM PUBLIC;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA ops FROM PUBLIC;
GRANT USAGE ON SCHEMA ops
    TO ops_data, ops_control, ops_jobs, ops_keys, ops_seal, ops_backup, ops_audit, ops_search;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ops
    TO ops_data, ops_control, ops_jobs, ops_keys, ops_seal, ops_backup, ops_audit, ops_search;
GRANT SELECT ON ops.environment_marker, ops.policy_revision
    TO ops_data, ops_control, ops_jobs, ops_keys, ops_seal, ops_backup, ops_audit, ops_search;

REVOKE EXECUTE ON FUNCTION ops.prepare_ledger_months FROM
    ops_data, ops_jobs, ops_keys, ops_seal, ops_backup, ops_audit, ops_search;

-- Every duty may record what it did; a fact's key makes a repeat a no-op.
-- Of a ledger row a login gives month and text; its place in the stream is Postgres' to say.
GRANT INSERT (month, body) ON ops.fact TO ops_data, ops_control, ops_jobs, ops_keys, ops_seal;
GRANT INSERT, SELECT ON ops.fact_key TO ops_data, ops_control, ops_jobs, ops_keys, ops_seal;
GRANT INSERT, SELECT, UPDATE ON ops.denial_tally TO ops_data, ops_control;
GRANT DELETE ON ops.denial_tally TO ops_control;

-- ops_data: the ingest gate. Inserts into vault and ledger; of personal data it reads keyed
-- digests only.
GRANT SELECT ON ops.tenant, ops.producer_grant, ops.platform_run, ops.tenant_key TO ops_data;
GRANT SELECT (object_id, kind, status) ON ops.principal TO ops_data;
GRANT INSERT ON ops.pii_vault, ops.record TO ops_data;
GRANT INSERT, SELECT ON ops.blind_index, ops.admission_key TO ops_data;
GRANT INSERT (month, body), SELECT ON ops.admission TO ops_data;
GRANT INSERT, SELECT ON ops.receipt_document, ops.idempotent_answer, ops.outbox TO ops_data;
GRANT UPDATE (written_at) ON ops.receipt_document TO ops_data;
GRANT UPDATE (sent_at, attempts) ON ops.outbox TO ops_data;

-- ops_control: operators, governance and timers. Changes control tables, reads evidence.
GRANT SELECT, INSERT ON ops.tenant_group, ops.tenant, ops.principal, ops.group_member,
    ops.role_grant, ops.producer_grant, ops.policy_revision, ops.platform_run, ops.tenant_key
    TO ops_control;
GRANT UPDATE (status) ON ops.tenant, ops.principal TO ops_control;
GRANT UPDATE (state, activated_at, activated_by, superseded_at) ON ops.policy_revision
    TO ops_control;
GRANT UPDATE (closed_at) ON ops.platform_run TO ops_control;
GRANT DELETE ON ops.role_grant, ops.producer_grant, ops.group_member TO ops_control;
GRANT SELECT ON ops.admission, ops.fact, ops.receipt_document, ops.outbox, ops.admission_key
    TO ops_control;
GRANT INSERT ON ops.outbox TO ops_control;
GRANT UPDATE (written_at) ON ops.receipt_document TO ops_control;
GRANT UPDATE (sent_at, attempts) ON ops.outbox TO ops_control;
GRANT SELECT (tenant_id, key_digest, created_at), DELETE ON ops.idempotent_answer TO ops_control;

-- ops_keys: alone reads ciphertext; rotates, erases and exports.
GRANT SELECT ON ops.tenant, ops.admission TO ops_keys;
GRANT SELECT, INSERT, UPDATE, DELETE ON ops.tenant_key, ops.pii_vault, ops.blind_index TO ops_keys;

-- ops_jobs: builds data sets from admissions; no personal data.
GRANT SELECT ON ops.tenant, ops.platform_run, ops.admission, ops.record TO ops_jobs;

-- ops_seal: reads evidence to seal it. ops_audit: reads evidence and control tables.
GRANT SELECT ON ops.admission, ops.fact TO ops_seal, ops_audit;
GRANT SELECT ON ops.tenant_group, ops.tenant, ops.role_grant, ops.producer_grant,
    ops.platform_run, ops.receipt_document TO ops_audit;

-- ops_search: searches redacted text with explicit tenant predicates.
GRANT SELECT ON ops.record TO ops_search;

-- ops_backup: reads everything, changes nothing.
GRANT SELECT ON ALL TABLES IN SCHEMA ops TO ops_backup;

-- What later migrations add is closed until they say otherwise, but for backup, which reads all.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA ops GRANT SELECT ON TABLES TO ops_backup;
