"""What happens to a value on its way into a field: each step takes one and returns one.

Steps run in one order, whatever order the mapping lists them in: ``trim``, ``before`` … ``after``,
``number``, ``upper`` or ``lower``, ``map``, ``date`` or ``instant``, ``max_length``; then the value
is brought to the field's type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from shared.client.rows import Unmappable
from shared.client.sources import as_text
from shared.ingest.contracts import FieldType

type Step = Callable[[object], object]

_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_SPACES = str.maketrans("", "", " \u00a0\u202f\t'")
_UNSET = object()


def text_step(change: Callable[[str], str]) -> Step:
    """Return a step that changes text; other scalars are spelled as text first."""

    def step(value: object) -> object:
        found = as_text(value)
        return None if found is None else change(found)

    return step


def cut(mark: str, *, keep_before: bool, last: bool) -> Step:
    """Return a step that keeps what stands before or after a mark; without the mark, all of it."""

    def change(text: str) -> str:
        head, found, tail = text.rpartition(mark) if last else text.partition(mark)
        if not found:
            return text
        return head if keep_before else tail

    return text_step(change)


def number(decimal: str, thousands: str, strip: str) -> Step:
    """Return a step that reads a number as people write it: ``1.234,50 EUR``."""

    def change(text: str) -> str:
        for part in (strip, thousands):
            text = text.replace(part, "") if part else text
        text = text.translate(_SPACES)
        if decimal != ".":
            # What is left of the other mark would be taken for a decimal point.
            if "." in text:
                raise Unmappable("value_not_number")
            text = text.replace(decimal, ".")
        if not text:
            return ""
        if not _NUMBER.fullmatch(text):
            raise Unmappable("value_not_number")
        return format(Decimal(text), "f")

    return text_step(change)


def table(entries: Mapping[str, object], otherwise: object = _UNSET) -> Step:
    """Return a step that looks a value up; without ``otherwise`` an unknown one is refused."""

    def step(value: object) -> object:
        found = entries.get(as_text(value) or "", _UNSET)
        if found is not _UNSET:
            return found
        if otherwise is _UNSET:
            raise Unmappable("value_not_mapped")
        return otherwise

    return step


def _to_text(value: object) -> object:
    return as_text(value)


def _to_integer(value: object) -> object:
    if type(value) is int:
        return value
    text = as_text(value) or ""
    # 7.0 is how spreadsheets write a whole number.
    whole, _, fraction = text.partition(".")
    if isinstance(value, bool) or not _INTEGER.fullmatch(whole) or fraction.strip("0"):
        raise Unmappable("value_not_integer")
    return int(whole)


def _to_decimal(value: object) -> object:
    if isinstance(value, bool):
        raise Unmappable("value_not_number")
    # A number stays one: the gate reads its shortest spelling.
    return value if isinstance(value, (int, float)) else as_text(value)


def _to_boolean(value: object) -> object:
    if isinstance(value, bool):
        return value
    found = {"true": True, "false": False}.get((as_text(value) or "").lower())
    if found is None:
        raise Unmappable("value_not_boolean")
    return found


COERCIONS: dict[FieldType, Step] = {
    FieldType.TEXT: _to_text,
    FieldType.ENUM: _to_text,
    FieldType.DATE: _to_text,
    FieldType.INSTANT: _to_text,
    FieldType.INTEGER: _to_integer,
    FieldType.DECIMAL: _to_decimal,
    FieldType.BOOLEAN: _to_boolean,
}
"""The last step of every field but lists."""
