-- Run once per cluster by an administrator (or by the local stack): the duty logins of the
-- product. They own nothing and inherit nothing; what each may do is in 0002_pre_duty_grants.sql.
-- Passwords or Entra mappings are set outside: this file holds no secret.
-- Safe to run again.
DO $$
DECLARE
    login text;
BEGIN
    FOREACH login IN ARRAY ARRAY[
        'ops_migrator', 'ops_data', 'ops_control', 'ops_jobs', 'ops_keys', 'ops_seal',
        'ops_backup', 'ops_audit', 'ops_search'
    ] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = login) THEN
            EXECUTE format(
                'CREATE ROLE %I LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS',
                login
            );
        END IF;
    END LOOP;
    -- Backup alone reads past row-level security; it may change nothing (design 8).
    ALTER ROLE ops_backup BYPASSRLS;
END
$$;
