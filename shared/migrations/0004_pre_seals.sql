-- Seals over the ledgers (design 2.5): what was recorded can be proven later, offline, and a change
-- by whoever owns the database can be found and located.
--
-- An index of a partitioned table cannot be built concurrently: writers of a ledger wait while its
-- rows are indexed, once. From then on an entry is added at the right-most leaf.
CREATE INDEX admission_in_order ON ops.admission (xid, seq);
CREATE INDEX fact_in_order ON ops.fact (xid, seq);

CREATE TABLE ops.seal (
    body text NOT NULL,
    signature bytea NOT NULL,
    leaves bytea NOT NULL,
    stream text NOT NULL GENERATED ALWAYS AS (body::jsonb ->> 'stream') STORED,
    number bigint NOT NULL GENERATED ALWAYS AS ((body::jsonb ->> 'number')::bigint) STORED,
    epoch integer NOT NULL GENERATED ALWAYS AS ((body::jsonb ->> 'epoch')::integer) STORED,
    first_offset bigint NOT NULL
        GENERATED ALWAYS AS ((body::jsonb ->> 'first_offset')::bigint) STORED,
    through_xid bigint NOT NULL
        GENERATED ALWAYS AS ((body::jsonb ->> 'through_xid')::bigint) STORED,
    through_seq bigint NOT NULL
        GENERATED ALWAYS AS ((body::jsonb ->> 'through_seq')::bigint) STORED,
    entries bigint GENERATED ALWAYS AS ((body::jsonb ->> 'entries')::bigint) VIRTUAL,
    sealed_at text GENERATED ALWAYS AS (body::jsonb ->> 'sealed_at') VIRTUAL,
    key_id text GENERATED ALWAYS AS (body::jsonb ->> 'key_id') VIRTUAL,
    CONSTRAINT seal_pk PRIMARY KEY (stream, number),
    CONSTRAINT seal_offset_unique UNIQUE (stream, first_offset),
    CONSTRAINT seal_position_unique UNIQUE (stream, epoch, through_xid, through_seq),
    CONSTRAINT seal_number_positive CHECK (number > 0),
    CONSTRAINT seal_signature_length CHECK (octet_length(signature) = 64),
    CONSTRAINT seal_leaves_of_body
        CHECK (encode(sha256(leaves), 'hex') IS NOT DISTINCT FROM body::jsonb ->> 'leaves'),
    CONSTRAINT seal_leaf_per_entry
        CHECK (octet_length(leaves) IS NOT DISTINCT FROM 32 * (body::jsonb ->> 'entries')::integer)
);
-- Hashes do not compress.
ALTER TABLE ops.seal ALTER COLUMN leaves SET STORAGE EXTERNAL;
COMMENT ON TABLE ops.seal IS
    'Signed, chained seals over the ledgers; the body is canonical text, the leaves are hashes of '
    'the entries and stay when entries leave.';

CREATE TABLE ops.seal_intent (
    stream text NOT NULL,
    number bigint NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT seal_intent_pk PRIMARY KEY (stream, number),
    CONSTRAINT seal_intent_seal_exists FOREIGN KEY (stream, number) REFERENCES ops.seal
);
COMMENT ON TABLE ops.seal_intent IS
    'Seals whose document is not in Blob storage yet; a row leaves when it is.';

CREATE TABLE ops.ledger_epoch (
    stream text NOT NULL,
    epoch integer NOT NULL,
    above_seq bigint NOT NULL,
    begun_at timestamptz NOT NULL,
    CONSTRAINT ledger_epoch_pk PRIMARY KEY (stream, epoch),
    CONSTRAINT ledger_epoch_after_first CHECK (epoch > 1),
    CONSTRAINT ledger_epoch_above_positive CHECK (above_seq >= 0)
);
COMMENT ON TABLE ops.ledger_epoch IS
    'Where an epoch begins: its rows have a seq above this one. Transaction ids are never compared '
    'across epochs, because a restore begins to count them anew.';

CREATE TRIGGER seal_is_append_only BEFORE UPDATE OR DELETE ON ops.seal
    FOR EACH ROW EXECUTE FUNCTION ops.refuse_ledger_change();
CREATE TRIGGER seal_is_not_truncated BEFORE TRUNCATE ON ops.seal
    FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_ledger_change();
CREATE TRIGGER ledger_epoch_is_append_only BEFORE UPDATE OR DELETE ON ops.ledger_epoch
    FOR EACH ROW EXECUTE FUNCTION ops.refuse_ledger_change();
CREATE TRIGGER ledger_epoch_is_not_truncated BEFORE TRUNCATE ON ops.ledger_epoch
    FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_ledger_change();

-- Begin the next epoch of every ledger and return its number. It runs as the owner of the schema,
-- who may lock. While the lock is held nobody writes, so the last seq that was given out divides
-- what came before from what comes after; rows of an epoch that is over are sealed without asking
-- which transactions still run.
CREATE FUNCTION ops.begin_ledger_epoch(begun_at timestamptz) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog
    SET lock_timeout = '10s'
    AS $$
DECLARE
    opened integer;
    tab text;
BEGIN
    LOCK TABLE ops.admission, ops.fact IN SHARE ROW EXCLUSIVE MODE;
    UPDATE ops.environment_marker SET epoch = epoch + 1 RETURNING epoch INTO STRICT opened;
    FOREACH tab IN ARRAY ARRAY['admission', 'fact'] LOOP
        INSERT INTO ops.ledger_epoch (stream, epoch, above_seq, begun_at)
        VALUES (
            tab, opened,
            coalesce(pg_sequence_last_value(pg_get_serial_sequence('ops.' || tab, 'seq')), 0),
            begin_ledger_epoch.begun_at
        );
    END LOOP;
    RETURN opened;
END
$$;

-- grants --------------------------------------------------------------------------------------------

REVOKE EXECUTE ON FUNCTION ops.begin_ledger_epoch FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ops.begin_ledger_epoch TO ops_seal;
GRANT SELECT ON ops.seal, ops.seal_intent, ops.ledger_epoch TO ops_seal, ops_audit, ops_control;
GRANT INSERT (body, signature, leaves) ON ops.seal TO ops_seal;
GRANT INSERT, DELETE ON ops.seal_intent TO ops_seal;

-- Health counts what came before its month was prepared, in the default partitions.
CREATE POLICY admission_other_read_across_tenants ON ops.admission_other FOR SELECT TO ops_control
    USING (ops.across_tenants());
CREATE POLICY fact_other_read_across_tenants ON ops.fact_other FOR SELECT TO ops_control
    USING (ops.across_tenants());
GRANT SELECT ON ops.admission_other, ops.fact_other TO ops_control;
