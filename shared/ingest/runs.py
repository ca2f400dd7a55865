"""Platform runs: evidence windows that operators open and close, in segments by policy revision.

::

    (none) -> open -> closed(ended | cancelled)

    segment 1 -> segment 2 -> …      one per policy revision that held while the run was open

A segment is opened with the run and at every activation, in the activation's own transaction and
behind the lock that keeps admissions out (002-R14); earlier segments and their evidence stay as
they are (002-R16). The standing run of a tenant is opened with it and never closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.governance.facts import record
from shared.identity.authority import demand
from shared.ingest import errors, vocabulary
from shared.ingest.vocabulary import Permission
from shared.kernel.call import Call
from shared.kernel.canonical import canonical, digest
from shared.kernel.db import Database, Tx
from shared.kernel.ids import IdSource, RunId, TenantId
from shared.kernel.sql import Queries

_sql = Queries("shared.ingest")

_KEY_LENGTH = 128
_LISTED = 500


class Outcome(StrEnum):
    """How a run was closed."""

    ENDED = "ended"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a run under one policy revision."""

    segment: int
    policy_rev: str
    opened_at: datetime
    opened_by: str


@dataclass(frozen=True, slots=True)
class RunRow:
    """A platform run; ``opened_by`` is empty for what was opened with its tenant."""

    run_id: str
    standing: bool
    opened_at: datetime
    opened_by: str | None
    closed_at: datetime | None
    closed_by: str | None
    outcome: str | None
    segments: int


@dataclass(frozen=True, slots=True)
class Run:
    """A run with its segments, oldest first."""

    row: RunRow
    segments: tuple[Segment, ...]
    changed: bool = False
    """Whether this call opened or closed it."""


class Runs:
    """Opens, closes and shows the platform runs of a tenant."""

    def __init__(self, control: Database, ids: IdSource) -> None:
        """Work as ``control``."""
        self._control = control
        self._ids = ids

    def open(self, call: Call, policy_rev: str | None, key: str | None) -> Run:
        """Open a run under the policy that the caller expects (002-R15).

        A repeat under the same key returns the run that is there. Raises `PolicyRevMissing`,
        `PolicyRevDiffers`, `RunKeyMissing`, `TenantUnknown`, `TenantSuspended`.
        """
        demand(call, Permission.RUN_OPEN)
        tenant_id = _tenant_of(call)
        if not key or len(key) > _KEY_LENGTH or not (key.isascii() and key.isprintable()):
            raise errors.RunKeyMissing
        if policy_rev is None:
            raise errors.PolicyRevMissing
        open_key = digest("ops.run.v1", canonical([tenant_id, call.actor.actor_id, key]))
        run_id = RunId(self._ids.mint("run", call.now))
        with self._control.transaction(call) as tx:
            status, active = boundary(tx, tenant_id)
            if known := tx.value(
                _sql.run_opened_before, {"tenant_id": tenant_id, "open_key": open_key}
            ):
                return _run(tx, tenant_id, known)
            demand_active(status)
            if active != policy_rev:
                raise errors.PolicyRevDiffers
            opened = tx.run(
                _sql.open_run,
                {
                    "tenant_id": tenant_id,
                    "run_id": run_id,
                    "open_key": open_key,
                    "now": call.now,
                    "by": call.actor.actor_id,
                },
            )
            if not opened:
                # Somebody committed the same key since the look.
                known = tx.value(
                    _sql.run_opened_before, {"tenant_id": tenant_id, "open_key": open_key}
                )
                return _run(tx, tenant_id, known)
            _first_segment(tx, call, tenant_id, run_id, active)
            record(
                tx,
                call,
                vocabulary.RUN_OPENED,
                run_id,
                platform_run_id=run_id,
                segment_policy=active,
            )
            return _run(tx, tenant_id, run_id, changed=True)

    def close(self, call: Call, run_id: str, outcome: Outcome) -> Run:
        """Close a run for good; closing it again the same way changes nothing.

        Waits for requests of the tenant that are being decided. Raises `RunUnknown`, `RunStands`,
        `TenantSuspended`, and `RunClosed` for a run that was closed in another way.
        """
        demand(call, Permission.RUN_CLOSE)
        tenant_id = _tenant_of(call)
        with self._control.transaction(call) as tx:
            status, _ = boundary(tx, tenant_id)
            # Exclusive: nothing is admitted into the run after the fact that says it is closed.
            tx.run(_sql.close_runs, {"tenant_id": tenant_id})
            found = _run(tx, tenant_id, run_id)
            if found.row.standing:
                raise errors.RunStands
            if found.row.outcome is not None:
                if found.row.outcome != outcome:
                    raise errors.RunClosed
                return found
            demand_active(status)
            tx.run(
                _sql.close_run,
                {
                    "tenant_id": tenant_id,
                    "run_id": run_id,
                    "outcome": outcome.value,
                    "now": call.now,
                    "by": call.actor.actor_id,
                },
            )
            record(
                tx,
                call,
                vocabulary.RUN_CLOSED,
                run_id,
                platform_run_id=run_id,
                outcome=outcome.value,
                segments=len(found.segments),
            )
            return _run(tx, tenant_id, run_id, changed=True)

    def show(self, call: Call, run_id: str) -> Run:
        """Return a run with its segments. Raises `RunUnknown`."""
        demand(call, Permission.RUN_READ)
        with self._control.transaction(call, read_only=True) as tx:
            return _run(tx, _tenant_of(call), run_id)

    def list(self, call: Call) -> list[RunRow]:
        """Return the newest runs of the tenant."""
        demand(call, Permission.RUN_READ)
        tenant_id = _tenant_of(call)
        with self._control.transaction(call, read_only=True) as tx:
            demand_known(tx, tenant_id)
            return tx.all(RunRow, _sql.runs, {"tenant_id": tenant_id, "most": _LISTED})


def prepare_tenant(tx: Tx, call: Call) -> None:
    """Give the standing run of a new tenant its first segment, if a policy is active."""
    tenant_id = _tenant_of(call)
    # Behind the boundary, so that an activation either sees this run or is seen here.
    _, active = boundary(tx, tenant_id)
    run_id = tx.value(_sql.standing_run, {"tenant_id": tenant_id})
    if active is not None and run_id is not None:
        _first_segment(tx, call, tenant_id, RunId(run_id), active)


def open_segments(tx: Tx, call: Call, policy_rev: str) -> None:
    """Let every open run go on in a segment of this policy; part of an activation.

    ``tx`` works across tenants. Runs that are in step already stay as they are, so doing it again
    mends what an activation by an earlier release left behind, and nothing else.
    """
    runs = tx.run(
        _sql.open_segments,
        {"policy_rev": policy_rev, "now": call.now, "by": call.actor.actor_id},
    )
    if runs:
        record(tx, call, vocabulary.RUNS_SEGMENTED, call.call_id, revision=policy_rev, runs=runs)


def _first_segment(tx: Tx, call: Call, tenant_id: TenantId, run_id: RunId, policy: str) -> None:
    tx.run(
        _sql.first_segment,
        {
            "tenant_id": tenant_id,
            "run_id": run_id,
            "policy_rev": policy,
            "now": call.now,
            "by": call.actor.actor_id,
        },
    )


def boundary(tx: Tx, tenant_id: TenantId) -> tuple[str | None, str | None]:
    """Return the tenant's status and the active policy, which stay so until the commit."""
    tx.run(_sql.stay_inside_boundary)
    status, active = tx.rows(_sql.tenant_and_policy, {"tenant_id": tenant_id})[0]
    return status, active


def demand_known(tx: Tx, tenant_id: TenantId) -> None:
    """Raise `TenantUnknown` for a tenant that does not exist: an empty list would hide a slip."""
    if tx.rows(_sql.tenant_and_policy, {"tenant_id": tenant_id})[0][0] is None:
        raise errors.TenantUnknown


def demand_active(status: str | None) -> None:
    """Raise `TenantUnknown` or `TenantSuspended` for a tenant that takes no writes."""
    if status is None:
        raise errors.TenantUnknown
    if status != "active":
        raise errors.TenantSuspended


def _run(tx: Tx, tenant_id: TenantId, run_id: str, *, changed: bool = False) -> Run:
    named = {"tenant_id": tenant_id, "run_id": run_id}
    row = tx.one(RunRow, _sql.run, named)
    if row is None:
        raise errors.RunUnknown
    return Run(row, tuple(tx.all(Segment, _sql.segments, named)), changed)


def _tenant_of(call: Call) -> TenantId:
    if call.tenant_id is None:
        raise errors.TenantMissing
    return call.tenant_id
