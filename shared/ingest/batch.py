"""A batch of new records: sealed, redacted, checked for leaks, written into the ledger.

``prepare`` seals first and cannot go on without it; ``write`` demands the vault's proof, so what
was not sealed cannot be admitted.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from shared.ingest.admission import Candidate, Compiled, record_hash, texts_of
from shared.ingest.answers import ADMIT
from shared.ingest.contracts import Contract
from shared.ingest.documents import Pending
from shared.ingest.errors import BatchTooHeavy, RecordsRefused
from shared.ingest.receipts import render
from shared.kernel.call import Call
from shared.kernel.canonical import Json, canonical, content_address, keyed_digest
from shared.kernel.clock import instant
from shared.kernel.db import Tx
from shared.kernel.errors import Item, OpsError
from shared.kernel.ids import RunId
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
class Frame:
    """What all records of one request have in common."""

    contract: Contract
    run_id: RunId
    request_id: str
    policy_rev: str
    config_revision: str


@dataclass(frozen=True, slots=True)
class Batch:
    """New records that are ready for the ledger, and the vault's proof for them."""

    candidates: Sequence[Candidate]
    bodies: Sequence[bytes] = field(repr=False)
    deterministic: Sequence[bytes] = field(repr=False)
    semantic: Sequence[bytes] = field(repr=False)
    sealed: Sealed


def prepare(  # noqa: PLR0913 - one step of the order, with what it needs
    tx: Tx,
    call: Call,
    vault: Vault,
    keys: Keys,
    compiled: Compiled,
    fresh: Sequence[Candidate],
    frame: Frame,
    deadline: Deadline,
) -> Batch:
    """Seal, redact, check for leaks, and spell out the ledger texts of a batch.

    Raises `RecordsRefused` when personal data would remain outside the vault.
    """
    parts = [compiled.split(candidate.record) for candidate in fresh]
    sealed = vault.seal(
        tx,
        call,
        keys,
        [
            Secret(
                candidate.receipt_id,
                part.personal,
                compiled.identifiers(part.personal, keys.index),
            )
            for candidate, part in zip(fresh, parts, strict=True)
        ],
    )
    redactor = _redactor(keys)
    common = _common(call, frame)
    bodies, deterministic, semantic, items = [], [], [], []
    for candidate, part in zip(fresh, parts, strict=True):
        deadline.check()
        # Compiled once, used for the deterministic fields and for every text of the record.
        known = KnownMatcher(compiled.known_values(part.personal))
        items += [
            Item(candidate.at + leak.pointer, leak.code.lower(), "holds a value of a pii field")
            for leak in deterministic_leaks(texts_of(part.deterministic), known)
        ]
        try:
            clean: Mapping[str, RedactedText] = redactor.redact(part.semantic, known)
        except LeakFound as leak:
            items += [
                Item(candidate.at + leak.field, code.lower(), "personal data would remain")
                for code in leak.codes
            ]
            continue
        texts = {pointer: text.text for pointer, text in clean.items()}
        stored = record_hash(keys.index, part.deterministic, texts)
        deterministic.append(orjson.dumps(part.deterministic))
        semantic.append(orjson.dumps(texts))
        bodies.append(
            canonical(
                {
                    **common,
                    "receipt_id": candidate.receipt_id,
                    "index": candidate.index,
                    "event_id": candidate.event_id,
                    "ts_utc": compiled.event_time(candidate.record),
                    "payload_hash": _hmac(candidate.payload_hash),
                    "record_hash": _hmac(stored),
                    "dedupe_key": candidate.dedupe_key.hex(),
                    "partition_key": compiled.partition_key(candidate.record),
                    "eb_ref": {
                        "stream": "admission",
                        "entry": candidate.receipt_id,
                        "offset_kind": "entry",
                    },
                }
            )
        )
    if items:
        raise RecordsRefused(items=tuple(items))
    return Batch(fresh, bodies, deterministic, semantic, sealed)


def write(tx: Tx, call: Call, batch: Batch, frame: Frame) -> Pending:
    """Write the ledger, the records and the document's index row of a batch.

    Demands the vault's proof: what was not sealed cannot be admitted.
    """
    receipt_ids = [candidate.receipt_id for candidate in batch.candidates]
    if not batch.sealed.covers(receipt_ids):
        raise OpsError("a record would be admitted before its personal data is sealed")
    tenant_id = call.tenant_id or ""
    document = render(tenant_id, frame.request_id, batch.bodies)
    address = content_address(document)
    tx.run(
        _sql.insert_admissions,
        {"month": _month(call.now), "bodies": [body.decode() for body in batch.bodies]},
    )
    tx.run(
        _sql.insert_records,
        {
            "tenant_id": tenant_id,
            "contract": frame.contract.name,
            "receipt_ids": receipt_ids,
            "deterministic": [text.decode() for text in batch.deterministic],
            "semantic": [text.decode() for text in batch.semantic],
        },
    )
    tx.run(
        _sql.insert_document,
        {
            "tenant_id": tenant_id,
            "request_id": frame.request_id,
            "digest": address,
            "receipt_ids": receipt_ids,
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


def _common(call: Call, frame: Frame) -> dict[str, Json]:
    """Return what every receipt of a request says alike (002-B, D2)."""
    return {
        "receipt": "ops.receipt.v1",
        "tenant_id": call.tenant_id,
        "request_id": frame.request_id,
        "call_id": call.call_id,
        "decision": ADMIT,
        "reason_codes": [],
        "evidence_refs": [],
        "event_type": frame.contract.name,
        "event_class": frame.contract.event_class,
        "platform_run_id": frame.run_id,
        "admitted_at_utc": instant(call.now),
        "policy_rev": {"policy_id": "ingest", "content_digest": frame.policy_rev},
        "partitioning_profile_id": frame.contract.partitioning_profile,
        "actor": {
            "actor_id": call.actor.actor_id,
            "source_type": call.actor.source_type.value,
            "auth_mode": call.actor.auth_mode.value,
            "principal": call.actor.subject,
        },
        "provenance": {
            "service_release_id": call.service_release_id,
            "environment": call.environment,
            "config_revision": frame.config_revision,
        },
    }


def _hmac(value: bytes) -> dict[str, str]:
    return {"algo": "hmac-sha256", "hex": value.hex()}


def _month(now: datetime) -> int:
    return now.year * 100 + now.month
