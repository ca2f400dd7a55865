"""Signals: numbers that say whether what should happen by itself does happen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.health.vocabulary import Permission
from shared.kernel.call import Call, demand
from shared.kernel.db import Database, Tx
from shared.kernel.sql import Queries
from shared.ledger.status import StreamStatus

_sql = Queries("shared.health")

OVERDUE = timedelta(seconds=60)
"""A document or copy older than this was not merely slow."""
EXPIRING = timedelta(days=3)
"""How long before its end a record in quarantine is worth a look."""
COUNTED = 10_000
"""Rows and documents are counted up to this number."""
WARN_SECONDS, CRITICAL_SECONDS = 60.0, 300.0
"""When something that waits is worth a look, and when somebody has to come (D20)."""


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Signal:
    """One number, what it means and how bad it is."""

    name: str
    value: float
    unit: str
    level: Level
    meaning: str


@dataclass(frozen=True, slots=True)
class _Backlog:
    strayed: int
    unwritten: int
    expiring: int
    oldest_unsent: datetime | None
    policy_rev: str | None


class Signals:
    """Reads the signals of this environment, in a fixed number of statements."""

    def __init__(
        self,
        control: Database,
        ledger: Callable[[Tx, datetime], Sequence[StreamStatus]],
        policy_rev: str,
    ) -> None:
        """Look across tenants as ``control``; ``ledger`` says how sealing stands.

        ``policy_rev`` is what this release carries.
        """
        self._control = control
        self._ledger = ledger
        self._policy_rev = policy_rev

    def read(self, call: Call) -> list[Signal]:
        """Return every signal; what is well is told, too."""
        demand(call, Permission.SIGNAL_READ)
        with self._control.platform(call, read_only=True) as tx:
            streams = self._ledger(tx, call.now)
            backlog = tx.one(
                _Backlog,
                _sql.backlog,
                {"overdue": call.now - OVERDUE, "soon": call.now + EXPIRING, "most": COUNTED},
            ) or _Backlog(0, 0, 0, None, None)
        unsent = (call.now - backlog.oldest_unsent).total_seconds() if backlog.oldest_unsent else 0
        return [
            _waited(
                "ledger.seal.lag",
                max((stream.lag_seconds for stream in streams), default=0.0),
                "Age of the oldest ledger row that could be sealed and is not.",
            ),
            _waited(
                "ledger.horizon.age",
                max((stream.held_seconds for stream in streams), default=0.0),
                "Age of the oldest ledger row that an open transaction keeps from being sealed.",
            ),
            _counted(
                "ledger.seal.broken",
                sum(stream.broken for stream in streams),
                "Streams whose last seal cannot be read, so that nothing is sealed.",
                bad=Level.CRITICAL,
            ),
            _counted(
                "ledger.copies.missing",
                sum(stream.uncopied for stream in streams),
                "Seals whose copy is not in Blob storage yet.",
                few=10,
            ),
            _counted(
                "ledger.partition.strayed",
                backlog.strayed,
                "Ledger rows that came before the partition of their month did.",
            ),
            _counted(
                "ingest.documents.unwritten",
                backlog.unwritten,
                "Receipt documents that should have been written a minute ago.",
            ),
            _counted(
                "ingest.quarantine.expiring",
                backlog.expiring,
                "Records in quarantine that nobody settled and that expire within three days.",
            ),
            _counted(
                "policy.out_of_step",
                int(backlog.policy_rev != self._policy_rev),
                "Whether another policy is in force than this release carries: it admits nothing.",
                bad=Level.CRITICAL,
            ),
            _waited(
                "outbox.message.age",
                max(0.0, unsent),
                "Age of the oldest queue message that has not left.",
            ),
        ]


def worst(signals: Sequence[Signal]) -> Level:
    """Return the level of the signal that is worst."""
    order = list(Level)
    return max((signal.level for signal in signals), key=order.index, default=Level.OK)


def _waited(name: str, seconds: float, meaning: str) -> Signal:
    level = (
        Level.CRITICAL
        if seconds > CRITICAL_SECONDS
        else Level.WARN
        if seconds > WARN_SECONDS
        else Level.OK
    )
    return Signal(name, round(seconds, 3), "seconds", level, meaning)


def _counted(
    name: str, count: int, meaning: str, *, few: int = 0, bad: Level = Level.WARN
) -> Signal:
    return Signal(name, count, "count", bad if count > few else Level.OK, meaning)
