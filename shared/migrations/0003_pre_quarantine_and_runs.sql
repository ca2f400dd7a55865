-- Platform runs that operators open and close, their segments, and the quarantine of lenient
-- requests (002-R14 to R16, D17, D24).

-- platform runs -----------------------------------------------------------------------------------

ALTER TABLE ops.platform_run
    ADD COLUMN opened_by text,
    ADD COLUMN open_key bytea,
    ADD COLUMN closed_by text,
    ADD COLUMN outcome text,
    ADD CONSTRAINT platform_run_open_key_unique UNIQUE (tenant_id, open_key),
    ADD CONSTRAINT platform_run_outcome_known CHECK (outcome IN ('ended', 'cancelled')),
    ADD CONSTRAINT platform_run_closed_is_whole CHECK (
        (closed_at IS NULL) = (outcome IS NULL) AND (closed_at IS NULL) = (closed_by IS NULL)
    ),
    ADD CONSTRAINT platform_run_standing_stays_open CHECK (NOT standing OR closed_at IS NULL);
COMMENT ON COLUMN ops.platform_run.open_key IS
    'Digest of the key under which the run was opened, so that a repeat opens no second one.';

CREATE TABLE ops.run_segment (
    tenant_id text NOT NULL,
    run_id text NOT NULL,
    segment integer NOT NULL,
    policy_rev text NOT NULL,
    opened_at timestamptz NOT NULL,
    opened_by text NOT NULL,
    CONSTRAINT run_segment_pk PRIMARY KEY (tenant_id, run_id, segment),
    CONSTRAINT run_segment_run_exists
        FOREIGN KEY (tenant_id, run_id) REFERENCES ops.platform_run,
    CONSTRAINT run_segment_positive CHECK (segment > 0),
    CONSTRAINT run_segment_policy_is_digest CHECK (policy_rev ~ '^[0-9a-f]{64}$')
);
COMMENT ON TABLE ops.run_segment IS
    'A part of a platform run under one policy revision; a change opens the next one (002-R16).';

-- quarantine --------------------------------------------------------------------------------------

CREATE TABLE ops.quarantine (
    tenant_id text NOT NULL,
    receipt_id text NOT NULL,
    request_id text NOT NULL,
    run_id text NOT NULL,
    contract text NOT NULL,
    record_index integer NOT NULL,
    content_hash bytea NOT NULL,
    content_bytes integer NOT NULL,
    reasons jsonb NOT NULL,
    sent_by text NOT NULL,
    held_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    state text NOT NULL,
    settled_at timestamptz,
    settled_by text,
    reason_code text,
    released_as text,
    CONSTRAINT quarantine_pk PRIMARY KEY (tenant_id, receipt_id),
    CONSTRAINT quarantine_hash_length CHECK (octet_length(content_hash) = 32),
    CONSTRAINT quarantine_has_reasons CHECK (jsonb_array_length(reasons) > 0),
    CONSTRAINT quarantine_expires_later CHECK (expires_at > held_at),
    CONSTRAINT quarantine_state_known
        CHECK (state IN ('held', 'released', 'discarded', 'expired')),
    CONSTRAINT quarantine_settled_is_whole CHECK (
        (state = 'held') = (settled_at IS NULL)
        AND (settled_at IS NULL) = (settled_by IS NULL)
    ),
    CONSTRAINT quarantine_released_has_receipt
        CHECK ((state = 'released') = (released_as IS NOT NULL))
);
-- The same bytes are held once: a re-delivery gets the receipt that is there.
CREATE UNIQUE INDEX quarantine_held_once ON ops.quarantine (tenant_id, contract, content_hash)
    WHERE state = 'held';
CREATE INDEX quarantine_by_state ON ops.quarantine (tenant_id, state, held_at, receipt_id);
CREATE INDEX quarantine_due ON ops.quarantine (expires_at) WHERE state = 'held';
COMMENT ON TABLE ops.quarantine IS
    'Records that a lenient request could not admit: where they came from and why, no payload.';

CREATE TABLE ops.quarantine_copy (
    tenant_id text NOT NULL,
    receipt_id text NOT NULL,
    key_version integer NOT NULL,
    nonce bytea NOT NULL,
    ciphertext bytea NOT NULL,
    CONSTRAINT quarantine_copy_pk PRIMARY KEY (tenant_id, receipt_id),
    CONSTRAINT quarantine_copy_entry_exists
        FOREIGN KEY (tenant_id, receipt_id) REFERENCES ops.quarantine,
    CONSTRAINT quarantine_copy_nonce_length CHECK (octet_length(nonce) = 12)
);
COMMENT ON TABLE ops.quarantine_copy IS
    'The sealed bytes of a held record; gone when it is settled. ops_keys alone can read it.';

-- receipts ----------------------------------------------------------------------------------------
-- A receipt of a quarantined record was decided and not admitted, so its month comes from there.

ALTER TABLE ops.admission DROP CONSTRAINT admission_month_is_of_body;
ALTER TABLE ops.admission ADD CONSTRAINT admission_month_is_of_body CHECK (
    month IS NOT DISTINCT FROM
        ops.month_of(coalesce(body::jsonb ->> 'admitted_at_utc', body::jsonb ->> 'decided_at_utc'))
);
ALTER TABLE ops.admission
    ADD COLUMN decision text GENERATED ALWAYS AS (body::jsonb ->> 'decision') VIRTUAL;

-- Receipts are found by payload hash; the keyed hash tells nothing to a stranger.
CREATE INDEX admission_key_payload ON ops.admission_key (tenant_id, payload_hash);

-- row-level security ------------------------------------------------------------------------------

DO $$
DECLARE
    tab text;
BEGIN
    FOREACH tab IN ARRAY ARRAY['run_segment', 'quarantine', 'quarantine_copy'] LOOP
        EXECUTE format('ALTER TABLE ops.%I ENABLE ROW LEVEL SECURITY', tab);
        EXECUTE format('ALTER TABLE ops.%I FORCE ROW LEVEL SECURITY', tab);
        EXECUTE format(
            'CREATE POLICY %I ON ops.%I USING (tenant_id = ops.current_tenant())',
            tab || '_inside_tenant', tab
        );
        EXECUTE format(
            'CREATE POLICY %I ON ops.%I TO ops_control USING (ops.across_tenants())',
            tab || '_across_tenants', tab
        );
    END LOOP;
END
$$;
-- The data plane settles a record as released, in the transaction that admits it, and as nothing
-- else.
CREATE POLICY quarantine_data_releases ON ops.quarantine AS RESTRICTIVE FOR UPDATE TO ops_data
    USING (state = 'held') WITH CHECK (state = 'released');

GRANT SELECT ON ops.run_segment TO ops_data, ops_control, ops_jobs, ops_audit;
GRANT INSERT ON ops.run_segment TO ops_control;
GRANT UPDATE (closed_at, closed_by, outcome) ON ops.platform_run TO ops_control;

GRANT INSERT ON ops.quarantine, ops.quarantine_copy TO ops_data;
GRANT SELECT (tenant_id, receipt_id, contract, content_hash, state),
      UPDATE (state, settled_at, settled_by, reason_code, released_as)
    ON ops.quarantine TO ops_data;
GRANT SELECT ON ops.quarantine TO ops_control, ops_keys, ops_audit;
GRANT UPDATE (state, settled_at, settled_by, reason_code, released_as) ON ops.quarantine
    TO ops_control;
GRANT SELECT (tenant_id, receipt_id), DELETE ON ops.quarantine_copy TO ops_data, ops_control;
GRANT SELECT ON ops.quarantine_copy TO ops_keys;

-- Runs that are open under an active revision get their first segment. A forced table shows its
-- owner no rows, so the force is lifted for the statement; the lock keeps everybody else out.

ALTER TABLE ops.platform_run NO FORCE ROW LEVEL SECURITY;
ALTER TABLE ops.run_segment NO FORCE ROW LEVEL SECURITY;
INSERT INTO ops.run_segment (tenant_id, run_id, segment, policy_rev, opened_at, opened_by)
SELECT run.tenant_id, run.run_id, 1, revision.policy_rev, revision.activated_at,
       revision.activated_by
  FROM ops.platform_run AS run, ops.policy_revision AS revision
 WHERE run.closed_at IS NULL AND revision.state = 'active';
ALTER TABLE ops.platform_run FORCE ROW LEVEL SECURITY;
ALTER TABLE ops.run_segment FORCE ROW LEVEL SECURITY;
