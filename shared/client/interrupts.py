"""Ctrl-C as something to look at between two steps, so that no step is cut in its middle.

Only waiting for input is ended at once: there nothing is half done, and input may never come.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self


class Interrupts:
    """Counts SIGINT while its `with` block runs; outside the main thread it changes nothing."""

    def __init__(self) -> None:
        """Count from nought."""
        self.count = 0
        self._reading = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    @contextmanager
    def while_reading(self) -> Iterator[None]:
        """Let an interrupt raise `KeyboardInterrupt` inside."""
        self._reading = True
        try:
            if self.count:
                raise KeyboardInterrupt
            yield
        finally:
            self._reading = False

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self._reading:
            raise KeyboardInterrupt
