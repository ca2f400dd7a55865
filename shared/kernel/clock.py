"""The only place that reads the time.

A call reads the clock once and carries the answer as ``call.now``; statements take it as a
parameter. Durations may use ``time.monotonic`` anywhere.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time, always in UTC."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)


class SteppingClock:
    """A clock for tests: stands still until it is moved."""

    def __init__(self, start: datetime) -> None:
        """Stand at ``start``, which must be aware."""
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the moment the clock stands at."""
        return self._now

    def advance(self, **by: float) -> None:
        """Move forward by ``timedelta(**by)``."""
        self._now += timedelta(**by)


def instant(moment: datetime) -> str:
    """Return RFC 3339 in UTC with microseconds, the one spelling of time in documents.

    A fixed width makes text order and time order the same.
    """
    # Not strftime, which leaves the zeros before a year of three digits to the C library.
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
