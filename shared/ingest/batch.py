"""New records: split by class, redacted and checked in memory, then written in one go.

``prepare`` touches no table, so a record that may not be admitted costs nobody a lock.
``write`` seals first and demands the vault's proof: what was not sealed cannot be admitted.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.ingest import dedupe, entries
from shared.ingest.admission import Candidate, Compiled, Parts, record_hash
from shared.ingest.documents import Pending
from shared.ingest.entries import Frame
from shared.ingest.errors import BatchTooHeavy
from shared.ingest.quarantining import Held
from shared.ingest.receipts import render
from shared.kernel.call import Call
from shared.kernel.canonical import canonical_checked, content_address, keyed_digest
from shared.kernel.db import Tx
from shared.kernel.errors import Item, OpsError
from shared.kernel.sql import Queries
from shared.pii.keyring import Keys
from shared.pii.redaction import (
    KeyedPlaceholders,
    KnownMatcher,
    LeakFound,
    PatternRedactor,
    RedactedText,
    Redactor,
    deterministic_leaks,
)
from shared.pii.vault import Sealed, Secret, Vault

_sql = Queries("shared.ingest")


class Deadline:
    """How long one request may be worked on while its transaction is open.

    Postgres ends a transaction after a while (`kernel.db.TRANSACTION_SECONDS`). A request that
    would reach that is refused for good long before: sending it again could never help.
    """

    def __init__(self, seconds: float) -> None:
        """Start the clock."""
        self._end = time.monotonic() + seconds

    def check(self) -> None:
        """Raise `BatchTooHeavy` when the time is up."""
        if time.monotonic() > self._end:
            raise BatchTooHeavy


@dataclass(frozen=True, slots=True)
class Ready:
    """A record that may be admitted."""

    candidate: Candidate
    personal: dict[str, str] = field(repr=False)
    deterministic: bytes = field(repr=False)
    semantic: bytes = field(repr=False)
    record_hash: bytes


@dataclass(frozen=True, slots=True)
class Leak:
    """A record whose personal data would remain outside the vault."""

    candidate: Candidate
    items: tuple[Item, ...]

    def items_at(self, at: str) -> tuple[Item, ...]:
        """Return the same problems of a repeat that lies at ``at`` in its body."""
        own = self.candidate.at
        return tuple(
            Item(at + item.pointer.removeprefix(own), item.code, item.message)
            for item in self.items
        )


def prepare(
    keys: Keys, compiled: Compiled, fresh: Sequence[Candidate], deadline: Deadline
) -> tuple[list[Ready], list[Leak]]:
    """Split, redact and check records; those that may be admitted, and those that would leak."""
    redactor = _redactor(keys)
    ready: list[Ready] = []
    leaks: list[Leak] = []
    for candidate in fresh:
        deadline.check()
        parts = compiled.split(candidate.record)
        texts, items = _clean(redactor, compiled, candidate, parts)
        if items:
            leaks.append(Leak(candidate, items))
            continue
        deterministic = canonical_checked(parts.deterministic)
        semantic = canonical_checked(texts)
        ready.append(
            Ready(
                candidate,
                parts.personal,
                deterministic,
                semantic,
                record_hash(keys.index, deterministic, semantic),
            )
        )
    return ready, leaks


def _clean(
    redactor: Redactor, compiled: Compiled, candidate: Candidate, parts: Parts
) -> tuple[dict[str, str], tuple[Item, ...]]:
    """Return the redacted texts of a record, and where personal data would remain."""
    # Compiled once, used for the deterministic fields and for every text of the record.
    known = KnownMatcher(compiled.known_values(parts.personal))
    items = [
        Item(candidate.at + leak.pointer, leak.code.lower(), "holds a value of a pii field")
        for leak in deterministic_leaks(compiled.free_texts(parts.deterministic), known)
    ]
    clean: Mapping[str, RedactedText] = {}
    try:
        clean = redactor.redact(parts.semantic, known)
    except LeakFound as leak:
        items += [
            Item(candidate.at + leak.field, code.lower(), "personal data would remain")
            for code in leak.codes
        ]
    return {pointer: text.text for pointer, text in clean.items()}, tuple(items)


def seal(  # noqa: PLR0913 - one step of the order, with what it needs
    tx: Tx, call: Call, vault: Vault, keys: Keys, compiled: Compiled, ready: Sequence[Ready]
) -> Sealed:
    """Claim the events, and seal their personal data; returns the vault's proof.

    Raises `AlreadyThere` when another request admitted one of the events in the meantime.
    """
    if ready:
        dedupe.claim(tx, keys.tenant_id, [entry.candidate for entry in ready])
    return vault.seal(
        tx,
        call,
        keys,
        [
            Secret(
                entry.candidate.receipt_id,
                entry.personal,
                compiled.identifiers(entry.personal, keys.index),
            )
            for entry in ready
        ],
    )


def write(  # noqa: PLR0913
    tx: Tx,
    call: Call,
    compiled: Compiled,
    ready: Sequence[Ready],
    sealed: Sealed,
    held: Sequence[Held],
    frame: Frame,
) -> Pending | None:
    """Write ledger, records and the document's index row; nothing is read back.

    Demands the vault's proof: what was not sealed cannot be admitted. Returns the document that
    is to be written, or ``None`` when there is no new receipt.
    """
    receipt_ids = [entry.candidate.receipt_id for entry in ready]
    if not sealed.covers(receipt_ids):
        raise OpsError("a record would be admitted before its personal data is sealed")
    if ready:
        tx.run(
            _sql.insert_records,
            {
                "tenant_id": call.tenant_id,
                "contract": frame.contract.name,
                "receipt_ids": receipt_ids,
                "deterministic": [entry.deterministic.decode() for entry in ready],
                "semantic": [entry.semantic.decode() for entry in ready],
            },
        )
    return _write_receipts(tx, call, compiled, ready, held, frame)


def _write_receipts(  # noqa: PLR0913
    tx: Tx,
    call: Call,
    compiled: Compiled,
    ready: Sequence[Ready],
    held: Sequence[Held],
    frame: Frame,
) -> Pending | None:
    """Append the receipts of a request to the ledger and announce their document."""
    common = entries.common(call, frame)
    receipts = [
        (
            entry.candidate.index,
            entry.candidate.receipt_id,
            entries.admitted(common, compiled, entry.candidate, entry.record_hash),
        )
        for entry in ready
    ]
    receipts += [
        (entry.index, entry.receipt_id, entries.quarantined(common, entry))
        for entry in held
        if entry.unit is not None
    ]
    if not receipts:
        return None
    # In the order of the request, which is the order of the document.
    receipts.sort()
    bodies = [body for _, _, body in receipts]
    tenant_id = call.tenant_id or ""
    document = render(tenant_id, frame.request_id, bodies)
    address = content_address(document)
    tx.run(
        _sql.insert_admissions,
        {"month": _month(call.now), "bodies": [body.decode() for body in bodies]},
    )
    tx.run(
        _sql.insert_document,
        {
            "tenant_id": tenant_id,
            "request_id": frame.request_id,
            "digest": address,
            "receipt_ids": [receipt_id for _, receipt_id, _ in receipts],
            "now": call.now,
        },
    )
    return Pending(call, frame.request_id, address, document)


def _redactor(keys: Keys) -> Redactor:
    # Placeholders remember key and values, so they leave memory together with the keys.
    found: Redactor | None = keys.derived.get("redactor")
    if found is None:
        placeholders = KeyedPlaceholders(keyed_digest(keys.index, "ops.placeholders.v1", b""))
        found = keys.derived["redactor"] = PatternRedactor(placeholders)
    return found


def _month(now: datetime) -> int:
    return now.year * 100 + now.month
