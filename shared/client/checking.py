"""The dry run: every row mapped and held against the contract's shape; nothing is sent.

The gate checks more than a shape (arithmetic, leaks, what is known already), so a clean dry run is
no promise; a problem found here is one that the gate would find, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

from shared.client.asks import Unmet, require_columns
from shared.client.mapping import RecordMapping
from shared.client.reading import Source
from shared.client.rows import PROBLEMS, Refusal, Unmappable
from shared.client.sections import Ask
from shared.ingest.shape import Shape

LISTED = 20


@dataclass(slots=True)
class Checked:
    """What a dry run found."""

    fit: int = 0
    left_out: int = 0
    unfit: int = 0
    first: list[Refusal] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    """How often each reason was met, by ``pointer code`` with list indexes as ``*``."""
    never_found: tuple[Ask, ...] = ()
    """What the mapping asks for and no row had."""

    @property
    def rows(self) -> int:
        return self.fit + self.left_out + self.unfit


def check(source: Source, mapping: RecordMapping) -> Checked:
    """Map and check every row. Raises `SourceUnreadable`, `MappingInvalid`."""
    shape = Shape(mapping.contract)
    found = Checked()
    with source.open() as reading:
        header = reading.header()
        if header is not None:
            require_columns(mapping.asks, header)
        unmet = Unmet(mapping.asks)
        for row in unmet.over(reading.rows()):
            try:
                body = mapping.record(row)
            except Unmappable as error:
                told = PROBLEMS[error.code]
                found.unfit += 1
                _note(found, Refusal(row.index, row.at, error.pointer, error.code, told))
                continue
            if body is None:
                found.left_out += 1
                continue
            _, items = shape.check(orjson.loads(body))
            found.fit += not items
            found.unfit += bool(items)
            for item in items:
                at = Refusal(row.index, row.at, item.pointer, item.code, item.message)
                _note(found, at)
        found.never_found = unmet.asks
    return found


def _note(found: Checked, refusal: Refusal) -> None:
    if len(found.first) < LISTED:
        found.first.append(refusal)
    steps = ("*" if step.isdigit() else step for step in refusal.pointer.split("/"))
    name = f"{'/'.join(steps) or '/'} {refusal.code}"
    found.codes[name] = found.codes.get(name, 0) + 1
