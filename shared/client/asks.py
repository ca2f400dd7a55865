"""What a mapping asks of a source, and what of it the source does not have.

A column that is spelled wrong is no error of any row: every row merely has nothing there. So the
header of a CSV file is held against the mapping before anything is sent. Rows of JSON may leave
members out, so there a path is told only at the end, when no row had it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from shared.client.errors import MappingInvalid
from shared.client.rows import Row
from shared.client.sections import Ask, near
from shared.kernel.errors import Item


def require_columns(asks: Iterable[Ask], header: Sequence[str]) -> None:
    """Hold a mapping against a CSV header. Raises `MappingInvalid` with every missing column."""
    items = [
        Item(
            ask.pointer,
            "column_unknown",
            f"the source has no column {told(ask)}{near(ask.paths[0], header)}",
        )
        for ask in asks
        # A cell has no members: the whole path is the column's name.
        if not ask.within and not any(path in header for path in ask.paths)
    ]
    if items:
        raise MappingInvalid(
            "The mapping does not fit the source; nothing was sent", items=tuple(items)
        )


def told(ask: Ask) -> str:
    """Return the paths of an ask as a part of a sentence."""
    return " or ".join(f'"{path}"' for path in ask.paths)


class Unmet:
    """The asks that no row has met so far."""

    def __init__(self, asks: Iterable[Ask]) -> None:
        """Begin with all of them."""
        self._asks = tuple(asks)
        self._rows = 0

    def over(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Return the rows as they are, having looked at each."""
        for row in rows:
            self._rows += 1
            if self._asks and not row.problem:
                self._asks = tuple(ask for ask in self._asks if not _met(row.value, ask))
            yield row

    @property
    def asks(self) -> tuple[Ask, ...]:
        """Return what is left; of lists that were never there, only the lists themselves."""
        if not self._rows:
            return ()
        gone = {(*ask.within, path) for ask in self._asks for path in ask.paths}
        return tuple(
            ask
            for ask in self._asks
            if not any(ask.within[: depth + 1] in gone for depth in range(len(ask.within)))
        )


def _met(row: Mapping[str, Any], ask: Ask) -> bool:
    lines: list[Any] = [row]
    for path in ask.within:
        lists = [_at(line, path) for line in lines]
        lines = [line for found in lists if isinstance(found, list) for line in found]
    return any(_at(line, path) is not _ABSENT for line in lines for path in ask.paths)


_ABSENT = object()


def _at(value: Any, path: str) -> Any:
    """Return what stands at a path, ``null`` included; the same steps as `sources.look_up`."""
    if isinstance(value, dict) and path in value:
        return value[path]
    for step in path.split("."):
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isascii() and step.isdigit():
            if int(step) >= len(value):
                return _ABSENT
            value = value[int(step)]
        else:
            return _ABSENT
    return value
