"""Which records are new: looked up before anything is redacted, claimed when they are written.

The look costs one round trip and no lock. Between look and claim another request may admit the
same event; then the claim fails (``admission_key_pk``), the whole attempt is rolled back and
decided again, and the event is found to be known. So nobody waits for a lock while a batch is
redacted, and what is known is never redacted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.ingest.admission import Candidate
from shared.kernel.canonical import same
from shared.kernel.db import Tx
from shared.kernel.errors import Item
from shared.kernel.ids import TenantId
from shared.kernel.sql import Queries

_sql = Queries("shared.ingest")

PAYLOAD_DIFFERS = "payload_hash_mismatch"
_MESSAGE = "this event id came before with another payload"


@dataclass(frozen=True, slots=True)
class Sorted:
    """Valid records by what is known of their events; what is in neither list is a duplicate."""

    fresh: list[Candidate]
    """The first of each new event."""
    clashes: list[Candidate]
    """An event that is known, or came earlier in this request, with another payload."""
    known: frozenset[bytes]
    """Dedupe keys of events that were admitted before."""


def take_turn(tx: Tx, tenant_id: TenantId) -> None:
    """Wait for the other requests of the tenant that lost a race.

    Those who lost one would otherwise keep making each other lose.
    """
    tx.run(_sql.take_turn, {"tenant_id": tenant_id})


def sort(tx: Tx, tenant_id: TenantId, candidates: Sequence[Candidate]) -> Sorted:
    """Tell new events from known ones; one round trip."""
    first: dict[bytes, Candidate] = {}
    for candidate in candidates:
        first.setdefault(candidate.dedupe_key, candidate)
    known = dict(
        tx.rows(
            _sql.claimed_payloads,
            {"tenant_id": tenant_id, "dedupe_keys": list(first)},
            binary=True,
        )
        if first
        else ()
    )
    # What an event is compared with: what was admitted, or else its first record here.
    payloads = {key: candidate.payload_hash for key, candidate in first.items()} | known
    return Sorted(
        [candidate for key, candidate in first.items() if key not in known],
        [c for c in candidates if not same(payloads[c.dedupe_key], c.payload_hash)],
        frozenset(known),
    )


def claim(tx: Tx, tenant_id: TenantId, fresh: Sequence[Candidate]) -> None:
    """Claim the events that are about to be admitted.

    Raises `AlreadyThere` when another request was faster.
    """
    tx.run(
        _sql.claim_keys,
        {
            "tenant_id": tenant_id,
            "dedupe_keys": [candidate.dedupe_key for candidate in fresh],
            "payload_hashes": [candidate.payload_hash for candidate in fresh],
        },
    )


def differs(candidate: Candidate) -> Item:
    """Return what is said of a clash."""
    return Item(candidate.at, PAYLOAD_DIFFERS, _MESSAGE)
