"""Refused credentials: tallied as they come, one fact per code, caller and closed minute."""

from __future__ import annotations

import atexit
import threading
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.governance.facts import record
from shared.governance.vocabulary import CREDENTIALS_REFUSED, Permission
from shared.kernel import log
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
    """Keeps count of refusals without letting the refused grow the ledger, or slow the gate.

    Counts wait in memory for up to a second and are written together, off the request: a flood
    of refused strangers costs the database one statement a second. A process that is killed
    loses what it counted in its last second.
    """

    def __init__(
        self, data: Database, control: Database | None = None, *, delay: float = 1.0
    ) -> None:
        """Count as one login, settle as ``control``; without ``delay`` counting is immediate."""
        self._data = data
        self._control = control or data
        self._delay = delay
        self._counts: Counter[tuple[datetime, str, str]] = Counter()
        self._call: Call | None = None
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def count(self, call: Call, code: str, caller: str | None) -> None:
        """Count one refusal; ``caller`` is a verified object id or ``None``."""
        hashed = digest("ops.caller.v1", caller.encode()).hex()[:32] if caller else UNVERIFIED
        minute = call.now.replace(second=0, microsecond=0)
        with self._lock:
            self._counts[minute, code, hashed] += 1
            # A refused caller is not let into any tenant, so neither is the count.
            self._call = replace(call, tenant_id=None)
            if self._delay and self._timer is None:
                self._timer = threading.Timer(self._delay, self.flush_quietly)
                self._timer.daemon = True
                self._timer.start()
                atexit.register(self.flush_quietly)
        if not self._delay:
            self.flush()

    def flush(self) -> None:
        """Write what was counted. Raises `Unavailable`; then it is kept for the next time."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            call, self._timer = self._call, None
        if not counts or call is None:
            return
        keys = sorted(counts)
        minutes, codes, callers = zip(*keys, strict=True)
        try:
            with self._data.transaction(call) as tx:
                tx.run(
                    _sql.count_denials,
                    {
                        "minutes": list(minutes),
                        "codes": list(codes),
                        "callers": list(callers),
                        "denials": [counts[key] for key in keys],
                    },
                )
        except BaseException:
            with self._lock:
                self._counts.update(counts)
            raise

    def flush_quietly(self) -> None:
        """Write what was counted, or keep it: a refusal stands even when it cannot be counted."""
        try:
            self.flush()
        except Exception as error:  # noqa: BLE001 - a thread's edge: counted again with the next
            log.trouble("denials.uncounted", error)

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
