"""The ledger: every evidence stream sealed, so that it can be proven offline.

Owns ``ops.seal``, ``ops.seal_intent`` and ``ops.ledger_epoch``; reads the streams, which belong to
the rooms that write them. Imports ``identity`` and ``governance``.

================ ==========================================================================
``streams``      which tables are streams: name, table, and what dates an entry
``tree``         the Merkle tree of RFC 6962 over the entries of one seal
``model``        a seal: what its body says, and how it is read and written
``store``        entries and seals in Postgres
``sealer``       the timer's work: seal what cannot change any more, copy it to Blob
``epochs``       a new epoch after a restore
``compare``      what differs between sealed leaves and the entries that are there
``seals``        one seal checked: signature, chain, leaves, copy
``verification`` a whole stream checked, seal by seal
``live``         the evidence as this environment holds it
``files``        the evidence as exported files; export
``proofs``       one entry proven
``status``       how far sealing is behind
================ ==========================================================================

A **seal** covers the next entries of a stream in the order (xid, seq). It takes only rows whose
transaction is older than every running one (``pg_snapshot_xmin``), so nothing can arrive below it
later; the dense offset of an entry is the seal's first offset plus its rank, and lives nowhere
else. The body is canonical JSON: position, Merkle root, digest of the leaves, digest of the
previous body; it is signed with Ed25519. Leaves stay when retention drops entries.

::

    entry committed -> below the horizon -> sealed (Postgres) -> copied (Blob)

Invariants
    - One chain per stream: ``seal_pk``, ``seal_offset_unique``, ``seal_position_unique``, and one
      sealer at a time (advisory lock 4713002004).
    - Seals are never changed: no grant, ``seal_is_append_only``; leaves fit the body:
      ``seal_leaves_of_body``, ``seal_leaf_per_entry``.
    - A row is never skipped: tests hold the horizon with a real transaction.
    - The database never sees a private key, and no check trusts a key that it found beside the
      evidence: trusted keys come from the key provider or from the auditor's file.
    - Transaction ids are compared within one epoch only.

Sealing writes no fact, because that fact would need a seal in its turn; a change of the signing
key and a new epoch do.

Failure: Postgres or the key provider away, nothing is sealed and the next tick catches up; Blob
away, the seal stands and its copy follows (``ops.seal_intent``).
"""
