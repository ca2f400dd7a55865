"""Governance facts: the record of who decided what, under which policy.

Owns ``ops.fact``, ``ops.fact_key`` and ``ops.denial_tally``.

A **fact** is written in the transaction of what it tells about, so both commit or neither. It
holds allow-listed metadata only: each kind declares its attributes and their shapes in a room's
``vocabulary.py``; anything else is refused (`FactUnfit`, D3). Operator *ids* only, no names, no
addresses, no payload, no semantic text (000-R19, 000-R20, D23).

Invariants
    - A repeat is a no-op: the id hashes name, tenant and what makes the fact unique, and
      ``fact_key_unique`` holds it.
    - A row is its canonical text; columns are generated from it (design 2.5).
    - Nothing changes or leaves: no grant, and ``fact_is_append_only``.
    - Strangers cannot grow the ledger: refused credentials are tallied per (code, caller,
      minute) and become one fact with a count (design 3). Callers whose credential did not
      verify share one caller, ``unverified``.
"""
