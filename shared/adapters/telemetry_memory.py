"""Telemetry kept in memory, so that tests can look at what would leave."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing that was told: a count, a measurement or a span."""

    kind: str
    name: str
    value: float
    attributes: dict[str, Any]


@dataclass
class MemoryTelemetry:
    """Keeps every signal in the order it was told."""

    signals: list[Signal] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, name: str, value: int = 1, **attributes: str | int | bool) -> None:
        """Keep a count."""
        self._keep(Signal("count", name, value, attributes))

    def observe(self, name: str, value: float, **attributes: str | int | bool) -> None:
        """Keep a measurement."""
        self._keep(Signal("observe", name, value, attributes))

    @contextmanager
    def span(self, name: str, traceparent: str, **attributes: str | int | bool) -> Iterator[None]:
        """Keep a span when it ends, with its parent."""
        try:
            yield
        finally:
            self._keep(Signal("span", name, 0.0, {**attributes, "traceparent": traceparent}))

    def total(self, name: str) -> float:
        """Return the sum of what was counted under a name."""
        return sum(signal.value for signal in self.signals if signal.name == name)

    def _keep(self, signal: Signal) -> None:
        with self._lock:
            self.signals.append(signal)
