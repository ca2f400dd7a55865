"""Bodies into records: JSON and NDJSON, refusing what JSON leaves open.

Two things that parsers quietly settle are refused here: a member name that appears twice (the
last would win) and U+0000 in text (Postgres cannot store it). Depth is bounded here, far above
what any contract asks for, so that nothing behind has to fear it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import orjson

from shared.ingest.errors import BodyEmpty, BodyUnreadable, TooManyRecords
from shared.ingest.shape import REASONS, pointer
from shared.kernel.errors import Item, Unsupported

JSON = "application/json"
NDJSON = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
UNREADABLE = "json_unreadable"
TOO_DEEP = "json_too_deep"
DUPLICATE_NAME = "duplicate_name"

_DEEPEST = 64
_MEMBER = re.compile(rb'"[ \t\r\n]*:')
_NUL = b"\\u0000"
LARGEST_RECORD = 1_048_576
"""Bytes of one record. A parsed object takes up to 70 times its text; this bounds it."""
TOO_LARGE = "record_too_large"
_MESSAGES = {
    TOO_LARGE: f"one record may have at most {LARGEST_RECORD} bytes",
    UNREADABLE: "not valid JSON in UTF-8",
    TOO_DEEP: f"objects and lists are nested more than {_DEEPEST} deep",
    DUPLICATE_NAME: "a member name appears twice in one object",
}


def read(media_type: str, raw: bytes, most: int) -> tuple[list[Any], bool]:
    """Return the records of a body and whether it is a sequence (NDJSON).

    Raises `Unsupported`, `BodyUnreadable` with the place of every unreadable record, `BodyEmpty`
    and `TooManyRecords`.
    """
    if media_type == JSON:
        record, item = _record(raw, "")
        if item:
            raise BodyUnreadable(items=(item,))
        return [record], False
    if media_type not in NDJSON:
        raise Unsupported("Send application/json or application/x-ndjson")
    lines = [line for line in raw.split(b"\n") if line and not line.isspace()]
    if not lines:
        raise BodyEmpty
    if len(lines) > most:
        raise TooManyRecords(f"At most {most} records fit in one request")
    records: list[Any] = []
    items: list[Item] = []
    for index, line in enumerate(lines):
        record, item = _record(line, f"/{index}")
        if item:
            items.append(item)
        records.append(record)
    if items:
        raise BodyUnreadable(items=tuple(items))
    return records, True


def _record(raw: bytes, at: str) -> tuple[Any, Item | None]:
    if len(raw) > LARGEST_RECORD:
        return None, Item(at, TOO_LARGE, _MESSAGES[TOO_LARGE])
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None, Item(at, UNREADABLE, _MESSAGES[UNREADABLE])
    members = _members(record)
    if members is None:
        return None, Item(at, TOO_DEEP, _MESSAGES[TOO_DEEP])
    # Every member name ends in a quote and a colon. Only the quotes around text can look the
    # same, so equal counts prove that no name is repeated; otherwise look properly.
    if sum(1 for _ in _MEMBER.finditer(raw)) != members and _repeats(raw):
        return None, Item(at, DUPLICATE_NAME, _MESSAGES[DUPLICATE_NAME])
    if _NUL in raw and (path := _nul(record, ())) is not None:
        return None, Item(at + pointer(path), "nul", REASONS["nul"])
    return record, None


def _members(value: Any) -> int | None:
    """Return how many members all objects of a value have, or ``None`` if it is too deep."""
    count = 0
    layer = [value]
    for _ in range(_DEEPEST):
        below: list[Any] = []
        for node in layer:
            kind = type(node)
            if kind is dict:
                count += len(node)
                below += [item for item in node.values() if type(item) in (dict, list)]
            elif kind is list:
                below += [item for item in node if type(item) in (dict, list)]
        if not below:
            return count
        layer = below
    return None


class _Repeated(ValueError):
    pass


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise _Repeated


def _repeats(raw: bytes) -> bool:
    try:
        json.loads(raw, object_pairs_hook=_once)
    except _Repeated:
        return True
    except ValueError:
        # What the two parsers read differently is not worth arguing about.
        return True
    return False


def _nul(value: Any, path: tuple[str | int, ...]) -> tuple[str | int, ...] | None:
    if isinstance(value, str):
        return path if "\0" in value else None
    if not isinstance(value, (list, dict)):
        return None
    steps: Iterable[tuple[str | int, Any]]
    steps = enumerate(value) if isinstance(value, list) else value.items()
    for step, item in steps:
        if isinstance(step, str) and "\0" in step:
            return path
        if isinstance(item, (str, list, dict)) and (found := _nul(item, (*path, step))) is not None:
            return found
    return None
