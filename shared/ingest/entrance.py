"""Who may come in, for which tenant, contract, policy and run: one round trip, numbered checks."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.ingest import errors
from shared.ingest.quarantining import Release
from shared.kernel.call import Call, SourceType
from shared.kernel.db import Tx
from shared.kernel.errors import EnvironmentDiffers
from shared.kernel.ids import RunId
from shared.kernel.sql import Queries

_sql = Queries("shared.ingest")

STRICT, LENIENT = "strict", "lenient"


@dataclass(frozen=True, slots=True)
class Submission:
    """One request to the gate, as it arrived."""

    contract: str
    media_type: str
    body: bytes = field(repr=False)
    policy_rev: str | None
    idempotency_key: str | None = field(default=None, repr=False)
    handling: str = STRICT
    run_id: str | None = None
    """The platform run that the records belong to; without one, the tenant's standing run."""
    released: Release | None = None
    """Which held record this is, when an operator releases it."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one look at the control tables tells."""

    environment: str
    active_policy: str | None
    tenant_status: str | None
    principal_status: str | None
    principal_kind: str | None
    contracts: list[str]
    run_id: str | None
    run_closed: bool | None
    segment: int | None
    segment_policy: str | None
    locked: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """Where admitted records will belong."""

    run_id: RunId
    segment: int


def enter(  # noqa: PLR0913 - what is compared with what
    tx: Tx, call: Call, contract: str, submission: Submission, policy_rev: str, key: bytes | None
) -> Entry:
    """Check the producer, the policy, the run and the idempotency lock.

    (1) the database belongs to this environment (D1); (2) the producer is a known, active
    service, acts as one, and works for the tenant (000-R11, 002-R8); (3) the tenant takes
    writes; (4) the producer may post this contract; (5) this release carries the active policy
    (002-R14); (6) the request expects it (002-R15); (7) the run is open, and its last segment is
    of that policy (002-R16); (8) the idempotency key can be one, and nobody else is answering it.
    What fails after (5) leaves a fact in the tenant's ledger; what fails before may not, because
    it is not the caller's tenant to write into.

    An operator who releases a held record is no producer: (2) and (4) were checked when it was
    sent, and the operator's own permission when it is released.
    """
    seen = _look(tx, call, submission, key)
    _check_producer(seen, call, contract, submission)
    entry = _check_policy(seen, submission, policy_rev)
    # (8)
    if submission.idempotency_key is not None and key is None:
        raise errors.IdempotencyKeyUnfit
    if not seen.locked:
        raise errors.InFlight
    return entry


def _check_producer(seen: _Seen, call: Call, contract: str, submission: Submission) -> None:
    # (2)
    if submission.released is None:
        known = seen.principal_status == "active" and seen.principal_kind == "service"
        if not known or not seen.contracts:
            raise errors.TenantUnknown
        if call.actor.source_type is not SourceType.SYSTEM:
            raise errors.ProducerNotGranted
    if seen.tenant_status is None:
        raise errors.TenantUnknown
    # (3)
    if seen.tenant_status != "active":
        raise errors.TenantSuspended
    # (4)
    if submission.released is None and contract not in seen.contracts:
        raise errors.ProducerNotGranted


def _check_policy(seen: _Seen, submission: Submission, policy_rev: str) -> Entry:
    # (5)
    if seen.active_policy != policy_rev:
        raise errors.PolicyNotActive
    # (6)
    if submission.policy_rev is None:
        raise errors.PolicyRevMissing
    if submission.policy_rev != seen.active_policy:
        raise errors.PolicyRevDiffers
    # (7)
    if seen.run_id is None:
        raise errors.RunUnknown
    if seen.run_closed:
        raise errors.RunClosed
    if seen.segment is None or seen.segment_policy != seen.active_policy:
        raise errors.RunOutOfStep
    return Entry(RunId(seen.run_id), seen.segment)


def _look(tx: Tx, call: Call, submission: Submission, key: bytes | None) -> _Seen:
    """Return what the control tables say, in one round trip. Raises `EnvironmentDiffers`."""
    with tx.pipeline():
        # A statement of its own, so that the look below sees what the boundary changed.
        tx.run(_sql.enter_boundary, {"tenant_id": call.tenant_id})
        seen = tx.one(
            _Seen,
            _sql.open_gate,
            {
                "tenant_id": call.tenant_id,
                "object_id": call.actor.subject,
                "run_id": submission.run_id,
                "lock": None if key is None else int.from_bytes(key[:8], "big", signed=True),
            },
        )
    # (1)
    if seen is None or seen.environment != call.environment:
        raise EnvironmentDiffers
    return seen
