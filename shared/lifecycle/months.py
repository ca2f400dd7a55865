"""Keeps a partition ready for the months to come, so that the ledgers can be trimmed by month."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from shared.kernel import log
from shared.kernel.call import Call, demand
from shared.kernel.db import Database, Tx
from shared.kernel.sql import Queries

_sql = Queries("shared.lifecycle")

AHEAD = 4
"""Months that have a partition: this one and three more."""


class Permission(StrEnum):
    """Permissions of the ledger's upkeep."""

    LEDGER_PREPARE = "lifecycle:ledger:prepare"


def prepare_months(tx: Tx, now: datetime) -> int:
    """Make the partitions that are missing and return how many were made."""
    first = now.year * 100 + now.month
    return int(tx.value(_sql.prepare_months, {"first": first, "months": AHEAD}) or 0)


class Months:
    """The upkeep of ledger partitions, for a timer."""

    def __init__(self, control: Database) -> None:
        """Ask as ``control``; Postgres makes the tables as their owner."""
        self._control = control

    def prepare(self, call: Call) -> int:
        """Stay some months ahead; cheap when nothing is missing, harmless to run twice."""
        demand(call, Permission.LEDGER_PREPARE)
        with self._control.transaction(call) as tx:
            made = prepare_months(tx, call.now)
        if made:
            log.event("lifecycle.months.prepared", count=made)
        return made
