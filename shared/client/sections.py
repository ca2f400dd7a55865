"""Reading a mapping's sections: what is allowed where, and every problem with its place."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.ingest.shape import pointer
from shared.kernel.errors import Item

type Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """One place of a mapping, and the paths of which a source has to have at least one."""

    pointer: str
    paths: tuple[str, ...]
    within: tuple[str, ...] = ()
    """The lists, from the row inwards, whose lines have the paths."""


class Problems:
    """Collects what is wrong with a mapping, so that all of it is told at once."""

    def __init__(self) -> None:
        """Begin with none."""
        self.items: list[Item] = []
        self.asks: list[Ask] = []
        """What the mapping asks of its source, noted on the way."""

    def ask(self, path: Path, *columns: str | None) -> None:
        """Note columns of which a source has to have at least one."""
        if found := tuple(column for column in columns if column):
            self.asks.append(Ask(pointer(path), found))

    def ask_within(self, column: str, since: int) -> None:
        """Move what was asked ``since`` then into the lines of a list."""
        self.asks[since:] = [
            replace(ask, within=(column, *ask.within)) for ask in self.asks[since:]
        ]

    def add(self, path: Path, code: str, message: str) -> None:
        self.items.append(Item(pointer(path), code, message))

    def known(self, section: Mapping[str, Any], path: Path, allowed: Collection[str]) -> None:
        """Report every key that a section does not have, with the nearest that it has."""
        for name in section:
            if name not in allowed:
                self.add((*path, name), "key_unknown", f"there is no such key{near(name, allowed)}")

    def section(self, value: object, path: Path) -> Mapping[str, Any] | None:
        """Return a value that must be a section of its own."""
        if isinstance(value, dict):
            return value
        self.add(path, "section_expected", "must be a section of keys and values")
        return None

    def text(self, value: object, path: Path) -> str | None:
        """Return a value that must be text."""
        if isinstance(value, str) and value:
            return value
        self.add(path, "text_expected", "must be text")
        return None

    def texts(self, value: object, path: Path) -> tuple[str, ...]:
        """Return a value that must be text or a list of texts."""
        items = value if isinstance(value, list) else [value]
        if not items:
            self.add(path, "text_expected", "must name at least one")
        found = [self.text(item, path) for item in items]
        return tuple(item for item in found if item is not None)

    def whole(self, value: object, path: Path, low: int, high: int) -> int | None:
        """Return a value that must be a whole number within bounds."""
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.add(path, "number_expected", f"must be a whole number from {low} to {high}")
        return None

    def flag(self, value: object, path: Path) -> bool:
        """Return a value that must be true or false."""
        if not isinstance(value, bool):
            self.add(path, "flag_expected", "must be true or false")
        return value is True


def near(name: str, known: Collection[str]) -> str:
    """Return the nearest of the known names as the end of a sentence."""
    found = difflib.get_close_matches(name, known, 3, 0.5)
    return f"; nearest: {', '.join(found)}" if found else ""
