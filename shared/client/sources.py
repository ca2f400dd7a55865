"""Where a field's value comes from: a column, a constant, a template, a digest.

A path names a column, or members inside one: ``Control ID``, ``tenant.name``, ``tags.0``. A column
whose own name has dots in it is found first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from shared.client.rows import Unmappable
from shared.kernel.canonical import digest_of

type Read = Callable[[Mapping[str, Any]], object]
"""Takes a row and returns a value; ``None`` says that there is none."""

_SLOT = re.compile(r"\{([^{}]+)\}")
_DIGEST = "ops.client.event.v1"
_OPTIONS = orjson.OPT_SORT_KEYS


@lru_cache(maxsize=1024)
def _steps(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def look_up(row: Mapping[str, Any], path: str) -> object:
    """Return what stands at a path; ``None`` where there is nothing."""
    if path in row:
        return row[path]
    found: object = row
    for step in _steps(path):
        if isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and step.isascii() and step.isdigit():
            found = found[int(step)] if int(step) < len(found) else None
        else:
            return None
    return found


def first_of(paths: Sequence[str]) -> Read:
    """Return a reader of the first column that holds something."""
    if len(paths) == 1:
        [only] = paths
        return lambda row: look_up(row, only)

    def read(row: Mapping[str, Any]) -> object:
        for path in paths:
            if (found := look_up(row, path)) is not None and found != "":
                return found
        return None

    return read


def constant(value: object) -> Read:
    """Return a reader of the same value for every row."""
    return lambda _: value


def slots(text: str) -> list[str] | None:
    """Return the columns that a template names, ``None`` when its braces do not fit."""
    rest = _SLOT.sub("", text)
    return None if "{" in rest or "}" in rest else _SLOT.findall(text)


def template(text: str) -> Read:
    """Return a reader that fills columns into a text; without one of them there is no value."""
    parts = _SLOT.split(text)

    def read(row: Mapping[str, Any]) -> object:
        made = []
        for place, part in enumerate(parts):
            # Between the literal parts stand the names of columns.
            found = as_text(look_up(row, part)) if place % 2 else part
            if place % 2 and not found:
                return None
            made.append(found or "")
        return "".join(made)

    return read


def joined(paths: Sequence[str], between: str) -> Read:
    """Return a reader that joins what is there of some columns, lists included."""

    def read(row: Mapping[str, Any]) -> object:
        found: list[object] = []
        for path in paths:
            value = look_up(row, path)
            found += value if isinstance(value, list) else [value]
        return between.join(filter(None, map(as_text, found))) or None

    return read


def digest_of_columns(paths: Sequence[str], prefix: str, length: int) -> Read:
    """Return a reader of a name made from columns: the same columns always give the same name.

    An absent column and an empty one are the same.
    """

    def read(row: Mapping[str, Any]) -> object:
        parts = [_plain(look_up(row, path)) for path in paths]
        if not any(parts):
            return None
        return prefix + digest_of(_DIGEST, [[*paths], parts]).hex()[:length]

    return read


def _plain(value: object) -> str:
    """Return a value as text; objects and lists by their sorted JSON."""
    if isinstance(value, (dict, list)):
        try:
            return orjson.dumps(value, option=_OPTIONS).decode()
        except TypeError:
            raise Unmappable("value_not_sendable") from None
    return as_text(value) or ""


def as_text(value: object) -> str | None:
    """Return a scalar as text, in JSON's spelling. Raises `Unmappable`."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    raise Unmappable("value_not_text")
