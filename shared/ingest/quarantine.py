"""The quarantine: listed, released through the gate, discarded, expired; read by nobody.

::

    held -> released | discarded | expired

Each change is one transaction that starts from ``held`` and removes the sealed copy. A release is
the transaction of the gate: the row is claimed before the record is looked at and settled with
its admission, so nothing dies in between, and of two who settle a record at once the second finds
what the first did. What the gate refuses stays held.

The bytes are opened in memory under ``ops_keys`` and go to the gate; no answer, log or error
holds any of them.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from shared.governance.facts import record
from shared.identity.authority import demand
from shared.ingest import errors, vocabulary
from shared.ingest.entrance import Submission
from shared.ingest.gate import IngestGate
from shared.ingest.quarantining import Release, open_copy
from shared.ingest.runs import boundary, demand_active, demand_known
from shared.ingest.vocabulary import Permission
from shared.kernel.call import Call
from shared.kernel.db import Database, Tx
from shared.kernel.ids import ReceiptId, TenantId
from shared.kernel.sql import Queries
from shared.pii.keyring import Keyring

_sql = Queries("shared.ingest")

MOST_LISTED = 1000
_EXPIRE_BATCH = 1000
_EXPIRE_SECONDS = 60.0


class State(StrEnum):
    """Where a record in quarantine stands."""

    HELD = "held"
    RELEASED = "released"
    DISCARDED = "discarded"
    EXPIRED = "expired"


class Reason(StrEnum):
    """Why an operator settles a record."""

    CONTRACT_FIXED = "contract_fixed"
    SENDER_CONFIRMED = "sender_confirmed"
    SUPERSEDED = "superseded"
    TEST_DATA = "test_data"
    NOT_WANTED = "not_wanted"


@dataclass(frozen=True, slots=True)
class Entry:
    """A record in quarantine: where it came from and why it is there."""

    receipt_id: str
    request_id: str
    run_id: str
    contract: str
    record_index: int
    content_bytes: int
    reasons: list[dict[str, str]]
    sent_by: str
    held_at: datetime
    expires_at: datetime
    state: str
    settled_at: datetime | None
    settled_by: str | None
    reason_code: str | None
    released_as: str | None


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a record, and whether this call did it."""

    entry: Entry
    changed: bool


@dataclass(frozen=True, slots=True)
class _Copy:
    key_version: int
    nonce: bytes
    ciphertext: bytes = field(repr=False)


class Quarantine:
    """The records that lenient requests could not admit."""

    def __init__(
        self, control: Database, keys: Database, keyring: Keyring, gate: IngestGate
    ) -> None:
        """Settle as ``control``, open copies as ``keys``, admit through ``gate``."""
        self._control = control
        self._keys = keys
        self._keyring = keyring
        self._gate = gate

    def list(
        self, call: Call, state: State = State.HELD, contract: str | None = None, most: int = 100
    ) -> list[Entry]:
        """Return records of the tenant in one state, oldest first."""
        demand(call, Permission.QUARANTINE_READ)
        tenant_id = _tenant_of(call)
        with self._control.transaction(call, read_only=True) as tx:
            demand_known(tx, tenant_id)
            return tx.all(
                Entry,
                _sql.quarantined,
                {
                    "tenant_id": tenant_id,
                    "state": state.value,
                    "contract": contract,
                    "most": min(most, MOST_LISTED),
                },
            )

    def show(self, call: Call, receipt_id: str) -> Entry:
        """Return one record. Raises `QuarantineMissing`."""
        demand(call, Permission.QUARANTINE_READ)
        return self._look(call, receipt_id)

    def release(
        self, call: Call, receipt_id: str, reason: Reason, policy_rev: str | None
    ) -> Settled:
        """Send a held record through the gate again, as the contracts are now.

        It is admitted or found to be known, and its receipt is linked with this one; or the gate
        refuses it with what is still wrong, and it stays held. Releasing it again changes nothing.
        Raises `QuarantineMissing`, `QuarantineSettled`, `SealBroken`, and what the gate raises.
        """
        demand(call, Permission.QUARANTINE_RELEASE)
        entry = self._look(call, receipt_id)
        if entry.state != State.HELD:
            return _settled_as(entry, State.RELEASED)
        try:
            media_type, raw = self._open(call, receipt_id)
            self._gate.release(
                call,
                Submission(
                    contract=entry.contract,
                    media_type=media_type,
                    body=raw,
                    policy_rev=policy_rev,
                    run_id=entry.run_id,
                    released=Release(ReceiptId(receipt_id), reason.value),
                ),
            )
        except errors.QuarantineSettled:
            # Somebody else was faster, and may have done the same.
            return _settled_as(self._look(call, receipt_id), State.RELEASED)
        return Settled(self._look(call, receipt_id), changed=True)

    def discard(self, call: Call, receipt_id: str, reason: Reason) -> Settled:
        """Give a held record up; doing it again changes nothing.

        Raises `QuarantineMissing`, `QuarantineSettled`, `TenantSuspended`.
        """
        demand(call, Permission.QUARANTINE_DISCARD)
        tenant_id = _tenant_of(call)
        with self._control.transaction(call) as tx:
            status, _ = boundary(tx, tenant_id)
            entry = _entry(tx, tenant_id, receipt_id)
            demand_active(status)
            found = {"tenant_id": tenant_id, "receipt_id": receipt_id}
            moved = tx.run(
                _sql.settle_quarantined,
                {
                    **found,
                    "after": State.DISCARDED.value,
                    "now": call.now,
                    "by": call.actor.actor_id,
                    "reason_code": reason.value,
                    "released_as": None,
                },
            )
            if moved:
                tx.run(_sql.drop_copy, found)
                record(
                    tx,
                    call,
                    vocabulary.QUARANTINE_DISCARDED,
                    receipt_id,
                    receipt_id=receipt_id,
                    contract=entry.contract,
                    reason_code=reason.value,
                )
            entry = _entry(tx, tenant_id, receipt_id)
        return Settled(entry, changed=True) if moved else _settled_as(entry, State.DISCARDED)

    def expire(self, call: Call) -> int:
        """Settle what nobody settled in time and return how many; a transaction a batch."""
        demand(call, Permission.QUARANTINE_EXPIRE)
        expired = 0
        stop = time.monotonic() + _EXPIRE_SECONDS
        while time.monotonic() < stop:
            with self._control.platform(call) as tx:
                owners = tx.values(
                    _sql.expire_quarantined,
                    {"now": call.now, "by": call.actor.actor_id, "batch": _EXPIRE_BATCH},
                )
                tx.run(_sql.drop_expired_copies)
                for tenant_id, records in Counter(owners).items():
                    record(
                        tx,
                        call.for_tenant(tenant_id),
                        vocabulary.QUARANTINE_EXPIRED,
                        f"{call.call_id}|{expired}",
                        records=records,
                    )
            expired += len(owners)
            if len(owners) < _EXPIRE_BATCH:
                break
        return expired

    def _look(self, call: Call, receipt_id: str) -> Entry:
        with self._control.transaction(call, read_only=True) as tx:
            return _entry(tx, _tenant_of(call), receipt_id)

    def _open(self, call: Call, receipt_id: str) -> tuple[str, bytes]:
        tenant_id = _tenant_of(call)
        with self._keys.transaction(call, read_only=True) as tx:
            copy = tx.one(
                _Copy, _sql.quarantine_copy, {"tenant_id": tenant_id, "receipt_id": receipt_id}
            )
            if copy is None:
                raise errors.QuarantineSettled
            keys = self._keyring.of(tx, tenant_id)
        return open_copy(keys, receipt_id, copy.key_version, copy.nonce, copy.ciphertext)


def _settled_as(entry: Entry, wanted: State) -> Settled:
    """Return what a repeat is told. Raises `QuarantineSettled` for another end."""
    if entry.state != wanted:
        raise errors.QuarantineSettled
    return Settled(entry, changed=False)


def _entry(tx: Tx, tenant_id: TenantId, receipt_id: str) -> Entry:
    found = tx.one(
        Entry, _sql.quarantined_record, {"tenant_id": tenant_id, "receipt_id": receipt_id}
    )
    if found is None:
        raise errors.QuarantineMissing
    return found


def _tenant_of(call: Call) -> TenantId:
    if call.tenant_id is None:
        raise errors.TenantMissing
    return call.tenant_id
