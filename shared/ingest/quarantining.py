"""What lenient handling sets aside: a row that says why, and a sealed copy of what was sent.

The row holds no payload, and of pointers what `places` lets pass. The copy is sealed under the
tenant's data key, bound to tenant, receipt and key version.

A record is released through the gate. The gate claims its row before it looks at the record, and
settles it in the transaction that admits it: so a release is done wholly or not at all, and
whoever discards, expires or releases it at the same moment waits and finds it settled.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.governance.facts import record
from shared.ingest import vocabulary
from shared.ingest.body import Unit
from shared.ingest.contracts import Contract
from shared.ingest.errors import QuarantineSettled
from shared.ingest.places import safe_items
from shared.kernel.call import Call
from shared.kernel.canonical import digest, keyed_digest
from shared.kernel.db import Tx
from shared.kernel.errors import Item
from shared.kernel.ids import ReceiptId, RunId, TenantId
from shared.kernel.sql import Queries
from shared.pii.errors import SealBroken
from shared.pii.keyring import NONCE_BYTES, Keys

_sql = Queries("shared.ingest")

_MOST_REASONS = 20
"""Reasons kept of one record; the first ones tell what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that cannot be admitted, and why."""

    index: int
    unit: Unit
    reasons: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A record in quarantine, as the sender is told of it."""

    index: int
    receipt_id: ReceiptId
    reasons: tuple[Item, ...]
    content_hash: bytes
    unit: Unit | None = field(repr=False)
    """What is to be sealed; ``None`` when the same bytes are held already."""


@dataclass(frozen=True, slots=True)
class Release:
    """A held record on its way through the gate, and why an operator sends it there."""

    receipt_id: ReceiptId
    reason_code: str


def claim(tx: Tx, tenant_id: TenantId, release: Release) -> None:
    """Keep everybody else from settling a record until the transaction ends.

    Raises `QuarantineSettled` when somebody has settled it.
    """
    if not tx.rows(_sql.claim_held, {"tenant_id": tenant_id, "receipt_id": release.receipt_id}):
        raise QuarantineSettled


def settle(
    tx: Tx, call: Call, contract: Contract, release: Release, released_as: ReceiptId
) -> None:
    """Settle a claimed record as released, and forget its sealed copy."""
    found = {"tenant_id": call.tenant_id, "receipt_id": release.receipt_id}
    tx.run(
        _sql.settle_quarantined,
        {
            **found,
            "after": "released",
            "now": call.now,
            "by": call.actor.actor_id,
            "reason_code": release.reason_code,
            "released_as": released_as,
        },
    )
    tx.run(_sql.drop_copy, found)
    record(
        tx,
        call,
        vocabulary.QUARANTINE_RELEASED,
        release.receipt_id,
        receipt_id=release.receipt_id,
        released_as=released_as,
        contract=contract.name,
        reason_code=release.reason_code,
    )


def identify(  # noqa: PLR0913 - what tells one held record from another
    tx: Tx,
    keys: Keys,
    contract: Contract,
    run_id: RunId,
    request_id: str,
    rejects: Sequence[Reject],
) -> list[Held]:
    """Give each reject its receipt: a new one, or that of the same bytes held before.

    The same bytes are another record under another media type, and in another run where the
    contract knows events by run: each would be released as what it was.
    """
    if not rejects:
        return []
    scope = f"{contract.name}|{run_id if contract.per_run else ''}|"
    hashes = [
        keyed_digest(
            keys.index,
            "ops.quarantine.v1",
            f"{scope}{reject.unit.media_type}\n".encode() + reject.unit.raw,
        )
        for reject in rejects
    ]
    there = dict(
        tx.rows(
            _sql.held_before,
            {"tenant_id": keys.tenant_id, "contract": contract.name, "hashes": hashes},
            binary=True,
        )
    )
    held = []
    for reject, content_hash in zip(rejects, hashes, strict=True):
        receipt_id = there.get(content_hash)
        unit = None
        if receipt_id is None:
            receipt_id = there[content_hash] = _receipt_id(request_id, reject.index)
            unit = reject.unit
        held.append(
            Held(
                reject.index,
                ReceiptId(receipt_id),
                _safe(contract, reject),
                content_hash,
                unit,
            )
        )
    return held


def hold(  # noqa: PLR0913 - one step of the order, with what it needs
    tx: Tx,
    call: Call,
    keys: Keys,
    contract: Contract,
    request_id: str,
    run_id: RunId,
    held: Sequence[Held],
    keep: timedelta,
) -> None:
    """Write rows and sealed copies of what is new in quarantine: two statements, any size.

    Raises `AlreadyThere` when another request held the same bytes in the meantime.
    """
    new = [(entry, entry.unit) for entry in held if entry.unit is not None]
    if not new:
        return
    receipt_ids = [entry.receipt_id for entry, _ in new]
    tx.run(
        _sql.hold_records,
        {
            "tenant_id": keys.tenant_id,
            "request_id": request_id,
            "run_id": run_id,
            "contract": contract.name,
            "sent_by": call.actor.actor_id,
            "now": call.now,
            "expires_at": call.now + keep,
            "receipt_ids": receipt_ids,
            "indexes": [entry.index for entry, _ in new],
            "hashes": [entry.content_hash for entry, _ in new],
            "sizes": [len(unit.raw) for _, unit in new],
            "reasons": [_stored(entry, unit) for entry, unit in new],
        },
    )
    cipher = AESGCM(keys.data[keys.current])
    nonces = [os.urandom(NONCE_BYTES) for _ in new]
    tx.run(
        _sql.keep_copies,
        {
            "tenant_id": keys.tenant_id,
            "key_version": keys.current,
            "receipt_ids": receipt_ids,
            "nonces": nonces,
            "ciphertexts": [
                cipher.encrypt(
                    nonce,
                    unit.media_type.encode() + b"\n" + unit.raw,
                    _binding(keys.tenant_id, entry.receipt_id, keys.current),
                )
                for nonce, (entry, unit) in zip(nonces, new, strict=True)
            ],
        },
    )


def open_copy(
    keys: Keys, receipt_id: str, key_version: int, nonce: bytes, ciphertext: bytes
) -> tuple[str, bytes]:
    """Return media type and bytes of a held record; for release under ``ops_keys`` alone.

    Raises `SealBroken`.
    """
    try:
        opened = AESGCM(keys.data[key_version]).decrypt(
            nonce, ciphertext, _binding(keys.tenant_id, receipt_id, key_version)
        )
    except (InvalidTag, KeyError, ValueError):
        raise SealBroken from None
    media_type, _, raw = opened.partition(b"\n")
    return media_type.decode(), raw


def codes(reasons: Sequence[Item]) -> list[str]:
    """Return the distinct reason codes, in order."""
    return list(dict.fromkeys(item.code for item in reasons))


def _safe(contract: Contract, reject: Reject) -> tuple[Item, ...]:
    """Return the reasons without names that no contract knows, and not more than help."""
    return safe_items(contract, reject.reasons[:_MOST_REASONS], reject.unit.at)


def _stored(entry: Held, unit: Unit) -> str:
    """Return the reasons as the row keeps them: codes, and pointers inside the record."""
    return orjson.dumps(
        [
            {"pointer": item.pointer.removeprefix(unit.at), "code": item.code}
            for item in entry.reasons
        ]
    ).decode()


def _receipt_id(request_id: str, index: int) -> str:
    return digest("ops.quarantined.v1", f"{request_id}|{index}".encode())[:16].hex()


def _binding(tenant_id: TenantId, receipt_id: str, version: int) -> bytes:
    return f"ops.quarantine.v1|{tenant_id}|{receipt_id}|{version}".encode()
