"""A line that says how far a delivery is: redrawn on a terminal, now and then in a log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from shared.client.delivery import Report

_ON_TERMINAL = 0.2
_IN_LOG = 5.0
_MINUTE = 60


class Progress:
    """Writes to a stream; with ``quiet`` only where a person watches."""

    def __init__(self, stream: TextIO, *, quiet: bool) -> None:
        """Write nothing yet."""
        self._stream = stream
        self._terminal = stream.isatty()
        self._quiet = quiet and not self._terminal
        self._next = time.monotonic() + (_ON_TERMINAL if self._terminal else _IN_LOG)
        self._shown = False

    def show(self, report: Report) -> None:
        """Write where the delivery is, if it is time to."""
        now = time.monotonic()
        if self._quiet or now < self._next:
            return
        self._next = now + (_ON_TERMINAL if self._terminal else _IN_LOG)
        line = line_of(report)
        self._stream.write(f"\r\x1b[K{line}" if self._terminal else f"{line}\n")
        self._stream.flush()
        self._shown = True

    def end(self) -> None:
        """Leave the terminal's line to what comes next."""
        if self._shown and self._terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def line_of(report: Report) -> str:
    """Return one line: rows, rate, retries, what is waited for, and the time left."""
    parts = [f"{report.tally.rows:,} rows", f"{report.per_second:,.0f}/s"]
    if report.counters.retries:
        parts.append(f"{report.counters.retries} retries")
    if report.counters.waiting_for:
        parts.append(f"waiting: {report.counters.waiting_for}")
    if report.share:
        parts.append(f"{report.share:.0%}")
        if report.per_second and not report.earlier.rows:
            left = report.seconds * (1 - report.share) / report.share
            parts.append(
                f"{left / _MINUTE:.0f} min left" if left > _MINUTE else f"{left:.0f} s left"
            )
    return ", ".join(parts)
