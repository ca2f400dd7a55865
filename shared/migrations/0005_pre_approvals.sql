-- Approvals: what may not happen before a second person has agreed to exactly that (design 2.6).
--
-- A control table, not a ledger: a row moves through its states and its free text can be erased
-- (D23). What happened is told by facts, one per move.

CREATE TABLE ops.approval (
    approval_id text NOT NULL,
    tenant_id text,
    kind text NOT NULL,
    subject text NOT NULL,
    plan text NOT NULL,
    plan_digest text NOT NULL,
    state text NOT NULL,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    reason_code text NOT NULL,
    reason_text text NOT NULL,
    decided_by text,
    decided_at timestamptz,
    decision_code text,
    decision_text text,
    ended_by text,
    ended_at timestamptz,
    CONSTRAINT approval_pk PRIMARY KEY (approval_id),
    CONSTRAINT approval_id_shape CHECK (approval_id ~ '^apr_[0-9a-z]{26}$'),
    CONSTRAINT approval_state_known CHECK (
        state IN ('proposed', 'approved', 'denied', 'withdrawn', 'expired', 'effective')
    ),
    CONSTRAINT approval_second_person CHECK (decided_by <> requested_by),
    CONSTRAINT approval_people_are_object_ids CHECK (
        requested_by ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        AND decided_by ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    ),
    CONSTRAINT approval_decision_is_whole CHECK (
        num_nulls(decided_by, decided_at, decision_code, decision_text) IN (0, 4)
    ),
    CONSTRAINT approval_decided_has_person_and_time CHECK (
        CASE
            WHEN state IN ('approved', 'denied', 'effective') THEN decided_by IS NOT NULL
            WHEN state = 'proposed' THEN decided_by IS NULL
            ELSE true
        END
    ),
    CONSTRAINT approval_ended_has_person_and_time CHECK (
        num_nulls(ended_by, ended_at)
            = CASE WHEN state IN ('proposed', 'approved') THEN 2 ELSE 0 END
    ),
    CONSTRAINT approval_reason_known CHECK (
        reason_code IN ('DATA_REPAIR', 'INCIDENT', 'SUPPORT', 'SECURITY', 'RELEASE')
        AND decision_code IN ('DATA_REPAIR', 'INCIDENT', 'SUPPORT', 'SECURITY', 'RELEASE')
    ),
    CONSTRAINT approval_text_bounded CHECK (
        char_length(reason_text) <= 500 AND char_length(decision_text) <= 500
    ),
    -- What was shown is what was digested, and so what was approved.
    CONSTRAINT approval_plan_is_digested CHECK (
        plan_digest = encode(
            sha256(convert_to('ops.plan.v1', 'UTF8') || '\x00' || convert_to(plan, 'UTF8')), 'hex'
        )
    ),
    CONSTRAINT approval_plan_bounded CHECK (octet_length(plan) <= 65536),
    CONSTRAINT approval_expires_later CHECK (expires_at > requested_at)
);
CREATE UNIQUE INDEX approval_one_open
    ON ops.approval (tenant_id, kind, subject, plan_digest) NULLS NOT DISTINCT
    WHERE state IN ('proposed', 'approved');
CREATE INDEX approval_open_until ON ops.approval (expires_at)
    WHERE state IN ('proposed', 'approved');
CREATE INDEX approval_newest ON ops.approval (requested_at);
COMMENT ON TABLE ops.approval IS
    'Requests for a second person''s approval, with the plan they are about. The texts may name a '
    'person, so they stay here and never enter a ledger (D23). tenant_id is null for what '
    'concerns the platform; it refers to no row, as an approval outlives the tenant it was about.';

-- States move along the arrows of docs/state-machines.md, and a decision stays as it was made. Who
-- asked, and for what, cannot be changed for want of a grant.
CREATE FUNCTION ops.check_approval_move() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.state = 'proposed' THEN
        RETURN NEW;
    ELSIF TG_OP = 'UPDATE'
        AND (
            OLD.state = 'proposed'
            OR (NEW.decided_by, NEW.decided_at, NEW.decision_code)
                IS NOT DISTINCT FROM (OLD.decided_by, OLD.decided_at, OLD.decision_code)
        )
        AND (
            (OLD.state, NEW.state) IN (
                ('proposed', 'approved'), ('proposed', 'denied'), ('proposed', 'withdrawn'),
                ('proposed', 'expired'), ('approved', 'effective'), ('approved', 'withdrawn'),
                ('approved', 'expired')
            )
            -- Nothing but a text changed, for erasure.
            OR (NEW.state, NEW.ended_by, NEW.ended_at)
                IS NOT DISTINCT FROM (OLD.state, OLD.ended_by, OLD.ended_at)
        )
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an approval does not move like this'
        USING ERRCODE = 'restrict_violation', TABLE = 'approval',
              CONSTRAINT = 'approval_moves_forward';
END
$$;
CREATE TRIGGER approval_moves_forward BEFORE INSERT OR UPDATE ON ops.approval
    FOR EACH ROW EXECUTE FUNCTION ops.check_approval_move();

ALTER TABLE ops.approval ENABLE ROW LEVEL SECURITY;
ALTER TABLE ops.approval FORCE ROW LEVEL SECURITY;
CREATE POLICY approval_inside_tenant ON ops.approval USING (tenant_id = ops.current_tenant());
CREATE POLICY approval_of_platform ON ops.approval TO ops_control
    USING (tenant_id IS NULL) WITH CHECK (tenant_id IS NULL);
CREATE POLICY approval_across_tenants ON ops.approval TO ops_control
    USING (ops.across_tenants());
CREATE POLICY approval_read_across_tenants ON ops.approval FOR SELECT TO ops_audit
    USING (ops.across_tenants());

-- ops_control proposes, decides and executes; ops_audit reads all but the texts.
GRANT SELECT, INSERT ON ops.approval TO ops_control;
GRANT UPDATE (state, decided_by, decided_at, decision_code, decision_text, ended_by, ended_at)
    ON ops.approval TO ops_control;
GRANT SELECT (approval_id, tenant_id, kind, subject, plan, plan_digest, state, requested_by,
              requested_at, expires_at, reason_code, decided_by, decided_at, decision_code,
              ended_by, ended_at)
    ON ops.approval TO ops_audit;
