"""Refused credentials: tallied as they come, one fact per code, caller and closed minute."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.governance.facts import record
from shared.governance.vocabulary import CREDENTIALS_REFUSED, Permission
from shared.kernel.call import Call, demand
from shared.kernel.canonical import digest
from shared.kernel.db import Database
from shared.kernel.sql import Queries

_sql = Queries("shared.governance")

UNVERIFIED = "unverified"
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Tally:
    """How often one caller was refused with one code within one minute."""

    minute: datetime
    code: str
    caller: str
    denials: int


class Denials:
    """Keeps count of refusals without letting the refused grow the ledger."""

    def __init__(self, data: Database, control: Database | None = None) -> None:
        """Count as one login; settle as ``control``, which reads and clears the tally."""
        self._data = data
        self._control = control or data

    def count(self, call: Call, code: str, caller: str | None) -> None:
        """Count one refusal; ``caller`` is a verified object id or ``None``."""
        hashed = digest("ops.caller.v1", caller.encode()).hex()[:32] if caller else UNVERIFIED
        minute = call.now.replace(second=0, microsecond=0)
        # A refused caller is not let into any tenant, so neither is the count.
        with self._data.transaction(replace(call, tenant_id=None)) as tx:
            tx.run(_sql.count_denial, {"minute": minute, "code": code, "caller": hashed})

    def settle(self, call: Call) -> int:
        """Turn every closed minute into facts and return how many were written.

        Counting and clearing happen in one transaction, so a crash repeats it whole; a count
        that arrives late for a minute already settled becomes a fact of its own at the next run.
        """
        demand(call, Permission.DENIALS_SETTLE)
        closed = call.now.replace(second=0, microsecond=0) - timedelta(seconds=1)
        with self._control.transaction(replace(call, tenant_id=None)) as tx:
            tallies = tx.all(Tally, _sql.take_closed_minutes, {"closed": closed, "batch": _BATCH})
            for tally in tallies:
                minute = int(tally.minute.timestamp()) // 60
                record(
                    tx,
                    call,
                    CREDENTIALS_REFUSED,
                    f"{minute}|{tally.code}|{tally.caller}|{call.call_id}",
                    code=tally.code,
                    caller=tally.caller,
                    minute=minute,
                    denials=tally.denials,
                )
        return len(tallies)
