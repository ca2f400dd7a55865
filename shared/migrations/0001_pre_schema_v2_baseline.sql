-- The Schema V2 baseline (000-R7): every table the ingest chain stands on. There is nothing before it.
--
-- Three kinds of table:
--   control   who and what exists; changed by operators through the control plane
--   ledger    append-only evidence; a row is its canonical text, and every column that is asked
--             for is GENERATED from that text, so what is proven is what is queried (design 2.5)
--   work      keys, personal data, intents: what the services read and write
-- Every table with a tenant_id has row-level security FORCED; an unset tenant sees nothing.

CREATE SCHEMA ops;

-- The tenant of this transaction. NULL when unset, and NULL equals nothing.
CREATE FUNCTION ops.current_tenant() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('ops.tenant', true), '');

-- Whether this transaction said that it works across tenants. Policies name the logins for which
-- that word counts.
CREATE FUNCTION ops.across_tenants() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(current_setting('ops.scope', true), '') = 'platform';

-- control -----------------------------------------------------------------------------------------

CREATE TABLE ops.environment_marker (
    only_row boolean NOT NULL DEFAULT true,
    environment text NOT NULL,
    workspace text NOT NULL,
    schema_version text NOT NULL,
    epoch integer NOT NULL DEFAULT 1,
    initialised_at timestamptz NOT NULL,
    initialised_by text NOT NULL,
    CONSTRAINT environment_marker_pk PRIMARY KEY (only_row),
    CONSTRAINT environment_marker_is_one_row CHECK (only_row),
    CONSTRAINT environment_marker_environment_known CHECK (
        environment IN ('local_parity', 'development', 'testing', 'staging', 'production')
    ),
    CONSTRAINT environment_marker_is_schema_v2 CHECK (schema_version = 'v2')
);
COMMENT ON TABLE ops.environment_marker IS
    'Which environment this database belongs to; the app refuses to start on another (D1).';

CREATE TABLE ops.tenant_group (
    group_id text NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    CONSTRAINT tenant_group_pk PRIMARY KEY (group_id),
    CONSTRAINT tenant_group_name_unique UNIQUE (name)
);

CREATE TABLE ops.tenant (
    tenant_id text NOT NULL,
    group_id text NOT NULL,
    name text NOT NULL,
    status text NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    CONSTRAINT tenant_pk PRIMARY KEY (tenant_id),
    CONSTRAINT tenant_group_exists FOREIGN KEY (group_id) REFERENCES ops.tenant_group,
    CONSTRAINT tenant_name_unique UNIQUE (name),
    CONSTRAINT tenant_id_shape CHECK (tenant_id ~ '^tnt_[0-9a-z]{26}$'),
    CONSTRAINT tenant_status_known CHECK (status IN ('active', 'suspended'))
);

CREATE TABLE ops.principal (
    principal_id text NOT NULL,
    kind text NOT NULL,
    object_id text NOT NULL,
    label text NOT NULL,
    status text NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    CONSTRAINT principal_pk PRIMARY KEY (principal_id),
    CONSTRAINT principal_object_id_unique UNIQUE (object_id),
    CONSTRAINT principal_kind_known CHECK (kind IN ('user', 'service')),
    CONSTRAINT principal_status_known CHECK (status IN ('active', 'disabled')),
    CONSTRAINT principal_object_id_lower CHECK (object_id = lower(object_id))
);
COMMENT ON TABLE ops.principal IS
    'Users and service principals, by directory object id. The label may name a person, so it '
    'stays here and never enters a ledger (D23).';

CREATE TABLE ops.group_member (
    group_id text NOT NULL,
    principal_id text NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    CONSTRAINT group_member_pk PRIMARY KEY (group_id, principal_id),
    CONSTRAINT group_member_group_exists FOREIGN KEY (group_id) REFERENCES ops.tenant_group,
    CONSTRAINT group_member_principal_exists FOREIGN KEY (principal_id) REFERENCES ops.principal
);

CREATE TABLE ops.role_grant (
    principal_id text NOT NULL,
    role text NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    CONSTRAINT role_grant_pk PRIMARY KEY (principal_id, role),
    CONSTRAINT role_grant_principal_exists FOREIGN KEY (principal_id) REFERENCES ops.principal
);

CREATE TABLE ops.producer_grant (
    tenant_id text NOT NULL,
    object_id text NOT NULL,
    contract text NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    CONSTRAINT producer_grant_pk PRIMARY KEY (tenant_id, object_id, contract),
    CONSTRAINT producer_grant_tenant_exists FOREIGN KEY (tenant_id) REFERENCES ops.tenant,
    CONSTRAINT producer_grant_principal_exists
        FOREIGN KEY (object_id) REFERENCES ops.principal (object_id)
);
COMMENT ON TABLE ops.producer_grant IS 'Which service may post which contract for which tenant.';

CREATE TABLE ops.policy_revision (
    policy_rev text NOT NULL,
    document text NOT NULL,
    state text NOT NULL,
    activated_at timestamptz NOT NULL,
    activated_by text NOT NULL,
    superseded_at timestamptz,
    CONSTRAINT policy_revision_pk PRIMARY KEY (policy_rev),
    CONSTRAINT policy_revision_is_digest CHECK (policy_rev ~ '^[0-9a-f]{64}$'),
    CONSTRAINT policy_revision_state_known CHECK (state IN ('active', 'superseded')),
    CONSTRAINT policy_revision_superseded_has_time
        CHECK ((state = 'superseded') = (superseded_at IS NOT NULL))
);
CREATE UNIQUE INDEX policy_revision_one_active ON ops.policy_revision (state)
    WHERE state = 'active';

CREATE TABLE ops.platform_run (
    tenant_id text NOT NULL,
    run_id text NOT NULL,
    standing boolean NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT platform_run_pk PRIMARY KEY (tenant_id, run_id),
    CONSTRAINT platform_run_tenant_exists FOREIGN KEY (tenant_id) REFERENCES ops.tenant
);
CREATE UNIQUE INDEX platform_run_one_standing ON ops.platform_run (tenant_id)
    WHERE standing AND closed_at IS NULL;
COMMENT ON TABLE ops.platform_run IS
    'An evidence window of the data plane. Without a header the standing run applies.';

COMMENT ON TABLE ops.tenant_group IS 'A group of tenants, such as one customer''s companies.';
COMMENT ON TABLE ops.tenant IS 'A tenant; suspended means read-only.';
COMMENT ON TABLE ops.group_member IS 'Which principal belongs to which group.';
COMMENT ON TABLE ops.role_grant IS 'Roles of principals; what a role allows is a table of code.';
COMMENT ON TABLE ops.policy_revision IS 'Every policy revision that was ever in force.';

-- keys and personal data --------------------------------------------------------------------------

CREATE TABLE ops.tenant_key (
    tenant_id text NOT NULL,
    purpose text NOT NULL,
    version integer NOT NULL,
    wrapped bytea NOT NULL,
    state text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT tenant_key_pk PRIMARY KEY (tenant_id, purpose, version),
    CONSTRAINT tenant_key_tenant_exists FOREIGN KEY (tenant_id) REFERENCES ops.tenant,
    CONSTRAINT tenant_key_purpose_known CHECK (purpose IN ('data', 'index')),
    CONSTRAINT tenant_key_state_known CHECK (state IN ('current', 'retiring')),
    CONSTRAINT tenant_key_version_positive CHECK (version > 0)
);
CREATE UNIQUE INDEX tenant_key_one_current ON ops.tenant_key (tenant_id, purpose)
    WHERE state = 'current';
COMMENT ON TABLE ops.tenant_key IS
    'Data and index keys, wrapped by the tenant key, which exists only in the key provider.';

CREATE TABLE ops.pii_vault (
    tenant_id text NOT NULL,
    receipt_id text NOT NULL,
    key_version integer NOT NULL,
    nonce bytea NOT NULL,
    ciphertext bytea NOT NULL,
    sealed_at timestamptz NOT NULL,
    CONSTRAINT pii_vault_pk PRIMARY KEY (tenant_id, receipt_id),
    CONSTRAINT pii_vault_nonce_length CHECK (octet_length(nonce) = 12)
);
COMMENT ON TABLE ops.pii_vault IS
    'The only place of personal data: AES-256-GCM, bound to tenant, record and key version. '
    'ops_keys alone can read it.';

CREATE TABLE ops.blind_index (
    tenant_id text NOT NULL,
    kind text NOT NULL,
    digest bytea NOT NULL,
    receipt_id text NOT NULL,
    CONSTRAINT blind_index_pk PRIMARY KEY (tenant_id, digest, receipt_id),
    CONSTRAINT blind_index_digest_length CHECK (octet_length(digest) = 32)
);
COMMENT ON TABLE ops.blind_index IS
    'Keyed digests of identifiers, under the index key, which rotation leaves alone (D15).';

-- ingest --------------------------------------------------------------------------------------------

CREATE TABLE ops.admission_key (
    tenant_id text NOT NULL,
    dedupe_key bytea NOT NULL,
    payload_hash bytea NOT NULL,
    CONSTRAINT admission_key_pk PRIMARY KEY (tenant_id, dedupe_key),
    CONSTRAINT admission_key_dedupe_length CHECK (octet_length(dedupe_key) = 32),
    CONSTRAINT admission_key_payload_length CHECK (octet_length(payload_hash) = 32)
);
COMMENT ON TABLE ops.admission_key IS
    'What has been admitted, by (tenant, run if the contract says so, event class, event id).';

CREATE TABLE ops.record (
    tenant_id text NOT NULL,
    receipt_id text NOT NULL,
    contract text NOT NULL,
    deterministic jsonb NOT NULL,
    semantic jsonb NOT NULL,
    CONSTRAINT record_pk PRIMARY KEY (tenant_id, receipt_id)
);
COMMENT ON TABLE ops.record IS
    'Deterministic fields and redacted semantic fields of an admitted record.';

CREATE TABLE ops.receipt_document (
    tenant_id text NOT NULL,
    request_id text NOT NULL,
    digest text NOT NULL,
    receipt_ids text[] NOT NULL,
    created_at timestamptz NOT NULL,
    written_at timestamptz,
    CONSTRAINT receipt_document_pk PRIMARY KEY (tenant_id, request_id),
    CONSTRAINT receipt_document_is_digest CHECK (digest ~ '^[0-9a-f]{64}$'),
    CONSTRAINT receipt_document_not_empty CHECK (cardinality(receipt_ids) > 0)
);
CREATE INDEX receipt_document_unwritten ON ops.receipt_document (created_at)
    WHERE written_at IS NULL;
COMMENT ON TABLE ops.receipt_document IS
    'Index of the receipt documents in Blob storage: one per request, named by its content.';

CREATE TABLE ops.idempotent_answer (
    tenant_id text NOT NULL,
    key_digest bytea NOT NULL,
    body_hash bytea NOT NULL,
    answer bytea NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT idempotent_answer_pk PRIMARY KEY (tenant_id, key_digest)
);
CREATE INDEX idempotent_answer_age ON ops.idempotent_answer (created_at);
COMMENT ON TABLE ops.idempotent_answer IS
    'The answer given under an Idempotency-Key, replayed to a repeat with the same body.';

-- outbox --------------------------------------------------------------------------------------------

CREATE TABLE ops.outbox (
    outbox_id text NOT NULL,
    tenant_id text,
    queue text NOT NULL,
    envelope text NOT NULL,
    traceparent text NOT NULL,
    created_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    sent_at timestamptz,
    CONSTRAINT outbox_pk PRIMARY KEY (outbox_id)
);
CREATE INDEX outbox_unsent ON ops.outbox (created_at) WHERE sent_at IS NULL;
COMMENT ON TABLE ops.outbox IS
    'Queue messages that committed with their row; a message is a hint, Postgres is the truth.';

-- ledger --------------------------------------------------------------------------------------------

CREATE FUNCTION ops.refuse_ledger_change() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger rows are never changed' USING ERRCODE = 'restrict_violation';
END
$$;

-- Month of a canonical instant: 2026-11-21T… becomes 202611. Immutable, so partitions and checks
-- may rest on it.
CREATE FUNCTION ops.month_of(instant text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN replace(left(instant, 7), '-', '')::integer;

CREATE TABLE ops.admission (
    month integer NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    body text NOT NULL,
    tenant_id text NOT NULL GENERATED ALWAYS AS (body::jsonb ->> 'tenant_id') STORED,
    receipt_id text NOT NULL GENERATED ALWAYS AS (body::jsonb ->> 'receipt_id') STORED,
    request_id text GENERATED ALWAYS AS (body::jsonb ->> 'request_id') VIRTUAL,
    event_id text GENERATED ALWAYS AS (body::jsonb ->> 'event_id') VIRTUAL,
    event_class text GENERATED ALWAYS AS (body::jsonb ->> 'event_class') VIRTUAL,
    admitted_at text GENERATED ALWAYS AS (body::jsonb ->> 'admitted_at_utc') VIRTUAL,
    platform_run_id text GENERATED ALWAYS AS (body::jsonb ->> 'platform_run_id') VIRTUAL,
    CONSTRAINT admission_pk PRIMARY KEY (month, seq),
    CONSTRAINT admission_month_is_of_body
        CHECK (month IS NOT DISTINCT FROM ops.month_of(body::jsonb ->> 'admitted_at_utc'))
) PARTITION BY RANGE (month);
CREATE TABLE ops.admission_other PARTITION OF ops.admission DEFAULT;
CREATE INDEX admission_receipt ON ops.admission (tenant_id, receipt_id);
COMMENT ON TABLE ops.admission IS
    'The stream of admissions; a row is the receipt''s canonical text.';

CREATE TABLE ops.fact (
    month integer NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    body text NOT NULL,
    fact_id text NOT NULL GENERATED ALWAYS AS (body::jsonb ->> 'fact_id') STORED,
    tenant_id text GENERATED ALWAYS AS (body::jsonb ->> 'tenant_id') STORED,
    name text NOT NULL GENERATED ALWAYS AS (body::jsonb ->> 'name') STORED,
    actor_id text GENERATED ALWAYS AS (body::jsonb ->> 'actor_id') VIRTUAL,
    recorded_at text GENERATED ALWAYS AS (body::jsonb ->> 'recorded_at') VIRTUAL,
    CONSTRAINT fact_pk PRIMARY KEY (month, seq),
    CONSTRAINT fact_month_is_of_body CHECK (month IS NOT DISTINCT FROM ops.month_of(body::jsonb ->> 'recorded_at'))
) PARTITION BY RANGE (month);
CREATE TABLE ops.fact_other PARTITION OF ops.fact DEFAULT;
CREATE INDEX fact_by_id ON ops.fact (fact_id);
CREATE INDEX fact_by_name ON ops.fact (name, month);
COMMENT ON TABLE ops.fact IS 'Governance facts: allow-listed metadata, never payload (design 2.3).';

CREATE TABLE ops.fact_key (
    tenant_id text,
    fact_id text NOT NULL,
    CONSTRAINT fact_key_unique UNIQUE NULLS NOT DISTINCT (tenant_id, fact_id)
);
COMMENT ON TABLE ops.fact_key IS 'Makes a repeated fact a no-op across partitions.';

CREATE TABLE ops.denial_tally (
    minute timestamptz NOT NULL,
    code text NOT NULL,
    caller text NOT NULL,
    denials bigint NOT NULL,
    CONSTRAINT denial_tally_pk PRIMARY KEY (minute, code, caller)
);
COMMENT ON TABLE ops.denial_tally IS
    'Refused credentials of the running minute; a timer turns a closed minute into one fact.';

CREATE TRIGGER admission_is_append_only BEFORE UPDATE OR DELETE ON ops.admission
    FOR EACH ROW EXECUTE FUNCTION ops.refuse_ledger_change();
CREATE TRIGGER fact_is_append_only BEFORE UPDATE OR DELETE ON ops.fact
    FOR EACH ROW EXECUTE FUNCTION ops.refuse_ledger_change();
CREATE TRIGGER admission_is_not_truncated BEFORE TRUNCATE ON ops.admission
    FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_ledger_change();
CREATE TRIGGER admission_other_is_not_truncated BEFORE TRUNCATE ON ops.admission_other
    FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_ledger_change();
CREATE TRIGGER fact_is_not_truncated BEFORE TRUNCATE ON ops.fact
    FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_ledger_change();
CREATE TRIGGER fact_other_is_not_truncated BEFORE TRUNCATE ON ops.fact_other
    FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_ledger_change();

-- row-level security --------------------------------------------------------------------------------
-- One policy keeps a row inside its tenant. A second one, for the logins whose duty crosses
-- tenants, counts only in a transaction that says so.

DO $$
DECLARE
    tab text;
BEGIN
    FOREACH tab IN ARRAY ARRAY[
        'tenant', 'producer_grant', 'platform_run', 'tenant_key', 'pii_vault', 'blind_index',
        'admission_key', 'record', 'receipt_document', 'idempotent_answer', 'outbox',
        'admission', 'admission_other', 'fact', 'fact_other', 'fact_key'
    ] LOOP
        EXECUTE format('ALTER TABLE ops.%I ENABLE ROW LEVEL SECURITY', tab);
        EXECUTE format('ALTER TABLE ops.%I FORCE ROW LEVEL SECURITY', tab);
        EXECUTE format(
            'CREATE POLICY %I ON ops.%I USING (tenant_id = ops.current_tenant())',
            tab || '_inside_tenant', tab
        );
    END LOOP;
    -- Operators list tenants and grants, sweep intents and backfill documents across tenants.
    FOREACH tab IN ARRAY ARRAY[
        'tenant', 'producer_grant', 'platform_run', 'receipt_document', 'outbox', 'fact_key',
        'idempotent_answer'
    ] LOOP
        EXECUTE format(
            'CREATE POLICY %I ON ops.%I TO ops_control USING (ops.across_tenants())',
            tab || '_across_tenants', tab
        );
    END LOOP;
    -- Evidence is sealed, audited and searched across tenants; reading only.
    FOREACH tab IN ARRAY ARRAY['admission', 'fact'] LOOP
        EXECUTE format(
            'CREATE POLICY %I ON ops.%I FOR SELECT TO ops_control, ops_seal, ops_audit'
            ' USING (ops.across_tenants())',
            tab || '_read_across_tenants', tab
        );
    END LOOP;
END
$$;

-- A fact, a fact's key and an intent may belong to the platform and to no tenant.
CREATE POLICY fact_written_across_tenants ON ops.fact FOR INSERT TO ops_control
    WITH CHECK (ops.across_tenants());
CREATE POLICY fact_of_platform ON ops.fact FOR INSERT WITH CHECK (tenant_id IS NULL);
CREATE POLICY fact_key_of_platform ON ops.fact_key
    USING (tenant_id IS NULL) WITH CHECK (tenant_id IS NULL);
CREATE POLICY outbox_of_platform ON ops.outbox FOR INSERT WITH CHECK (tenant_id IS NULL);

-- ledger months -------------------------------------------------------------------------------------
-- Prepare partitions for some months, beginning with one such as 202611; returns how many are new.
-- It runs as the owner of the schema, so that a timer may keep a few months ahead. A month for which
-- rows came before its partition did stays in the default partition for good.

CREATE FUNCTION ops.prepare_ledger_months(first integer, months integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog
    SET lock_timeout = '4s'
    AS $$
DECLARE
    made integer := 0;
    step integer;
    month integer;
    tab text;
    part text;
BEGIN
    IF months NOT BETWEEN 1 AND 36 OR first NOT BETWEEN 202001 AND 299912
       OR first % 100 NOT BETWEEN 1 AND 12 THEN
        RAISE EXCEPTION 'months to prepare are out of range' USING ERRCODE = 'data_exception';
    END IF;
    FOR step IN 0..months - 1 LOOP
        month := (first / 100 + (first % 100 - 1 + step) / 12) * 100
                 + (first % 100 - 1 + step) % 12 + 1;
        FOREACH tab IN ARRAY ARRAY['admission', 'fact'] LOOP
            part := format('%s_%s', tab, month);
            CONTINUE WHEN to_regclass('ops.' || part) IS NOT NULL;
            BEGIN
                EXECUTE format(
                    'CREATE TABLE ops.%I PARTITION OF ops.%I FOR VALUES FROM (%s) TO (%s)',
                    part, tab, month, month + 1
                );
            EXCEPTION WHEN check_violation THEN
                CONTINUE;
            END;
            EXECUTE format('ALTER TABLE ops.%I ENABLE ROW LEVEL SECURITY', part);
            EXECUTE format('ALTER TABLE ops.%I FORCE ROW LEVEL SECURITY', part);
            EXECUTE format(
                'CREATE POLICY %I ON ops.%I USING (tenant_id = ops.current_tenant())',
                part || '_inside_tenant', part
            );
            EXECUTE format(
                'CREATE TRIGGER %I BEFORE TRUNCATE ON ops.%I'
                ' FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_ledger_change()',
                part || '_is_not_truncated', part
            );
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;
