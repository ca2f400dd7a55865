"""Personal data: sealed on the way in, read by nobody through the product.

Owns ``ops.tenant_key``, ``ops.pii_vault``, ``ops.blind_index``; imports ``governance``.

============= ============================================================================
``keyring``   tenant keys, data keys and the index key; unwrapped in memory for ≤ 60 s
``vault``     seals a batch; its proof is what the deterministic write demands
``blind``     keyed digests of identifiers, so that equals can be found without plaintext
``redaction`` the second line: known values, recognisers, leak checks
============= ============================================================================

Keys::

    tenant key      one per tenant, only in the key provider, never in Postgres or a backup
      wraps  data key v1, v2 …   AES-256-GCM of vault entries; rotation adds a version
      wraps  index key v1        HMAC of payloads, blind indexes, placeholders; rotation leaves
                                 it alone, so look-ups survive (D15)

Invariants
    - One ciphertext per record, random nonce, bound to tenant, record and key version by
      associated data: an entry moved to another row does not open.
    - ``ops_data`` inserts into the vault and cannot read it; ``ops_keys`` alone can (0002).
    - "Vault first" is a type: `vault.Sealed` can only be made by `Vault.seal`, and the
      deterministic write takes one (design 4).
    - Key provider away: nothing is sealed, nothing is stored, the caller gets 503.
    - No repr, error or log line of this room holds a value.
"""
