"""Linear-time expressions over folded bytes, without what a call through `re2` costs on top.

Everything that scans a whole text is an RE2 expression, so no text can make one slow. The
package's Python layer looks up the number of groups for every group asked for, which on short
stretches costs more than matching; this module asks its engine directly and is the only one to
know how.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import re2
from re2 import _re2

if TYPE_CHECKING:
    from collections.abc import Iterable

_ANYWHERE: Final = _re2.RE2.Anchor.UNANCHORED
_NOWHERE: Final = (-1, -1)
_MEMORY: Final = 64 << 20


class Hit:
    """One match: its spans, group by group, and the bytes in them."""

    __slots__ = ("_spans", "_view")

    def __init__(self, view: bytes, spans: list[tuple[int, int]]) -> None:
        self._view = view
        self._spans = spans

    def span(self, group: int = 0) -> tuple[int, int]:
        return self._spans[group]

    def start(self, group: int = 0) -> int:
        return self._spans[group][0]

    def end(self, group: int = 0) -> int:
        return self._spans[group][1]

    def text(self, group: int = 0) -> bytes:
        """Return what the group matched, nothing if it took no part."""
        start, end = self._spans[group]
        return self._view[start:end] if start >= 0 else b""

    def took(self, group: int) -> bool:
        """Whether the group took part in the match."""
        return self._spans[group][0] >= 0


class Linear:
    """One expression."""

    __slots__ = ("_match",)

    def __init__(self, pattern: str) -> None:
        engine: Any = re2.compile(pattern.encode(), _options())
        self._match = engine._regexp.Match  # noqa: SLF001 - see above

    def search(self, view: bytes, position: int = 0) -> Hit | None:
        spans = self._match(_ANYWHERE, view, position, len(view))
        return None if spans[0] == _NOWHERE else Hit(view, spans)


def screen(patterns: Iterable[str]) -> Any:
    """Compile a question: which of these occur in a text? One pass, in linear time.

    A set runs out of memory only where its smallest automaton does, which compiling shows: a
    text that needs more states than there is room for makes it forget old ones and go on.
    """
    found = re2.Set.SearchSet(_options())
    for pattern in patterns:
        found.Add(pattern.encode())
    found.Compile()
    return found.Match


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    return options
