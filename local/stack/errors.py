"""What a stack says when it cannot start or stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_TAIL_LINES = 12


class StackError(RuntimeError):
    """The stack could not do what was asked; the message says what to do."""

    @classmethod
    def with_log(cls, message: str, log: Path) -> StackError:
        """Add the end of a service's log, which is where the cause usually is."""
        try:
            tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        except OSError:
            tail = []
        return cls("\n".join([f"{message} The end of {log}:", *tail]) if tail else message)
