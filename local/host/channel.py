"""The two pipes between the supervisor and a worker process.

The order pipe carries one line, what to run, and then stays open: its end means that the supervisor
is gone, however it ended, and the worker ends too. The report pipe carries the worker's answer.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import asdict, dataclass, field
from typing import Any

EXIT_ORPHANED = 76


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker runs; it travels in a pipe because it holds keys."""

    app_dir: str
    slot: int
    address: str
    socket: int
    workers: int
    settings: dict[str, str] = field(repr=False)
    keys: str | None = field(repr=False)
    grace: float
    response_limit: float
    verbose: bool

    def to_line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Report:
    """A worker's answer: its functions when it is ready, or why it cannot start."""

    functions: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    error: str = ""
    detail: str = ""

    def to_line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Report:
        fields: dict[str, Any] = json.loads(line)
        return cls(**fields)


def receive_order(descriptor: int) -> Order:
    """Read the order, then watch the pipe for the supervisor's end."""
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(descriptor, 65536)
        if not part:
            raise SystemExit(EXIT_ORPHANED)
        line += part
    fields: dict[str, Any] = json.loads(line)
    threading.Thread(target=_end_with, args=(descriptor,), name="lifeline", daemon=True).start()
    return Order(**fields)


def _end_with(descriptor: int) -> None:
    os.read(descriptor, 1)
    os._exit(EXIT_ORPHANED)
