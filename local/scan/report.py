"""What a scan found, and how much it looked at."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from local.scan.decoding import Form
from local.scan.matcher import Matcher


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A planted value on a surface: where, of what kind, in what form, how often."""

    surface: str
    place: str
    kind: str
    form: Form
    count: int

    def __str__(self) -> str:
        return f"{self.surface} {self.place}: {self.kind}, {self.form}, {self.count} times"


@dataclass(slots=True)
class Report:
    """The findings of one scan, collected place by place."""

    matcher: Matcher
    looked: Counter[str] = field(default_factory=Counter)
    """Surface -> things looked at: rows, blobs, messages, entities, files."""
    looked_bytes: Counter[str] = field(default_factory=Counter)
    unread: list[str] = field(default_factory=list)
    """Places that could not be read to the end; a scan with any of them proves nothing."""
    _found: Counter[tuple[str, str, str, Form]] = field(default_factory=Counter)

    def look(self, surface: str, place: str, data: bytes, things: int = 1) -> None:
        """Look at `things` things of a surface at once."""
        self.looked[surface] += things
        self.looked_bytes[surface] += len(data)
        for (kind, form), count in self.matcher.find(data).items():
            self._found[surface, place, kind, form] += count

    @property
    def findings(self) -> list[Finding]:
        return sorted(Finding(*where, count) for where, count in self._found.items())

    @property
    def clean(self) -> bool:
        """Tell whether everything was read and nothing found."""
        return not self._found and not self.unread
