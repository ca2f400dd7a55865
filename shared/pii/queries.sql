-- name: tenant_keys
-- The wrapped keys of a tenant; no row: it never had any, or they are destroyed.
SELECT purpose, version, wrapped, state FROM ops.tenant_key WHERE tenant_id = %(tenant_id)s;

-- name: add_tenant_key
-- Add a first key of a purpose.
INSERT INTO ops.tenant_key (tenant_id, purpose, version, wrapped, state, created_at)
VALUES (%(tenant_id)s, %(purpose)s, %(version)s, %(wrapped)s, 'current', %(now)s);

-- name: insert_vault_entries
-- Seal a batch of records.
INSERT INTO ops.pii_vault (tenant_id, receipt_id, key_version, nonce, ciphertext, sealed_at)
SELECT %(tenant_id)s, entry.receipt_id, %(key_version)s, entry.nonce, entry.ciphertext, %(now)s
  FROM unnest(%(receipt_ids)b::text[], %(nonces)b::bytea[], %(ciphertexts)b::bytea[])
    AS entry (receipt_id, nonce, ciphertext);

-- name: insert_blind_indexes
-- Index a batch of identifiers; two fields of one record may hold one identifier.
INSERT INTO ops.blind_index (tenant_id, kind, digest, receipt_id)
SELECT DISTINCT %(tenant_id)s, entry.kind, entry.digest, entry.receipt_id
  FROM unnest(%(kinds)b::text[], %(digests)b::bytea[], %(receipt_ids)b::text[])
    AS entry (kind, digest, receipt_id);
