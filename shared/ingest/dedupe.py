"""Which records are new: dedupe keys are claimed before anything is sealed or redacted."""

from __future__ import annotations

from collections.abc import Sequence

from shared.ingest.admission import Candidate
from shared.ingest.errors import PayloadDiffers
from shared.kernel.canonical import same
from shared.kernel.db import Tx
from shared.kernel.errors import Item
from shared.kernel.ids import TenantId
from shared.kernel.sql import Queries

_sql = Queries("shared.ingest")


def claim(tx: Tx, tenant_id: TenantId, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the records that are new; the rest are duplicates of an equal payload.

    Raises `PayloadDiffers` when an event id is known, here or in this request, with another
    payload.
    """
    first: dict[bytes, Candidate] = {}
    clashes: list[Candidate] = []
    for candidate in candidates:
        earlier = first.setdefault(candidate.dedupe_key, candidate)
        if not same(earlier.payload_hash, candidate.payload_hash):
            clashes.append(candidate)
    claimed = set(
        tx.values(
            _sql.claim_keys,
            {
                "tenant_id": tenant_id,
                "dedupe_keys": list(first),
                "payload_hashes": [candidate.payload_hash for candidate in first.values()],
            },
            binary=True,
        )
    )
    known = [key for key in first if key not in claimed]
    if known:
        rows = tx.rows(
            _sql.claimed_payloads, {"tenant_id": tenant_id, "dedupe_keys": known}, binary=True
        )
        clashes += [first[key] for key, stored in rows if not same(stored, first[key].payload_hash)]
    if clashes:
        raise PayloadDiffers(
            items=tuple(
                Item(
                    clash.at,
                    "payload_hash_mismatch",
                    "this event id was admitted with another payload",
                )
                for clash in sorted(clashes, key=lambda clash: clash.index)
            )
        )
    return [candidate for key, candidate in first.items() if key in claimed]
