"""Rows as they come out of a source, and what keeps one from becoming a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PROBLEMS = {
    "row_undecodable": "the row is not text in the source's encoding",
    "row_columns": "the row has more or fewer columns than the header",
    "row_broken": "the row's quotes do not fit the dialect, or a cell is too long",
    "row_too_large": "the record is larger than a record may be",
    "row_unreadable": "the line is not valid JSON in UTF-8",
    "row_not_object": "the record is not a JSON object",
    "value_not_text": "the value is an object or a list where text belongs",
    "value_not_integer": "the value is not a whole number",
    "value_not_number": "the value is not a number in the mapping's spelling",
    "value_not_boolean": "the value is neither true nor false; use map",
    "value_not_date": "the value is no date in any of the mapping's formats",
    "value_not_instant": "the value is no time in any of the mapping's formats",
    "value_without_zone": "the time has no offset, and the mapping names no zone",
    "value_not_mapped": "the value is not in the mapping's table, which has no otherwise",
    "value_not_list": "the value is not a list of objects",
    "value_not_sendable": "the value cannot be written as JSON in UTF-8",
}
"""Every reason for which a row is refused before it is sent, with its text."""


class Unmappable(ValueError):
    """A row cannot become a record; holds a code of `PROBLEMS`, never a value."""

    def __init__(self, code: str, pointer: str = "") -> None:
        """Keep the code, and the target field where one is known."""
        super().__init__(code)
        self.code = code
        self.pointer = pointer


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a source: its number from 0, where it stands from 1, and what it says."""

    index: int
    at: int
    value: Mapping[str, Any] = field(repr=False, default_factory=dict)
    raw: bytes = field(repr=False, default=b"")
    """The row's own JSON, where it has one: what is sent when there is no mapping."""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one row did not go in: where it stands, a JSON Pointer into its record, a code."""

    index: int
    at: int
    pointer: str
    code: str
    detail: str = ""
