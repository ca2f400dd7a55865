"""What a person watching the demo sees, and what a program gets."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TextIO

_NAME_WIDTH = 34


@dataclass(slots=True)
class Screen:
    """Lines for a person; everything said is kept, so that it can be scanned as well."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    said: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    held: int = 0
    _sections: int = 0
    _progress: bool = False

    def title(self, line: str) -> None:
        self._say(line)

    def section(self, name: str) -> None:
        self._sections += 1
        self._say(f"\n{self._sections}  {name}")

    def line(self, line: str) -> None:
        self._say(f"   {line}")

    def fact(self, name: str, value: str) -> None:
        self._say(f"   {name:<{_NAME_WIDTH}} {value}")

    def expect(self, held: bool, name: str, value: str) -> None:  # noqa: FBT001 - the verdict
        """Show an expectation and remember whether it held."""
        if held:
            self.held += 1
        else:
            self.failed.append(f"{name}: {value}")
        self._say(f"   {name:<{_NAME_WIDTH}} {value}{'' if held else '   <- NOT AS EXPECTED'}")

    def progress(self, line: str) -> None:
        """Show how far something is, in place; only a terminal sees it."""
        if self.out.isatty():
            self.out.write(f"\r   {line}\x1b[K")
            self.out.flush()
            self._progress = True

    def _say(self, line: str) -> None:
        if self._progress:
            self.out.write("\r\x1b[K")
            self._progress = False
        self.said.append(line)
        self.out.write(line + "\n")
        self.out.flush()
