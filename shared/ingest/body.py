"""Bodies into records: JSON, NDJSON and CloudEvents, refusing what JSON leaves open.

Two things that parsers quietly settle are refused here: a member name that appears twice (the
last would win) and U+0000 in text (Postgres cannot store it). Depth is bounded here, far above
what any contract asks for, so that nothing behind has to fear it.

A body becomes units, one for each record. A unit that cannot be read does not hide the others:
strict handling names them all, lenient handling sets each of them aside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from shared.ingest.errors import BodyEmpty, BodyUnreadable, TooManyRecords
from shared.ingest.shape import REASONS, pointer
from shared.kernel.errors import Item, Unsupported

JSON = "application/json"
NDJSON = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
UNREADABLE = "json_unreadable"
TOO_DEEP = "json_too_deep"
DUPLICATE_NAME = "duplicate_name"
NOT_A_LIST = "batch_not_a_list"

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
    NOT_A_LIST: "a batch of CloudEvents is a list",
}


@dataclass(frozen=True, slots=True)
class Unit:
    """One record of a body as it was sent, read or not."""

    at: str
    """JSON Pointer of the record in the body: empty for a body that is one record."""
    media_type: str
    """What ``raw`` is on its own: JSON or one CloudEvent."""
    raw: bytes = field(repr=False)
    record: Any = field(repr=False)
    problems: tuple[Item, ...] = ()
    """Why it cannot be read; pointers are those of the body."""


def read(media_type: str, raw: bytes, most: int) -> list[Unit]:
    """Return the units of a body.

    Raises `Unsupported`, `BodyEmpty`, `TooManyRecords`, and `BodyUnreadable` for a body that
    cannot be told apart into records.
    """
    if media_type == JSON:
        return [_from_json(raw, "")]
    if media_type in NDJSON:
        lines = [line for line in raw.split(b"\n") if line and not line.isspace()]
        if not lines:
            raise BodyEmpty
        _count(lines, most)
        return [_from_json(line, f"/{index}") for index, line in enumerate(lines)]
    if media_type == STRUCTURED:
        event, problem = parse(raw, "")
        return [Unit("", STRUCTURED, raw, None, (problem,)) if problem else _from_event(event, "")]
    if media_type == BATCHED:
        return _from_batch(raw, most)
    raise Unsupported(
        "Send application/json, application/x-ndjson, application/cloudevents+json "
        "or application/cloudevents-batch+json"
    )


def demand_readable(units: Iterable[Unit]) -> None:
    """Raise `BodyUnreadable` with the place of everything that could not be read."""
    items = tuple(problem for unit in units for problem in unit.problems)
    if items:
        raise BodyUnreadable(items=items)


def _count(records: Sequence[object], most: int) -> None:
    if len(records) > most:
        raise TooManyRecords(f"At most {most} records fit in one request")


def _from_json(raw: bytes, at: str) -> Unit:
    record, problem = parse(raw, at)
    return Unit(at, JSON, raw, record, (problem,) if problem else ())


def _from_batch(raw: bytes, most: int) -> list[Unit]:
    """Read a batch of CloudEvents, which may be empty."""
    events, problem = parse(raw, "", largest=len(raw))
    if problem is None and not isinstance(events, list):
        problem = Item("", NOT_A_LIST, _MESSAGES[NOT_A_LIST])
    if problem:
        # Without the list nothing tells where one event ends and the next begins.
        raise BodyUnreadable(items=(problem,))
    _count(events, most)
    return [_from_event(event, f"/{index}") for index, event in enumerate(events)]


def _from_event(event: Any, at: str) -> Unit:
    # Only requests that send CloudEvents pay for reading them.
    from shared.ingest.cloudevents import data_of, place_of  # noqa: PLC0415

    raw = orjson.dumps(event)
    if len(raw) > LARGEST_RECORD:
        problems: tuple[Item, ...] = (Item("", TOO_LARGE, _MESSAGES[TOO_LARGE]),)
        record = None
    else:
        record, problems = data_of(event, lambda data: parse(data, ""))
    placed = tuple(Item(at + item.pointer, item.code, item.message) for item in problems)
    if placed:
        return Unit(at, STRUCTURED, raw, None, placed)
    # What the contract finds wrong lies inside the event's data.
    return Unit(at + place_of(event), STRUCTURED, raw, record)


def parse(  # noqa: PLR0911 - one for each way in which a text is no record
    raw: bytes, at: str, largest: int = LARGEST_RECORD
) -> tuple[Any, Item | None]:
    """Return the value of a JSON text, or what is wrong with it at ``at``."""
    if len(raw) > largest:
        return None, Item(at, TOO_LARGE, _MESSAGES[TOO_LARGE])
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None, Item(at, UNREADABLE, _MESSAGES[UNREADABLE])
    if _plain(raw, record):
        return record, None
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


def _plain(raw: bytes, record: Any) -> bool:
    r"""Tell whether a text needs no closer look, without walking through what it says.

    With few brackets it cannot be deep. Without ``\u`` it has no NUL, and every colon is spelled
    as a colon. Then a repeated name shows: the record, written out again, has fewer colons.
    """
    return (
        (b"\\" not in raw or b"\\u" not in raw)
        and raw.count(b"{") + raw.count(b"[") <= _DEEPEST
        and raw.count(b":") == orjson.dumps(record).count(b":")
    )


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
